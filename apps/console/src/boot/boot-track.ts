import type { BootStage, BootStageEntry, BootTimeline, Machine } from "@ingot/api";

/** The stations of a boot as they are drawn, left to right. TFTP and HTTP share one: a machine takes one of them. */
export const STATIONS = ["dhcp", "program", "script", "iscsi", "read", "os", "up"] as const;
/** One of {@link STATIONS}. */
export type Station = (typeof STATIONS)[number];

/** What the stations are called above the tracks. */
export const STATION_LABELS: Readonly<Record<Station, string>> = {
  dhcp: "DHCP",
  program: "Boot file",
  script: "Script",
  iscsi: "iSCSI",
  read: "Disk read",
  os: "OS",
  up: "Up",
};

/** What a station stands for, in a sentence for tooltips. */
export const STATION_EXPLANATIONS: Readonly<Record<Station, string>> = {
  dhcp: "The machine's request for a boot program was answered.",
  program: "A boot program was read by TFTP or HTTP.",
  script: "The boot program asked for its script.",
  iscsi: "The firmware or iPXE logged in to the machine's disk.",
  read: "The boot loader reads the disk.",
  os: "The operating system has taken over the disk.",
  up: "The operating system reported that it is up.",
};

/**
 * How a boot stands at one station. `passed`: it went on from here. `active`: it is here now. `stalled`: it is here for longer
 * than is usual. `failed`: it came no further. `skipped`: it went past without stopping. `ahead`: not reached.
 */
type StopStatus = "passed" | "active" | "stalled" | "failed" | "skipped" | "ahead";

/** One station of one boot. */
export interface Stop {
  readonly station: Station;
  readonly status: StopStatus;
  /** Which stage was seen; absent where none was. */
  readonly stage?: BootStage;
  readonly reachedAtMs?: number;
  /** Time until the next station was reached, or until now where the boot still is here. */
  readonly durationMs?: number;
  readonly detail?: string;
  /** How much of the station's piece of the track is filled, 0 to 1. */
  readonly fill: number;
}

/** One boot, ready to be drawn. */
export interface BootTrack {
  readonly bootId: number;
  readonly stops: readonly Stop[];
  /** `booting`: under way. `settled`: the operating system runs. `failed`: it stopped. `past`: the machine has gone since. */
  readonly outcome: "booting" | "settled" | "failed" | "past";
  readonly startedAtMs: number;
  /** From power-on to the last station reached, to the failure, or to now while it is under way. */
  readonly totalMs: number;
  readonly failure?: string;
  readonly bytesRead: number;
}

/** A stage after which nothing came for this long is called stalled, in milliseconds: far above what slow machines need. */
const PATIENCE_MS: Readonly<Record<Station, number>> = {
  dhcp: 20_000,
  program: 30_000,
  script: 20_000,
  iscsi: 30_000,
  read: 180_000,
  os: 300_000,
  up: Number.POSITIVE_INFINITY,
};

/** Around when a healthy machine leaves a station, in milliseconds: sets only how fast the piece of track fills. */
const TYPICAL_MS: Readonly<Record<Station, number>> = {
  dhcp: 2_000,
  program: 3_000,
  script: 1_000,
  iscsi: 2_000,
  read: 20_000,
  os: 25_000,
  up: 1,
};

