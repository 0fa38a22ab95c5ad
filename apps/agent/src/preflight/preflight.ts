import type { SkippableCheck } from "@ingot/api";
import type { Finding } from "@ingot/disks";
import { AgentError } from "../errors.ts";
import type { Disk } from "../inventory/disk.ts";
import type { FirmwareFacts } from "../inventory/firmware.ts";
import type { PowerFacts } from "../inventory/power.ts";
import {
  checkEncrypted,
  checkFirmware,
  checkHealth,
  checkIdentity,
  checkInUse,
  checkPower,
  checkRaid,
  type CheckResult,
  checkSectorSize,
  checkSignature,
  checkSize,
  type ImageFacts,
} from "./checks.ts";

/** All that is known before the first write. */
export interface PreflightFacts {
  readonly image: ImageFacts;
  readonly disk: Disk;
  readonly firmware: FirmwareFacts;
  readonly power: PowerFacts;
  readonly findings: readonly Finding[];
  readonly machineId: string | undefined;
  readonly signature: "valid" | "wrong" | "missing";
  /** Checks that only warn, because the operator said so for this job. */
  readonly skipChecks: readonly SkippableCheck[];
}

/** Runs every check, also after one said stop: a person fixes all of it in one visit. */
export function preflight(facts: PreflightFacts): readonly CheckResult[] {
  const { image, disk } = facts;
  const skipped: readonly string[] = facts.skipChecks;
  return [
    checkIdentity(facts.machineId),
    checkSignature(image.label, facts.signature),
    checkSize(image, disk),
    checkSectorSize(image, disk),
    checkFirmware(image, facts.firmware),
    checkPower(facts.power),
    checkHealth(disk),
    checkInUse(disk),
    checkEncrypted(facts.findings),
    checkRaid(facts.findings),
  ].map((check) => (check.outcome === "stop" && skipped.includes(check.code) ? { ...check, outcome: "warn" } : check));
}

/** Error: the code of the first check that says stop, with the sentences of all that do. */
export function requirePassed(results: readonly CheckResult[]): void {
  const stops = results.filter((result) => result.outcome === "stop");
  const [first] = stops;
  if (first !== undefined) throw new AgentError(first.code, stops.map((stop) => stop.message).join("; "));
}
