import { SegmentedControl, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { type ReactElement, useDeferredValue, useMemo } from "react";
import { Link } from "react-router";
import { formatCount, formatCountOf } from "../format/count.ts";
import { Empty } from "../parts/empty.tsx";
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
  const { params, set } = useAddressParams();
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
      <header className="page-head">
        <div className="page-tools">
          <TextInput
            type="search"
            className="sessions-search"
            aria-label="Search sessions"
            placeholder="Machine, image, initiator, address …"
            leftSection={<IconSearch size={14} />}
            value={text}
            onChange={(event) => set("q", event.currentTarget.value)}
          />
          <SegmentedControl
            aria-label="Show"
            value={show}
            onChange={(value) => set("show", value === "all" ? undefined : value)}
            data={[
              { value: "all", label: "All" },
              { value: "busy", label: "Busy" },
              { value: "failed", label: "With failed commands" },
            ]}
          />
        </div>
        <output className="quiet">
          {shown.length === sessions.size
            ? formatCountOf(shown.length, "session")
            : `${formatCount(shown.length)} of ${formatCountOf(sessions.size, "session")}`}
        </output>
      </header>
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
