import { useVirtualizer } from "@tanstack/react-virtual";
import type { RefObject } from "react";

/** The rows of a long list that are on the screen, or nearly. */
export interface VirtualRows {
  readonly rows: readonly { readonly index: number; readonly topPx: number }[];
  /** The height of all rows together. */
  readonly totalPx: number;
  /** Scrolls just as far as is needed to show the row. */
  readonly reveal: (index: number) => void;
}

/** Rows of one height in `scroller`, of which only those on the screen exist. `headPx` is a head that sticks to the top. */
export function useVirtualRows(options: {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly count: number;
  readonly rowPx: number;
  readonly headPx: number;
}): VirtualRows {
  const { scroller, count, rowPx, headPx } = options;
  // The rule is about React's compiler, which this build does not use: the result changes with every scroll and must not be kept.
  // oxlint-disable-next-line react/incompatible-library
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan: 8,
    paddingStart: headPx,
    scrollPaddingStart: headPx,
  });
  return {
    rows: virtualizer.getVirtualItems().map((item) => ({ index: item.index, topPx: item.index * rowPx })),
    totalPx: count * rowPx,
    reveal: (index) => virtualizer.scrollToIndex(index, { align: "auto" }),
  };
}
