import { IconPlugConnectedX } from "@tabler/icons-react";
import { type ReactElement, useSyncExternalStore } from "react";
import { formatDuration } from "../format/duration.ts";
import { useLive, useNow } from "../live/live-context.tsx";
import "./connection-banner.css";

/** Says that what is shown is not live, since when, and that it mends itself. Nothing while all is well. */
export function ConnectionBanner(): ReactElement | null {
  const { store } = useLive();
  const connection = useSyncExternalStore(store.subscribe, store.connection);
  return connection.kind === "lost" ? <Lost sinceMs={connection.sinceMs} /> : null;
}

function Lost({ sinceMs }: { readonly sinceMs: number }): ReactElement {
  const nowMs = useNow();
  return (
    <div className="lost" role="alert">
      <IconPlugConnectedX size={17} aria-hidden="true" />
      <b>Connection lost</b>
      <span>
        What you see is {formatDuration(Math.max(1000, nowMs - sinceMs))} old. Machines keep running without this page;
        it reconnects by itself.
      </span>
    </div>
  );
}
