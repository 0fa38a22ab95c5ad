import type {
  BootStage,
  BootTimeline,
  Disk,
  Group,
  Image,
  IngotEvent,
  Machine,
  MachineState,
  Session,
  Status,
  Job,
  Task,
} from "@ingot/api";
import { makeSessionOf, seeded } from "./fake-sessions.ts";
import { makeStatus } from "./fake-status.ts";

/** Everything a fake server knows. */
export interface FakeFleet {
  readonly machines: Map<string, Machine>;
  readonly groups: Map<string, Group>;
  readonly images: Map<string, Image>;
  readonly disks: Map<string, Disk>;
  readonly sessions: Map<string, Session>;
  readonly jobs: Map<string, Job>;
  readonly tasks: Map<string, Task>;
  readonly events: IngotEvent[];
  status: Status;
}

const GiB = 2 ** 30;
const MiB = 2 ** 20;

/** A moment `agoMs` before `nowMs`, as the API writes it. */
export function before(nowMs: number, agoMs: number): string {
  return new Date(nowMs - agoMs).toISOString();
}

/** A boot whose stages were reached so many milliseconds after its start. */
export function makeBoot(
  startedAtMs: number,
  stages: Partial<Record<BootStage, number>>,
  facts: Partial<BootTimeline> = {},
): BootTimeline {
  return {
    bootId: 1,
    startedAt: new Date(startedAtMs).toISOString(),
    stages: Object.entries(stages).map(([stage, afterMs]) => ({
      stage: stage as BootStage,
      at: new Date(startedAtMs + afterMs).toISOString(),
      detail: DETAILS[stage as BootStage],
    })),
    bytesRead: 0,
    bytesWritten: 0,
    ...facts,
  };
}

const DETAILS: Partial<Record<BootStage, string>> = {
  dhcp: "PXEClient, answered with 10.77.0.1",
  tftp: "undionly.kpxe, 87 KiB",
  http: "snponly.efi, 1.1 MiB",
  script: "diskless: sanboot",
  iscsi: "iqn.2010-04.org.ipxe:pc",
  os: "iqn.1993-08.org.debian:01:5f2c",
  up: "Debian GNU/Linux 12",
};

/** A machine that is off, with what `facts` says otherwise. */
export function makeMachine(nowMs: number, facts: Partial<Machine> & Pick<Machine, "id" | "name">): Machine {
  return {
    macs: ["52:54:00:12:34:01"],
    firmware: "uefi-x64",
    plan: "diskless",
    planFrom: "default",
    image: { name: "debian13" },
    imageFrom: "group",
    mode: "reset",
    modeFrom: "default",
    own: {},
    quirks: {},
    state: "off",
    createdAt: before(nowMs, 9 * 86_400_000),
    traffic: { sessions: 0, readBytesPerSecond: 0, writtenBytesPerSecond: 0 },
    ...facts,
  };
}

/** The disk of a machine with `overlayBytes` of changes that grew while it booted. */
export function makeDisk(nowMs: number, machine: Machine, overlayBytes: number): Disk {
  return {
    machine: machine.id,
    machineName: machine.name,
    portal: "10.77.0.1:3260",
    target: `iqn.2026-11.org.ingot:${machine.id}`,
    lun: 0,
    sizeBytes: 20 * GiB,
    overlayBytes,
    mode: machine.mode,
    image: { name: "debian13", version: 3 },
    sessions:
      machine.traffic.sessions === 0
        ? []
        : [
            {
              initiator: `iqn.1993-08.org.debian:01:${machine.id}`,
              peer: `${machine.address ?? "10.77.0.99"}:51020`,
              since: before(nowMs, 42_000),
              bytesRead: 143 * MiB,
              bytesWritten: overlayBytes,
            },
          ],
    history: Array.from({ length: 24 }, (_, index) => ({
      at: before(nowMs, (24 - index) * 4_000),
      overlayBytes: Math.round(overlayBytes * Math.min(1, (index / 20) ** 1.7)),
    })),
  };
}

/** A server with images and groups, and no machine. */
export function makeFleet(nowMs: number): FakeFleet {
  const images: Image[] = [
    {
      name: "debian13",
      createdAt: before(nowMs, 40 * 86_400_000),
      versions: [
        version(nowMs, 1, 40, 20 * GiB, 1.42 * GiB, 0.11 * GiB, 0.52 * GiB, 0),
        version(nowMs, 2, 12, 20 * GiB, 1.47 * GiB, 0.06 * GiB, 0.09 * GiB, 4),
        version(nowMs, 3, 1, 20 * GiB, 1.51 * GiB, 0.13 * GiB, 0.07 * GiB, 3),
      ],
      tags: { stable: 2, canary: 3 },
    },
    {
      name: "win11-lab",
      createdAt: before(nowMs, 90 * 86_400_000),
      versions: [
        version(nowMs, 6, 34, 128 * GiB, 31.4 * GiB, 2.2 * GiB, 14.1 * GiB, 0),
        version(nowMs, 7, 5, 128 * GiB, 33.8 * GiB, 4.4 * GiB, 2.3 * GiB, 180),
      ],
      tags: { stable: 7 },
    },
  ];
  return {
    machines: new Map(),
    groups: new Map(),
    images: new Map(images.map((image) => [image.name, image])),
    disks: new Map(),
    sessions: new Map(),
    jobs: new Map(),
    tasks: new Map(),
    events: [],
    status: makeStatus(nowMs),
  };
}