/** The track of the machine's last boot at `nowMs`, or `undefined` where it never booted from here. */
export function bootTrack(machine: Pick<Machine, "boot" | "state">, nowMs: number): BootTrack | undefined {
  const { boot, state } = machine;
  if (boot === undefined) return undefined;
  const seen = seenStations(boot.stages);
  const failedAt = boot.stages.find((entry) => entry.stage === "failed")?.at;
  const outcome = outcomeOf(state, failedAt !== undefined);
  const last = seen.at(-1);
  const startedAtMs = Date.parse(boot.startedAt);
  const stops = STATIONS.map((station): Stop => {
    const index = seen.findIndex((stop) => stop.station === station);
    const here = seen[index];
    if (here === undefined) {
      const passedBy = last !== undefined && STATIONS.indexOf(station) < STATIONS.indexOf(last.station);
      return { station, status: passedBy ? "skipped" : "ahead", fill: 0 };
    }
    const reachedAtMs = Date.parse(here.entry.at);
    const next = seen[index + 1];
    const facts = {
      station,
      stage: here.entry.stage,
      reachedAtMs,
      ...(here.entry.detail !== undefined && { detail: here.entry.detail }),
    };
    if (next !== undefined) {
      return { ...facts, status: "passed", durationMs: Math.max(0, Date.parse(next.entry.at) - reachedAtMs), fill: 1 };
    }
    if (outcome === "failed") {
      const untilMs = failedAt === undefined ? reachedAtMs : Date.parse(failedAt);
      return { ...facts, status: "failed", durationMs: Math.max(0, untilMs - reachedAtMs), fill: 1 };
    }
    if (outcome === "booting" && station !== "up") {
      const durationMs = Math.max(0, nowMs - reachedAtMs);
      const status = durationMs > PATIENCE_MS[station] ? "stalled" : "active";
      return { ...facts, status, durationMs, fill: activeFill(durationMs, TYPICAL_MS[station]) };
    }
    return { ...facts, status: "passed", fill: 1 };
  });
  const endMs = outcome === "booting" ? nowMs : Date.parse(failedAt ?? last?.entry.at ?? boot.startedAt);
  return {
    bootId: boot.bootId,
    stops,
    outcome,
    startedAtMs,
    totalMs: Math.max(0, endMs - startedAtMs),
    ...(boot.failure !== undefined && { failure: boot.failure }),
    bytesRead: boot.bytesRead,
  };
}

/** Where a boot is now: the station with the last stage seen. */
export function currentStop(track: BootTrack): Stop | undefined {
  return track.stops.findLast((stop) => stop.status !== "ahead" && stop.status !== "skipped");
}

/** The whole track as one sentence, for readers who do not see it. */
export function describeTrack(track: BootTrack, formatDuration: (ms: number) => string): string {
  const stop = currentStop(track);
  const where = stop === undefined ? "power-on" : STATION_LABELS[stop.station];
  switch (track.outcome) {
    case "booting":
      return `Boot ${track.bootId}: ${stop?.status === "stalled" ? "stalled" : "now"} at ${where} for ${formatDuration(stop?.durationMs ?? track.totalMs)}, ${formatDuration(track.totalMs)} since power-on`;
    case "failed":
      return `Boot ${track.bootId}: failed at ${where}${track.failure === undefined ? "" : `: ${track.failure}`}`;
    case "settled":
      return `Boot ${track.bootId}: reached ${where} in ${formatDuration(track.totalMs)}`;
    case "past":
      return `Boot ${track.bootId}, over: reached ${where} in ${formatDuration(track.totalMs)}`;
  }
}

/** The furthest station that a boot has reached, without drawing it: cheap enough for thousands at once. */
export function stationReached(boot: BootTimeline): Station | undefined {
  let furthest = -1;
  for (const entry of boot.stages) {
    const station = stationOf(entry.stage);
    if (station !== undefined) furthest = Math.max(furthest, STATIONS.indexOf(station));
  }
  return STATIONS[furthest];
}

/** The station that a stage belongs to; `undefined` for `failed`, which is not a place. */
function stationOf(stage: BootStage): Station | undefined {
  if (stage === "failed") return undefined;
  return stage === "tftp" || stage === "http" ? "program" : stage;
}

interface SeenStation {
  readonly station: Station;
  readonly entry: BootStageEntry;
}

/** Stations in the order of the track, each with the first stage seen there. */
function seenStations(entries: readonly BootStageEntry[]): SeenStation[] {
  const seen: SeenStation[] = [];
  for (const station of STATIONS) {
    const entry = entries.find((candidate) => stationOf(candidate.stage) === station);
    if (entry !== undefined) seen.push({ station, entry });
  }
  return seen;
}

function outcomeOf(state: Machine["state"], failed: boolean): BootTrack["outcome"] {
  switch (state) {
    case "booting":
      return failed ? "failed" : "booting";
    case "failed":
      return "failed";
    case "running":
    case "up":
      return "settled";
    case "new":
    case "off":
      return failed ? "failed" : "past";
  }
}

/** Approaches, but never reaches, a full piece: two thirds after the typical time. */
function activeFill(elapsedMs: number, typicalMs: number): number {
  return Math.min(0.96, 0.08 + 0.9 * (1 - Math.exp(-elapsedMs / typicalMs)));
}
