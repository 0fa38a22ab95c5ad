import type { Partition, PartitionFacts } from "@ingot/chunks";
import { expect, test } from "vitest";
import type { Disk } from "../inventory/disk.ts";
import { findLeftovers } from "./leftovers.ts";
import { GptType } from "./partition-roles.ts";
import { preflight, type PreflightFacts, requirePassed } from "./preflight.ts";

const disk: Disk = {
  name: "sda",
  path: "/dev/sda",
  sizeBytes: 64 * 2 ** 30,
  logicalSectorBytes: 512,
  physicalSectorBytes: 512,
  rotational: false,
  removable: false,
  readOnly: false,
  transport: "sata",
  usedBy: [],
  signatures: [],
  health: { verdict: "passed" },
};
const partition = (number: number, type: string): Partition => ({
  number,
  type,
  firstLba: 2048 * number,
  sectorCount: 2048,
  attributes: 0n,
  name: "",
});
const partitions: PartitionFacts = {
  scheme: "gpt",
  diskId: "00000000-0000-4000-8000-000000000001",
  partitions: [partition(1, GptType.efiSystem), partition(2, GptType.biosBoot), partition(3, GptType.linuxFileSystem)],
};
const image = { label: "debian:3", sizeBytes: 32 * 2 ** 30, sectorBytes: 512, partitions };
const good: PreflightFacts = {
  image,
  disk,
  firmware: { mode: "uefi", bits: 64, secureBoot: "disabled" },
  power: { mains: true },
  leftovers: [],
  skipChecks: [],
  machineId: "m-1",
  signature: "valid",
};

const without = (type: string): PartitionFacts => ({
  ...partitions,
  partitions: partitions.partitions.filter((p) => p.type !== type),
});

test("a machine that fits passes every check", () => {
  const results = preflight(good);
  expect(results.map((result) => result.outcome)).toEqual(results.map(() => "pass"));
  expect(() => requirePassed(results)).not.toThrow();
});

test.each<[string, string, Partial<PreflightFacts>, RegExp]>([
  [
    "a disk that is one sector too small",
    "disk-too-small",
    { disk: { ...disk, sizeBytes: image.sizeBytes - 512 } },
    /512 too few/,
  ],
  ["a disk with sectors of 4096 bytes", "sector-size", { disk: { ...disk, logicalSectorBytes: 4096 } }, /has 4096/],
  [
    "UEFI without an EFI system partition",
    "firmware-mode",
    { image: { ...image, partitions: without(GptType.efiSystem) } },
    /no EFI/,
  ],
  [
    "BIOS without boot code",
    "firmware-mode",
    {
      firmware: { mode: "bios", secureBoot: "unsupported" },
      image: { ...image, partitions: without(GptType.biosBoot), firstSector: new Uint8Array(512) },
    },
    /no BIOS boot partition/,
  ],
  ["an empty battery", "battery-low", { power: { batteryPercent: 29, mains: false } }, /29 %/],
  [
    "a dying disk",
    "disk-failing",
    { disk: { ...disk, health: { verdict: "failing", counts: { Reallocated_Sector_Ct: 712 } } } },
    /Reallocated_Sector_Ct 712/,
  ],
  ["a mounted disk", "disk-in-use", { disk: { ...disk, usedBy: ["/"] } }, /in use: \//],
  ["BitLocker", "bitlocker", { leftovers: [{ kind: "BitLocker", where: "partition 3" }] }, /BitLocker on partition 3/],
  ["a part of an array", "raid-member", { leftovers: [{ kind: "RAID", where: "the whole disk" }] }, /RAID on/],
  ["a machine that the server does not know", "identity-clash", { machineId: undefined }, /does not know/],
  ["an image without signature", "signature-missing", { signature: "missing" }, /no signature/],
  ["an image with a foreign signature", "signature-wrong", { signature: "wrong" }, /not of the server/],
])("%s stops the task", (_what, code, change, sentence) => {
  const results = preflight({ ...good, ...change });
  const stops = results.filter((result) => result.outcome === "stop");
  expect(stops.map((stop) => stop.code)).toEqual([code]);
  expect(stops[0]?.message).toMatch(sentence);
  expect(() => requirePassed(results)).toThrow(expect.objectContaining({ code }));
});

test.each<[string, string, Partial<PreflightFacts>]>([
  ["a charged battery", "battery-low", { power: { batteryPercent: 30, mains: false } }],
  ["an image without a table", "firmware-mode", { image: { ...image, partitions: undefined } }],
  [
    "an array that the operator knows of",
    "raid-member",
    { leftovers: [{ kind: "RAID", where: "the whole disk" }], skipChecks: ["raid-member"] },
  ],
])("%s is a warning", (_what, code, change) => {
  const results = preflight({ ...good, ...change });
  expect(results.filter((result) => result.outcome !== "pass")).toMatchObject([{ code, outcome: "warn" }]);
  expect(() => requirePassed(results)).not.toThrow();
});

test("all reasons are given at once", () => {
  const results = preflight({ ...good, signature: "missing", disk: { ...disk, sizeBytes: 512, usedBy: ["swap"] } });
  expect(() => requirePassed(results)).toThrow(/signature.*too few.*in use/);
});

const MIB = 2 ** 20;

function find(put: (bytes: Uint8Array) => void, sizeBytes = 4 * MIB): string[] {
  const bytes = new Uint8Array(sizeBytes);
  put(bytes);
  const third = { ...partition(3, GptType.linuxFileSystem), firstLba: 2048, sectorCount: 2048 };
  return findLeftovers((offset, length) => bytes.subarray(offset, offset + length), sizeBytes, [third]).map(
    (leftover) => `${leftover.kind} on ${leftover.where}`,
  );
}

const text = (bytes: Uint8Array, at: number, value: string): void =>
  bytes.set(
    Array.from({ length: value.length }, (_unused, index) => value.charCodeAt(index)),
    at,
  );

test.each<[string, (bytes: Uint8Array) => void, string[]]>([
  ["nothing", () => undefined, []],
  ["BitLocker", (b) => text(b, MIB + 3, "-FVE-FS-"), ["BitLocker on partition 3"]],
  ["LUKS", (b) => text(b, MIB, "LUKS\u00ba\u00be\u0000\u0002"), ["LUKS on partition 3"]],
  ["LVM", (b) => text(b, MIB + 512, "LABELONE"), ["LVM on partition 3"]],
  ["md 1.2", (b) => b.set([0xfc, 0x4e, 0x2b, 0xa9], 4096), ["RAID on the whole disk"]],
  ["md 1.0", (b) => b.set([0xfc, 0x4e, 0x2b, 0xa9], 4 * MIB - 8192), ["RAID on the whole disk"]],
  ["md 0.90", (b) => b.set([0xfc, 0x4e, 0x2b, 0xa9], 2 * MIB - 65536), ["RAID on partition 3"]],
  ["Intel Matrix", (b) => text(b, 4 * MIB - 1024, "Intel Raid ISM Cfg Sig. "), ["RAID on the whole disk"]],
  ["SNIA DDF", (b) => b.set([0xde, 0x11, 0xde, 0x11], 4 * MIB - 512), ["RAID on the whole disk"]],
  ["ZFS", (b) => b.set([0x0c, 0xb1, 0xba], MIB + 128 * 1024 + 5 * 1024), ["ZFS on partition 3"]],
])("leftovers: %s", (_what, put, found) => {
  expect(find(put)).toEqual(found);
});

test("a table that reaches past the disk's end does not break the search", () => {
  expect(findLeftovers(() => new Uint8Array(8192), 8192, [partition(9, GptType.linuxFileSystem)])).toEqual([]);
});
