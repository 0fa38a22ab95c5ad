import { Button, Select, Switch, TextInput } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import type { IngotEvent } from "@ingot/api";
import { IconSearch } from "@tabler/icons-react";
import { type ReactElement, useMemo, useRef, useState } from "react";
import { formatCountOf } from "../format/count.ts";
import { useFleet, useLive } from "../live/live-context.tsx";
import { Empty } from "../parts/empty.tsx";
import { Failure } from "../parts/failure.tsx";
import { Loading } from "../parts/loading.tsx";
import { useAddressParams } from "../parts/use-address-params.ts";
import { useVirtualRows } from "../parts/use-virtual-rows.ts";
import { useAction } from "../request/use-action.ts";
import { EventLine } from "./event-line.tsx";
import { EVENT_SUBJECTS, type EventFilter, selectEvents } from "./event-words.ts";
import "./events-page.css";

const LINE_PX = 30;
const NARROW_LINE_PX = 50;
const OLDER_EVENTS = 1000;

/** The log: what happened, newest first, live. */
export function EventsPage(): ReactElement {
  const { api } = useLive();
  const live = useFleet((fleet) => fleet.events);
  const loaded = useFleet((fleet) => fleet.loaded);
  const machines = useFleet((fleet) => fleet.machines);
  const { params, set } = useAddressParams();
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
        <output className="quiet">{formatCountOf(shown.length, "event")}</output>
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
  const narrow = useMediaQuery("(max-width: 860px)", false, { getInitialValueInEffect: false });
  const scroller = useRef<HTMLDivElement>(null);
  const rowPx = narrow ? NARROW_LINE_PX : LINE_PX;
  const { rows, totalPx } = useVirtualRows({ scroller, count: events.length, rowPx, headPx: 0 });
  return (
    <div className="events card" ref={scroller} role="log" aria-label="Events, newest first" aria-live="off">
      <div style={{ height: totalPx, position: "relative" }}>
        {rows.map(({ index, topPx }) => {
          const event = events[index];
          return event === undefined ? null : (
            <div key={event.id} className="virtual-slot" style={{ height: rowPx, transform: `translateY(${topPx}px)` }}>
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
