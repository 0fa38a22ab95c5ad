import type { BootTimeline, Firmware, Machine, MachineState, MachineTraffic, Settings } from "@ingot/api";
import type { MachineRecord } from "./machine-store.ts";
import { type EffectiveSettings, resolveSettings } from "./settings-rules.ts";

/** What is known of a machine right now and not read from the database. */
export interface LiveFacts {
  readonly state: MachineState;
  readonly boot: BootTimeline | undefined;
  readonly traffic: MachineTraffic;
}

/** The machine as the API shows it. */
export function machineOf(record: MachineRecord, server: Settings, live: LiveFacts): Machine {
  const { row } = record;
  return {
    id: row.id,
    name: row.name,
    macs: record.macs,
    group: row.group_name ?? undefined,
    site: row.site ?? undefined,
    comment: row.comment ?? undefined,
    uuid: row.uuid ?? undefined,
    serial: row.serial ?? undefined,
    manufacturer: row.manufacturer ?? undefined,
    product: row.product ?? undefined,
    firmware: row.firmware as Firmware,
    ...effectiveOf(record, server),
    own: record.own,
    quirks: record.quirks,
    chap: row.chap_user === null ? undefined : { user: row.chap_user },
    state: live.state,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at ?? undefined,
    lastEvent: row.last_event === null ? undefined : (JSON.parse(row.last_event) as Machine["lastEvent"]),
    address: row.address ?? undefined,
    boot: live.boot,
    traffic: live.traffic,
  };
}

/** The settings that hold for a machine. */
export function effectiveOf(record: MachineRecord, server: Settings): EffectiveSettings {
  return resolveSettings(record.own, record.group, server);
}
