import type { ReactElement } from "react";

/** The product's mark: a cast bar. */
export function IngotMark({ size = 24 }: { readonly size?: number }): ReactElement {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path d="M9 8h14l3 5H6z" fill="#f0cd84" />
      <path d="M6 13h20l4 11H2z" fill="#d0993a" />
      <path d="M11 16.5h10l1.2 4H9.8z" fill="#9d6d1c" />
    </svg>
  );
}
