import type { IngotEvent } from "@ingot/api";
import { memo, type NamedExoticComponent } from "react";
import { Link } from "react-router";
import { formatLogTime, formatMoment } from "../format/duration.ts";
import { toneOf } from "./event-words.ts";
import "./event-line.css";

/** One line of the log. `machineName` makes it a link to the machine. */
export const EventLine: NamedExoticComponent<{
  readonly event: IngotEvent;
  readonly machineName?: string | undefined;
}> = memo(function EventLine({ event, machineName }) {
  const atMs = Date.parse(event.at);
  return (
    <div className="event" data-kind={event.kind}>
      <time className="faint" dateTime={event.at} title={formatMoment(atMs)}>
        {formatLogTime(atMs)}
      </time>
      <span className={`event-kind tone-text-${toneOf(event.kind)}`}>{event.kind}</span>
      <span className="event-message" title={event.message}>
        {machineName !== undefined && event.machine !== undefined && (
          <Link className="event-machine" to={`/machines/${event.machine}`}>
            {machineName}
          </Link>
        )}
        {event.message}
      </span>
    </div>
  );
});
