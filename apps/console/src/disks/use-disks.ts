import { useEffect } from "react";
import type { Fleet } from "../live/fleet.ts";
import { useFleet, useLive } from "../live/live-context.tsx";

/** All disks by machine id; the first page that needs them has them loaded. */
export function useDisks(): { readonly disks: Fleet["disks"]; readonly loaded: boolean } {
  const { store } = useLive();
  const disks = useFleet((fleet) => fleet.disks);
  const listsLoaded = useFleet((fleet) => fleet.loaded);
  const loaded = useFleet((fleet) => fleet.disksLoaded);
  useEffect(() => {
    if (listsLoaded) store.wantDisks();
  }, [store, listsLoaded]);
  return { disks, loaded: loaded && listsLoaded };
}
