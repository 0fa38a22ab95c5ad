import { type ReactElement, useDeferredValue, useMemo } from "react";
import { Link } from "react-router";
import { Empty } from "../parts/empty.tsx";
import { ListTools } from "../parts/list-tools.tsx";
import { Loading } from "../parts/loading.tsx";
import { useAddressParams } from "../parts/use-address-params.ts";
import { selectSessions, SESSION_SHOWS, SESSION_SORTS } from "./session-selection.ts";
import { SessionTable } from "./session-table.tsx";
import { SessionTotals } from "./session-totals.tsx";
import { useSessions } from "./use-sessions.ts";
import "./sessions-page.css";

/** Every open session: who reads and writes how much, how long it takes, and what fails. */
export function SessionsPage(): ReactElement {
  const { sessions, loaded } = useSessions();
  const address = useAddressParams();
  const { params, set } = address;
  const text = params.get("q") ?? "";
  const show = SESSION_SHOWS.find((each) => each === params.get("show")) ?? "all";
  const sort = SESSION_SORTS.find((each) => each === params.get("sort")) ?? "read";
  // Typing stays ahead of sorting thousands of sessions.
  const wanted = useDeferredValue(text);
  const shown = useMemo(
    () => selectSessions(sessions.values(), { text: wanted, show, sort }),
    [sessions, wanted, show, sort],
  );

  if (!loaded) return <Loading what="sessions" />;
  if (sessions.size === 0) {
    return (
      <Empty title="No sessions now" commands={[{ what: "The same on the command line", text: "ingot session list" }]}>
        <p>
          A session is opened when a machine logs in to its disk: first by its firmware, then by its operating system. A
          machine that was turned away stands in the <Link to="/events?q=disk.refused">log</Link>, with the reason.
        </p>
      </Empty>
    );
  }
  return (
    <div className="page sessions-page">
      <SessionTotals sessions={sessions} />
      <ListTools
        what="session"
        searchLabel="Search sessions"
        placeholder="Machine, image, initiator, address …"
        className="sessions-search"
        params={address}
        show={show}
        shows={[
          { value: "all", label: "All" },
          { value: "busy", label: "Busy" },
          { value: "failed", label: "With failed commands" },
        ]}
        shown={shown.length}
        total={sessions.size}
      />
      {shown.length === 0 ? (
        <Empty title="Nothing to see">
          <p>No session fits the filter.</p>
        </Empty>
      ) : (
        <SessionTable
          sessions={shown}
          sort={sort}
          onSort={(value) => set("sort", value === "read" ? undefined : value)}
        />
      )}
    </div>
  );
}
