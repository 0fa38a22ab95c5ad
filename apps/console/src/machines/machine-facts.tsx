import type { Machine } from "@ingot/api";
import type { ReactElement, ReactNode } from "react";
import { formatMoment } from "../format/duration.ts";
import { FIRMWARE_LABELS } from "./machine-words.ts";
import { Ago } from "./machine-row.tsx";

/** What is known of a machine. Facts that are not known take no room. */
export function MachineFacts({ machine }: { readonly machine: Machine }): ReactElement {
  const product = [machine.manufacturer, machine.product].filter((text) => text !== undefined).join(" ");
  return (
    <section aria-label="Facts">
      <h3 className="section-title">Machine</h3>
      <dl className="facts">
        <Fact name={machine.macs.length > 1 ? "MAC addresses" : "MAC address"}>
          <span className="mono">{machine.macs.join(" ")}</span>
        </Fact>
        <Fact name="Address">{machine.address}</Fact>
        <Fact name="Firmware">{FIRMWARE_LABELS[machine.firmware]}</Fact>
        <Fact name="Model">{product === "" ? undefined : product}</Fact>
        <Fact name="Serial number">{machine.serial}</Fact>
        <Fact name="UUID">{machine.uuid === undefined ? undefined : <span className="mono">{machine.uuid}</span>}</Fact>
        <Fact name="Group">{machine.group}</Fact>
        <Fact name="Site">{machine.site}</Fact>
        <Fact name="Last seen">
          {machine.lastSeenAt === undefined ? undefined : <Ago atMs={Date.parse(machine.lastSeenAt)} />}
        </Fact>
        <Fact name="In the inventory since">{formatMoment(Date.parse(machine.createdAt))}</Fact>
        <Fact name="Comment">{machine.comment}</Fact>
      </dl>
    </section>
  );
}

/** One fact of a list of facts; nothing where it is not known. */
export function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactElement | null {
  if (children === undefined || children === null || children === "") return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
