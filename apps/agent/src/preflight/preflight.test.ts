import type { Partition, PartitionFacts } from "@ingot/chunks";
import { expect, test } from "vitest";
import { diskWith } from "../../test/disk-with.ts";
import { GptType } from "./partition-roles.ts";
import { preflight, type PreflightFacts, requirePassed } from "./preflight.ts";

const disk = diskWith();
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
  findings: [],
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
  [
    "BitLocker",
    "bitlocker",
    { findings: [{ kind: "bitlocker", partition: 3, offset: 0 }] },
    /BitLocker on partition 3/,
  ],
  [
    "a part of an array",
    "raid-member",
    { findings: [{ kind: "linuxRaid", partition: undefined, offset: 0 }] },
    /RAID on the whole disk/,
  ],
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
  [
    "an MBR whose boot code is not known yet",
    "firmware-mode",
    {
      firmware: { mode: "bios", secureBoot: "unsupported" },
      image: { ...image, partitions: { scheme: "mbr", diskId: "01020304", partitions: [partition(1, "83")] } },
    },
  ],
  ["an image without a table", "firmware-mode", { image: { ...image, partitions: undefined } }],
  [
    "an array that the operator knows of",
    "raid-member",
    { findings: [{ kind: "zfs", partition: undefined, offset: 0 }], skipChecks: ["raid-member"] },
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
