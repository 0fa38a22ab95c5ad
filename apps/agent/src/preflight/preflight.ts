import { AgentError } from "../errors.ts";
import type { Disk } from "../inventory/disk.ts";
import type { FirmwareFacts } from "../inventory/firmware.ts";
import type { PowerFacts } from "../inventory/power.ts";
import {
  checkFirmware,
  checkHealth,
  checkIdentity,
  checkInUse,
  checkLeftovers,
  checkPower,
  type CheckResult,
  checkSectorSize,
  checkSignature,
  checkSize,
  type ImageFacts,
} from "./checks.ts";
import type { Leftover } from "./leftovers.ts";

/** All that is known before the first write. */
export interface PreflightFacts {
  readonly image: ImageFacts;
  readonly disk: Disk;
  readonly firmware: FirmwareFacts;
  readonly power: PowerFacts;
  readonly leftovers: readonly Leftover[];
  /** What to do about leftovers. */
  readonly leftoverPolicy: "warn" | "stop";
  readonly machineId: string | undefined;
  readonly clash?: string | undefined;
  readonly signature: "valid" | "wrong" | "missing";
}

/** Runs every check, also after one said stop: a person fixes all of it in one visit. */
export function preflight(facts: PreflightFacts): readonly CheckResult[] {
  const { image, disk } = facts;
  return [
    checkIdentity(facts),
    checkSignature(image.label, facts.signature),
    checkSize(image, disk),
    checkSectorSize(image, disk),
    checkFirmware(image, facts.firmware),
    checkPower(facts.power),
    checkHealth(disk),
    checkInUse(disk),
    checkLeftovers(facts.leftovers, facts.leftoverPolicy),
  ];
}

/** Error: `preflight`, or `signature` where that is the reason, with every sentence that says stop. */
export function requirePassed(results: readonly CheckResult[]): void {
  const stops = results.filter((result) => result.outcome === "stop");
  if (stops.length === 0) return;
  const code = stops.every((stop) => stop.check === "signature") ? "signature" : "preflight";
  throw new AgentError(code, stops.map((stop) => `${stop.check}: ${stop.message}`).join("; "));
}
