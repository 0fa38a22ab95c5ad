import type { Machine } from "@ingot/api";
import { type ReactElement, useMemo } from "react";
import { Link } from "react-router";
import { useFleet } from "../live/live-context.tsx";
import { EventLine } from "./event-line.tsx";

const SHOWN = 12;

/** The last events of one machine. */
export function MachineEvents({ machine }: { readonly machine: Machine }): ReactElement {
  const events = useFleet((fleet) => fleet.events);
  const own = useMemo(
    () =>
      events
        .filter((event) => event.machine === machine.id)
        .slice(-SHOWN)
        .toReversed(),
    [events, machine.id],
  );
  return (
    <section aria-label="Events">
      <h3 className="section-title">
        Last events
        <span>
          <Link className="quiet" to={`/events?q=${encodeURIComponent(machine.name)}`}>
            All in the log
          </Link>
        </span>
      </h3>
      <div className="machine-events">
        {own.length === 0 ? (
          <p className="quiet">Nothing lately.</p>
        ) : (
          own.map((event) => <EventLine key={event.id} event={event} />)
        )}
      </div>
    </section>
  );
}
