import type { ServiceStatus } from "@ingot/api";
import { Popover, UnstyledButton } from "@mantine/core";
import type { ReactElement } from "react";
import { formatBytes, formatRate } from "../format/bytes.ts";
import { formatCountOf } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import { useFleet, useNow } from "../live/live-context.tsx";
import { Sparkline } from "../parts/sparkline.tsx";
import "./server-status.css";

/** How the server is: its services, and what goes over the wire now. */
export function ServerStatus(): ReactElement | null {
  const status = useFleet((fleet) => fleet.status);
  const rates = useFleet((fleet) => fleet.serverRates);
  if (status === undefined) return null;
  const { traffic, services } = status;
  const failed = services.filter((service) => service.state === "failed");
  const ready = services.filter((service) => service.state === "ready");
  return (
    <div className="server">
      <div
        className="server-traffic"
        title={`${formatBytes(traffic.bytesRead)} read and ${formatBytes(traffic.bytesWritten)} written since the server started`}
      >
        <Sparkline values={rates.values} width={84} height={24} />
        <span>
          <span className="visually-hidden">Read from disks now: </span>
          <b>{formatRate(traffic.readBytesPerSecond)}</b>
          <small>read</small>
        </span>
        <span>
          <span className="visually-hidden">Written to disks now: </span>
          <b>{formatRate(traffic.writtenBytesPerSecond)}</b>
          <small>written</small>
        </span>
      </div>
      <Popover position="bottom-end" width={360} shadow="md" radius="md">
        <Popover.Target>
          <UnstyledButton className="server-services" aria-label="Services">
            <span className="server-lamps" aria-hidden="true">
              {services.map((service) => (
                <i key={service.name} className={`server-lamp server-${service.state}`} />
              ))}
            </span>
            <span className={failed.length > 0 ? "tone-text-failed" : ""}>
              {failed.length > 0
                ? `${formatCountOf(failed.length, "service")} failed`
                : `${formatCountOf(ready.length, "service")} up`}
            </span>
          </UnstyledButton>
        </Popover.Target>
        <Popover.Dropdown>
          <Services services={services} version={status.version} startedAt={status.startedAt} />
        </Popover.Dropdown>
      </Popover>
    </div>
  );
}

const STATE_WORDS: Readonly<Record<ServiceStatus["state"], string>> = { ready: "ready", off: "off", failed: "failed" };

function Services(props: {
  readonly services: readonly ServiceStatus[];
  readonly version: string;
  readonly startedAt: string;
}): ReactElement {
  const nowMs = useNow();
  return (
    <>
      <ul className="server-list">
        {props.services.map((service) => (
          <li key={service.name}>
            <i className={`server-lamp server-${service.state}`} aria-hidden="true" />
            <b>{service.name}</b>
            <span className="mono quiet">{service.address}</span>
            <span className={service.state === "failed" ? "tone-text-failed" : "faint"}>
              {STATE_WORDS[service.state]}
            </span>
            {service.detail !== undefined && <small>{service.detail}</small>}
          </li>
        ))}
      </ul>
      <p className="server-foot faint">
        Ingot {props.version}, running for {formatDuration(nowMs - Date.parse(props.startedAt))}
      </p>
    </>
  );
}
