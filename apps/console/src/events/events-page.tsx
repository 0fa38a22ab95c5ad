import { Button, Select, Switch, TextInput } from "@mantine/core";
import type { IngotEvent } from "@ingot/api";
import { IconSearch } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactElement, useMemo, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { formatCountOf } from "../format/count.ts";
import { useFleet, useLive } from "../live/live-context.tsx";
import { Empty } from "../parts/empty.tsx";
import { Failure } from "../parts/failure.tsx";
import { Loading } from "../parts/loading.tsx";
import { useAction } from "../request/use-action.ts";
import { EventLine } from "./event-line.tsx";
import { EVENT_SUBJECTS, type EventFilter, selectEvents } from "./event-words.ts";
import "./events-page.css";

const LINE_PX = 31;
const OLDER_EVENTS = 1000;

/** The log: what happened, newest first, live. */
export function EventsPage(): ReactElement {
  const { api } = useLive();
  const live = useFleet((fleet) => fleet.events);
  const loaded = useFleet((fleet) => fleet.loaded);
  const machines = useFleet((fleet) => fleet.machines);
  const [params, setParams] = useSearchParams();
  const [older, setOlder] = useState<readonly IngotEvent[]>([]);
  const filter: EventFilter = {
    text: params.get("q") ?? "",
    subject: EVENT_SUBJECTS.find((subject) => subject === params.get("about")),
    faultsOnly: params.has("faults"),
  };
  const { text, subject, faultsOnly } = filter;
  const events = useMemo(() => {
    const firstLive = live[0]?.id ?? Number.POSITIVE_INFINITY;
    return [...older.filter((event) => event.id < firstLive), ...live];
  }, [older, live]);
  const shown = useMemo(
    () => selectEvents(events, { text, subject, faultsOnly }, (id) => machines.get(id)?.name),
    [events, text, subject, faultsOnly, machines],
  );
  const firstId = events[0]?.id ?? 0;
  const askOlder = useAction(async () => {
    const page = await api.events({ afterId: Math.max(0, firstId - 1 - OLDER_EVENTS), limit: OLDER_EVENTS });
    setOlder([...page.filter((event) => event.id < firstId), ...older]);
  });

  function set(key: string, value: string | undefined): void {
    const next = new URLSearchParams(params);
    if (value === undefined || value === "") next.delete(key);
    else next.set(key, value);
    setParams(next, { replace: true });
  }

  if (!loaded) return <Loading what="events" />;
  return (
    <div className="page">
      <header className="page-head">
        <div className="page-tools">
          <TextInput
            type="search"
            aria-label="Search events"
            placeholder="Machine, image, words …"
            leftSection={<IconSearch size={14} />}
            value={text}
            onChange={(event) => set("q", event.currentTarget.value)}
          />
          <Select
            aria-label="About"
            placeholder="About everything"
            clearable
            value={subject ?? null}
            onChange={(value) => set("about", value ?? undefined)}
            data={EVENT_SUBJECTS.map((value) => ({ value, label: `About ${value}s` })).map((option) =>
              option.value === "server" ? { ...option, label: "About the server" } : option,
            )}
          />
          <Switch
            label="Only faults"
            size="xs"
            checked={faultsOnly}
            onChange={(event) => set("faults", event.currentTarget.checked ? "yes" : undefined)}
          />
        </div>
        <span className="quiet" role="status">
          {formatCountOf(shown.length, "event")}
        </span>
      </header>
      {askOlder.failure !== undefined && <Failure failure={askOlder.failure} />}
      {shown.length === 0 ? (
        <Empty title="Nothing to see">
          <p>
            {events.length === 0
              ? "What machines, images and disks do appears here as it happens."
              : "No event fits the filter."}
          </p>
        </Empty>
      ) : (
        <Lines events={shown} />
      )}
      {firstId > 1 && (
        <div>
          <Button variant="default" loading={askOlder.running} onClick={() => void askOlder.run(undefined)}>
            Load older events
          </Button>
        </div>
      )}
    </div>
  );
}

function Lines({ events }: { readonly events: readonly IngotEvent[] }): ReactElement {
  const machines = useFleet((fleet) => fleet.machines);
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: events.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_PX,
    overscan: 12,
    getItemKey: (index) => events[index]?.id ?? index,
  });
  return (
    <div className="events card" ref={scroller} role="log" aria-label="Events, newest first" aria-live="off">
      <div style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
        {virtualizer.getVirtualItems().map((item) => {
          const event = events[item.index];
          return event === undefined ? null : (
            <div
              key={event.id}
              ref={virtualizer.measureElement}
              data-index={item.index}
              className="disks-slot"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <EventLine
                event={event}
                machineName={event.machine === undefined ? undefined : machines.get(event.machine)?.name}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}
