import type { SkippableCheck, TaskErrorCode } from "@ingot/api";
import type { PartitionFacts } from "@ingot/chunks";
import type { Finding } from "@ingot/disks";
import { describeHealth, type Disk } from "../inventory/disk.ts";
import type { FirmwareFacts } from "../inventory/firmware.ts";
import type { PowerFacts } from "../inventory/power.ts";
import { MIN_BATTERY_PERCENT } from "../limits.ts";
import { describeFinding } from "./findings.ts";
import { canBootByBios, efiSystemPartition } from "./partition-roles.ts";

/** What one check found. `stop`: the task ends here and nothing was written. */
export interface CheckResult {
  readonly outcome: "pass" | "warn" | "stop";
  /** What the task fails with when this stops it. */
  readonly code: TaskErrorCode;
  /** One sentence for the person at the machine and for the job's log. */
  readonly message: string;
}

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

const result = (code: TaskErrorCode, outcome: CheckResult["outcome"], message: string): CheckResult => ({
  outcome,
  code,
  message,
});

/** The image has to fit. */
export function checkSize(image: ImageFacts, disk: Disk): CheckResult {
  if (disk.sizeBytes >= image.sizeBytes)
    return result("disk-too-small", "pass", `${disk.name} has ${disk.sizeBytes} bytes, the image ${image.sizeBytes}`);
  const missing = image.sizeBytes - disk.sizeBytes;
  return result(
    "disk-too-small",
    "stop",
    `${image.label} needs ${image.sizeBytes} bytes, ${disk.name} has ${disk.sizeBytes}: ${missing} too few`,
  );
}

/** Block addresses in tables and file systems count sectors: an image cannot be converted from one size to the other. */
export function checkSectorSize(image: ImageFacts, disk: Disk): CheckResult {
  if (disk.logicalSectorBytes === image.sectorBytes)
    return result("sector-size", "pass", `both have sectors of ${image.sectorBytes} bytes`);
  const remedy =
    disk.transport === "nvme" ? "; many NVMe disks can be formatted to the other size (nvme format --lbaf)" : "";
  return result(
    "sector-size",
    "stop",
    `${image.label} is made for sectors of ${image.sectorBytes} bytes, ${disk.name} has ${disk.logicalSectorBytes}${remedy}`,
  );
}

/** The image has to bring what this machine's firmware starts. */
export function checkFirmware(image: ImageFacts, firmware: FirmwareFacts): CheckResult {
  const facts = image.partitions;
  if (facts === undefined)
    return result("firmware-mode", "warn", `${image.label} has no partition table; whether it boots cannot be told`);
  const esp = efiSystemPartition(facts);
  if (firmware.mode === "uefi") {
    if (esp !== undefined) return result("firmware-mode", "pass", `UEFI finds the EFI system partition ${esp.number}`);
    return result(
      "firmware-mode",
      "stop",
      `this machine starts by UEFI and ${image.label} has no EFI system partition`,
    );
  }
  const canBoot = canBootByBios(facts, image.firstSector);
  if (canBoot === true) return result("firmware-mode", "pass", "BIOS finds boot code");
  if (canBoot === "unknown")
    return result(
      "firmware-mode",
      "warn",
      `${image.label} has no active partition; its boot code is not known before it is here`,
    );
  const why =
    facts.scheme === "gpt" ? "no BIOS boot partition and no boot code" : "no active partition and no boot code";
  return result("firmware-mode", "stop", `this machine starts by BIOS and ${image.label} has ${why}`);
}

/** A battery that ends in the middle leaves a machine without a system. */
export function checkPower(power: PowerFacts): CheckResult {
  const percent = power.batteryPercent;
  if (percent === undefined || power.mains === true) return result("battery-low", "pass", "on mains");
  if (percent >= MIN_BATTERY_PERCENT) return result("battery-low", "warn", `on battery, ${percent} % charged`);
  return result(
    "battery-low",
    "stop",
    `on battery, ${percent} % charged; at least ${MIN_BATTERY_PERCENT} % or mains is needed`,
  );
}

/** A disk that announces its end is not worth an image. */
export function checkHealth(disk: Disk): CheckResult {
  const said = describeHealth(disk.health);
  if (disk.health.verdict === "failing")
    return result("disk-failing", "stop", `${disk.name} expects to fail soon, by SMART: ${said}`);
  return result(
    "disk-failing",
    "pass",
    said === undefined ? "the disk does not speak of its health" : `SMART: ${said}`,
  );
}

/** What is mounted or part of something is in use. */
export function checkInUse(disk: Disk): CheckResult {
  if (disk.usedBy.length === 0) return result("disk-in-use", "pass", `nothing uses ${disk.name}`);
  return result("disk-in-use", "stop", `${disk.name} is in use: ${disk.usedBy.join(", ")}`);
}

/** What changes while it is read is no image of anything. */
export function checkQuiet(disk: Disk): CheckResult {
  if (disk.writtenBy.length === 0) return result("disk-in-use", "pass", `nothing writes to ${disk.name}`);
  return result(
    "disk-in-use",
    "stop",
    `${disk.name} is being written to (${disk.writtenBy.join(", ")}); mount it read-only, or capture it from the agent's own system (--restart)`,
  );
}

/** Encrypted volumes: gone after this, and somebody may not know. */
export function checkEncrypted(findings: readonly Finding[]): CheckResult {
  return checkFindings("bitlocker", "encrypted volumes", findings, ["bitlocker", "luks"]);
}

/** Parts of arrays and pools: their other disks go on without this one. */
export function checkRaid(findings: readonly Finding[]): CheckResult {
  const kinds = ["linuxRaid", "intelRaid", "ddfRaid", "windowsDynamic", "storageSpaces", "zfs"] as const;
  return checkFindings("raid-member", "parts of arrays or pools", findings, kinds);
}

function checkFindings(
  code: SkippableCheck,
  what: string,
  findings: readonly Finding[],
  kinds: readonly Finding["kind"][],
): CheckResult {
  const found = findings.filter((finding) => kinds.includes(finding.kind));
  if (found.length === 0) return result(code, "pass", `no ${what}`);
  return result(code, "stop", `the disk holds ${found.map(describeFinding).join(", ")}`);
}

/** The server has to know this machine, and only this one, by what it says of itself. */
export function checkIdentity(machineId: string | undefined): CheckResult {
  if (machineId === undefined) return result("identity-clash", "stop", "the server does not know this machine");
  return result("identity-clash", "pass", `machine ${machineId}`);
}

/** Only what the server's key signed is written. */
export function checkSignature(label: string, signature: "valid" | "wrong" | "missing"): CheckResult {
  if (signature === "valid") return result("signature-wrong", "pass", `${label} is signed by the server's key`);
  if (signature === "missing") return result("signature-missing", "stop", `${label} has no signature`);
  return result("signature-wrong", "stop", `${label} has a signature that is not of the server's key`);
}
