import { createContext, type ReactElement, type ReactNode, useContext, useSyncExternalStore } from "react";
import type { ApiClient } from "../request/api-client.ts";
import type { Clock } from "./clock.ts";
import type { Fleet } from "./fleet.ts";
import type { LiveStore } from "./live-store.ts";

/** What every page needs: what is known, what time it is, and how to ask for something. */
export interface Live {
  readonly store: LiveStore;
  readonly clock: Clock;
  readonly api: ApiClient;
}

const LiveContext = createContext<Live | undefined>(undefined);

/** Gives `live` to everything below. */
export function LiveProvider({ live, children }: { readonly live: Live; readonly children: ReactNode }): ReactElement {
  return <LiveContext value={live}>{children}</LiveContext>;
}

/** The console's store, clock and API. */
export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === undefined) throw new Error("useLive outside of LiveProvider");
  return live;
}

/** A part of what is known; renders again only when that part changed. `select` MUST return a part as it is, not a new object. */
export function useFleet<Part>(select: (fleet: Fleet) => Part): Part {
  const { store } = useLive();
  return useSyncExternalStore(store.subscribe, () => select(store.fleet()));
}

/** The time by the server's clock, in milliseconds; renders again every second. */
export function useNow(): number {
  const { clock } = useLive();
  return useSyncExternalStore(clock.subscribe, clock.now);
}
