import type { PartitionFacts } from "@ingot/chunks";
import type { Disk } from "../inventory/disk.ts";
import type { FirmwareFacts } from "../inventory/firmware.ts";
import type { PowerFacts } from "../inventory/power.ts";
import { MIN_BATTERY_PERCENT } from "../limits.ts";
import type { Leftover } from "./leftovers.ts";
import { canBootByBios, efiSystemPartition } from "./partition-roles.ts";

/** What one check found. `stop`: the task ends here and nothing was written. */
export interface CheckResult {
  readonly check: CheckName;
  readonly outcome: "pass" | "warn" | "stop";
  /** One sentence for the person at the machine and for the job's log. */
  readonly message: string;
}

/** The names that reports and settings use. */
export type CheckName =
  | "size"
  | "sector-size"
  | "firmware"
  | "power"
  | "health"
  | "in-use"
  | "leftovers"
  | "identity"
  | "signature";

/** The image, as far as checks care. */
export interface ImageFacts {
  /** `name:version`, for messages. */
  readonly label: string;
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly partitions: PartitionFacts | undefined;
  /** The image's first 512 bytes, where they are at hand: they tell whether there is boot code. */
  readonly firstSector?: Uint8Array | undefined;
}

const check = (name: CheckName, outcome: CheckResult["outcome"], message: string): CheckResult => ({
  check: name,
  outcome,
  message,
});

/** The image has to fit. */
export function checkSize(image: ImageFacts, disk: Disk): CheckResult {
  if (disk.sizeBytes >= image.sizeBytes)
    return check("size", "pass", `${disk.name} has ${disk.sizeBytes} bytes, the image ${image.sizeBytes}`);
  const missing = image.sizeBytes - disk.sizeBytes;
  return check(
    "size",
    "stop",
    `${image.label} needs ${image.sizeBytes} bytes, ${disk.name} has ${disk.sizeBytes}: ${missing} too few`,
  );
}

/** Block addresses in tables and file systems count sectors: an image cannot be converted from one size to the other. */
export function checkSectorSize(image: ImageFacts, disk: Disk): CheckResult {
  if (disk.logicalSectorBytes === image.sectorBytes)
    return check("sector-size", "pass", `both have sectors of ${image.sectorBytes} bytes`);
  const remedy =
    disk.transport === "nvme" ? "; many NVMe disks can be formatted to the other size (nvme format --lbaf)" : "";
  return check(
    "sector-size",
    "stop",
    `${image.label} is made for sectors of ${image.sectorBytes} bytes, ${disk.name} has ${disk.logicalSectorBytes}${remedy}`,
  );
}

/** The image has to bring what this machine's firmware starts. */
export function checkFirmware(image: ImageFacts, firmware: FirmwareFacts): CheckResult {
  const facts = image.partitions;
  if (facts === undefined)
    return check("firmware", "warn", `${image.label} has no partition table; whether it boots cannot be told`);
  const esp = efiSystemPartition(facts);
  if (firmware.mode === "uefi") {
    if (esp !== undefined) return check("firmware", "pass", `UEFI finds the EFI system partition ${esp.number}`);
    return check("firmware", "stop", `this machine starts by UEFI and ${image.label} has no EFI system partition`);
  }
  if (canBootByBios(facts, image.firstSector)) return check("firmware", "pass", "BIOS finds boot code");
  const why =
    facts.scheme === "gpt" ? "no BIOS boot partition and no boot code" : "no active partition and no boot code";
  return check("firmware", "stop", `this machine starts by BIOS and ${image.label} has ${why}`);
}

/** A battery that ends in the middle leaves a machine without a system. */
export function checkPower(power: PowerFacts): CheckResult {
  const percent = power.batteryPercent;
  if (percent === undefined || power.mains === true) return check("power", "pass", "on mains");
  if (percent >= MIN_BATTERY_PERCENT) return check("power", "warn", `on battery, ${percent} % charged`);
  return check("power", "stop", `on battery, ${percent} % charged, at least ${MIN_BATTERY_PERCENT} % or mains wanted`);
}

/** A disk that announces its end is not worth an image. */
export function checkHealth(disk: Disk): CheckResult {
  const { verdict, counts = {} } = disk.health;
  const list = Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
  if (verdict === "failing")
    return check(
      "health",
      "stop",
      `${disk.name} says of itself that it is failing (SMART${list === "" ? "" : `: ${list}`})`,
    );
  return check("health", "pass", verdict === "passed" ? "SMART passed" : "the disk says nothing about its health");
}

/** What is mounted or part of something is in use. */
export function checkInUse(disk: Disk): CheckResult {
  if (disk.usedBy.length === 0) return check("in-use", "pass", `nothing uses ${disk.name}`);
  return check("in-use", "stop", `${disk.name} is in use: ${disk.usedBy.join(", ")}`);
}

/** Encrypted volumes and parts of arrays: gone after this, and somebody may not know. */
export function checkLeftovers(leftovers: readonly Leftover[], policy: "warn" | "stop"): CheckResult {
  if (leftovers.length === 0) return check("leftovers", "pass", "no encrypted volumes, RAID or volume groups");
  const list = leftovers.map((leftover) => `${leftover.kind} on ${leftover.where}`).join(", ");
  return check("leftovers", policy, `the disk holds ${list}`);
}

/** The server has to know this machine, and only this one, by what it says of itself. */
export function checkIdentity(identity: {
  readonly machineId: string | undefined;
  readonly clash?: string | undefined;
}): CheckResult {
  if (identity.clash !== undefined) return check("identity", "stop", `identity clash: ${identity.clash}`);
  if (identity.machineId === undefined) return check("identity", "stop", "the server does not know this machine");
  return check("identity", "pass", `machine ${identity.machineId}`);
}

/** Only what the server's key signed is written. */
export function checkSignature(label: string, signature: "valid" | "wrong" | "missing"): CheckResult {
  if (signature === "valid") return check("signature", "pass", `${label} is signed by the server's key`);
  const what = signature === "missing" ? "has no signature" : "has a signature that is not of the server's key";
  return check("signature", "stop", `${label} ${what}`);
}