/** What a stranger sees during the demo: one BIOS machine that is up, one UEFI machine that is booting, one that failed. */
export function makeDemoFleet(nowMs: number): FakeFleet {
  const fleet = makeFleet(nowMs);
  add(fleet, nowMs, {
    id: "m1",
    name: "demo-bios",
    macs: ["52:54:00:12:34:01"],
    firmware: "bios",
    address: "10.77.0.101",
    state: "up",
    mode: "persistent",
    manufacturer: "QEMU",
    product: "Standard PC (i440FX + PIIX, 1996)",
    uuid: "4c4c4544-0035-4810-8051-b4c04f4e3132",
    boot: makeBoot(
      nowMs - 96_000,
      { dhcp: 0, tftp: 900, script: 2_300, iscsi: 2_420, read: 2_600, os: 24_300, up: 47_800 },
      { bootId: 2, bytesRead: 143 * MiB },
    ),
    traffic: { sessions: 1, readBytesPerSecond: 0, writtenBytesPerSecond: 48 * 1024 },
    lastSeenAt: before(nowMs, 4_000),
  });
  add(fleet, nowMs, {
    id: "m2",
    name: "demo-uefi",
    macs: ["52:54:00:12:34:02"],
    address: "10.77.0.102",
    state: "booting",
    boot: makeBoot(
      nowMs - 14_600,
      { dhcp: 0, http: 1_900, script: 5_100, iscsi: 5_400, read: 5_700 },
      { bytesRead: 61 * MiB },
    ),
    traffic: { sessions: 1, readBytesPerSecond: 9.4 * MiB, writtenBytesPerSecond: 0 },
    lastSeenAt: before(nowMs, 500),
  });
  add(fleet, nowMs, {
    id: "m3",
    name: "pc-52540012aa03",
    macs: ["52:54:00:12:aa:03"],
    address: "10.77.0.103",
    state: "failed",
    imageFrom: "default",
    boot: makeBoot(
      nowMs - 190_000,
      { dhcp: 0, tftp: 1_100, script: 4_200, failed: 64_200 },
      { failure: "no iSCSI login within 60 s of the script" },
    ),
    lastSeenAt: before(nowMs, 126_000),
  });
  say(fleet, nowMs, 190_000, "machine.registered", "m3", "registered itself as pc-52540012aa03 (UEFI, 10.77.0.103)");
  say(fleet, nowMs, 126_000, "machine.failed", "m3", "no iSCSI login within 60 s of the script");
  say(fleet, nowMs, 96_000, "machine.booting", "m1", "boot 2: asked for a boot program (BIOS)");
  say(fleet, nowMs, 71_700, "machine.running", "m1", "Debian has taken over the disk");
  say(fleet, nowMs, 48_200, "machine.up", "m1", "up after 48 s, 143 MiB read");
  say(fleet, nowMs, 14_600, "machine.booting", "m2", "boot 1: asked for a boot program (UEFI)");
  return fleet;
}

const SHARES: readonly (readonly [MachineState, number])[] = [
  ["up", 0.62],
  ["running", 0.05],
  ["booting", 0.11],
  ["failed", 0.006],
  ["new", 0.01],
  ["off", 1],
];

/** A school authority's fleet: rooms of 25, most machines up, one room just switched on. The same for the same count. */
export function makeLargeFleet(nowMs: number, count: number): FakeFleet {
  const fleet = makeFleet(nowMs);
  const random = seeded(7);
  for (let index = 0; index < count; index += 1) {
    const room = `room-${100 + Math.floor(index / 25)}`;
    if (!fleet.groups.has(room)) {
      fleet.groups.set(room, { name: room, settings: {}, machineCount: 25, createdAt: before(nowMs, 40 * 86_400_000) });
    }
    let left = random();
    const state = SHARES.find(([, share]) => (left -= share) < 0)?.[0] ?? "off";
    const id = `m${index}`;
    const boot = bootOf(state, nowMs, random);
    const busy = state === "booting" || state === "running" || (state === "up" && random() < 0.2);
    add(fleet, nowMs, {
      id,
      name: `${room}-pc-${(index % 25) + 1}`,
      macs: [`52:54:00:${hex(index >> 16)}:${hex(index >> 8)}:${hex(index)}`],
      firmware: random() < 0.2 ? "bios" : "uefi-x64",
      group: room,
      address: `10.77.${index >> 8}.${index & 255}`,
      state,
      image: random() < 0.7 ? { name: "win11-lab", version: 7 } : { name: "debian13", tag: "stable" },
      mode: random() < 0.85 ? "reset" : "persistent",
      ...(boot !== undefined && { boot }),
      traffic: {
        sessions: state === "off" || state === "new" ? 0 : 1,
        readBytesPerSecond: busy ? Math.round(random() * 14 * MiB) : 0,
        writtenBytesPerSecond: busy ? Math.round(random() * MiB) : 0,
      },
    });
    const event = EVENTS[state];
    say(fleet, nowMs, Math.round(random() * 7_200_000), event[0], id, event[1]);
  }
  fleet.events.sort((a, b) => a.at.localeCompare(b.at));
  fleet.events.forEach((event, index) => Object.assign(event, { id: index + 1 }));
  fleet.status = {
    ...fleet.status,
    traffic: { ...fleet.status.traffic, readBytesPerSecond: 1.21 * GiB, writtenBytesPerSecond: 38 * MiB },
  };
  return fleet;
}

