import { useEffect } from "react";
import type { Fleet } from "../live/fleet.ts";
import { useFleet, useLive } from "../live/live-context.tsx";

/** All open sessions by id; the first page that needs them has them loaded. */
export function useSessions(): { readonly sessions: Fleet["sessions"]; readonly loaded: boolean } {
  const { store } = useLive();
  const sessions = useFleet((fleet) => fleet.sessions);
  const listsLoaded = useFleet((fleet) => fleet.loaded);
  const loaded = useFleet((fleet) => fleet.sessionsLoaded);
  useEffect(() => {
    if (listsLoaded) store.wantSessions();
  }, [store, listsLoaded]);
  return { sessions, loaded: loaded && listsLoaded };
}
