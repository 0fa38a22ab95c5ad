import { useState } from "react";
import { useSearchParams } from "react-router";

/** What the page's address says after `?`, and how to change it. */
export interface AddressParams {
  readonly params: URLSearchParams;
  readonly change: (edit: (params: URLSearchParams) => void) => void;
  /** Sets one parameter; nothing or an empty text takes it away. */
  readonly set: (key: string, value: string | undefined) => void;
}

/**
 * Filters that stand in the page's address, so that a wall screen or a bookmark keeps them. The address follows in its own
 * time; what was typed or pressed counts at once, also for the next change.
 */
export function useAddressParams(): AddressParams {
  const [address, setAddress] = useSearchParams();
  const [params, setParams] = useState(address);

  function change(edit: (params: URLSearchParams) => void): void {
    const next = new URLSearchParams(params);
    edit(next);
    setParams(next);
    setAddress(next, { replace: true });
  }

  return {
    params,
    change,
    set: (key, value) =>
      change((next) => {
        if (value === undefined || value === "") next.delete(key);
        else next.set(key, value);
      }),
  };
}