const EVENTS: Readonly<Record<MachineState, readonly [IngotEvent["kind"], string]>> = {
  up: ["machine.up", "up after 51 s, 187 MiB read"],
  running: ["machine.running", "Windows has taken over the disk"],
  booting: ["machine.booting", "asked for a boot program (UEFI)"],
  failed: ["machine.failed", "no iSCSI login within 60 s of the script"],
  new: ["machine.registered", "registered itself"],
  off: ["machine.off", "closed its disk and was not heard of since"],
};

function bootOf(state: MachineState, nowMs: number, random: () => number): BootTimeline | undefined {
  if (state === "new") return undefined;
  const step = (ms: number): number => Math.round(ms * (0.6 + random()));
  const tftp = step(900);
  const script = tftp + step(1_400);
  const iscsi = script + step(150);
  const read = iscsi + step(220);
  const os = read + step(21_000);
  const up = os + step(24_000);
  const all = { dhcp: 0, tftp, script, iscsi, read, os, up };
  if (state === "failed") {
    return makeBoot(
      nowMs - 300_000,
      { dhcp: 0, tftp, script, failed: script + 60_000 },
      { failure: "no iSCSI login within 60 s of the script" },
    );
  }
  if (state === "booting") {
    const sofar = Math.round(random() * up);
    const reached = Object.fromEntries(Object.entries(all).filter(([, at]) => at <= sofar));
    return makeBoot(nowMs - sofar, reached, { bytesRead: Math.max(0, Math.round(((sofar - read) / up) * 190 * MiB)) });
  }
  const stages = state === "running" ? { dhcp: 0, tftp, script, iscsi, read, os } : all;
  return makeBoot(nowMs - 7_200_000, stages, { bytesRead: Math.round(160 * MiB + random() * 60 * MiB) });
}

function version(
  nowMs: number,
  number: number,
  daysAgo: number,
  sizeBytes: number,
  dataBytes: number,
  uniqueBytes: number,
  storedBytes: number,
  inUseBy: number,
): Image["versions"][number] {
  return {
    version: number,
    manifestId: String(number).repeat(64).slice(0, 64),
    createdAt: before(nowMs, daysAgo * 86_400_000),
    sizeBytes,
    dataBytes: Math.round(dataBytes),
    uniqueBytes: Math.round(uniqueBytes),
    storedBytes: Math.round(storedBytes),
    chunkCount: Math.round(dataBytes / 262_144),
    inUseBy,
  };
}

function add(fleet: FakeFleet, nowMs: number, facts: Partial<Machine> & Pick<Machine, "id" | "name">): void {
  const machine = makeMachine(nowMs, facts);
  fleet.machines.set(machine.id, machine);
  if (machine.boot !== undefined) {
    fleet.disks.set(
      machine.id,
      makeDisk(nowMs, machine, ((machine.id.length * 37 + machine.name.length * 91) % 97) * 11 * MiB),
    );
  }
  if (machine.traffic.sessions > 0) {
    const session = makeSessionOf(nowMs, machine, seeded(fleet.sessions.size));
    fleet.sessions.set(session.id, session);
  }
  fleet.status = {
    ...fleet.status,
    counts: {
      ...fleet.status.counts,
      machines: fleet.machines.size,
      disks: fleet.disks.size,
      sessions: fleet.sessions.size,
    },
  };
}

function say(
  fleet: FakeFleet,
  nowMs: number,
  agoMs: number,
  kind: IngotEvent["kind"],
  machineId: string,
  message: string,
): void {
  const id = fleet.events.length + 1;
  const event: IngotEvent = { id, at: before(nowMs, agoMs), kind, machine: machineId, message };
  fleet.events.push(event);
  const machine = fleet.machines.get(machineId);
  if (machine !== undefined) {
    fleet.machines.set(machineId, { ...machine, lastEvent: { id: event.id, at: event.at, kind, message } });
  }
}

function hex(byte: number): string {
  return (byte & 255).toString(16).padStart(2, "0");
}
