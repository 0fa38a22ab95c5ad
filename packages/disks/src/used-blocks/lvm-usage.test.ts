import { expect, test } from "vitest";

import type { ByteReader } from "./byte-reader.ts";
import { lvmUsage } from "./lvm-usage.ts";
import type { Usage } from "./usage.ts";

const EXTENT = 4096;
const START = 64 * 1024;
const EXTENTS = 20;
const SIZE = START + EXTENTS * EXTENT;

/** CRC-32 as LVM begins and ends it. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0xf597_a6cf;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb8_8320 & -(crc & 1));
  }
  return crc >>> 0;
}

/** A physical volume with these logical volumes: label in sector 1, metadata area from 4096 on, of which the text begins near the end. */
function physicalVolume(volumes: string, textAt = 600): ByteReader {
  const disk = Buffer.alloc(SIZE);
  const text = Buffer.from(`vg { seqno = 7 extent_size = ${EXTENT / 512}
    physical_volumes { pv0 { pe_start = ${START / 512} pe_count = ${EXTENTS} } }
    logical_volumes { ${volumes} } }
    version = 1`);
  const [area, areaBytes] = [4096, 16_384];
  for (const [i, byte] of text.entries()) {
    const at = textAt + i;
    disk[area + (at < areaBytes ? at : at - areaBytes + 512)] = byte;
  }
  disk.write(" LVM2 x[5A%r0N*>", area + 4, "latin1");
  disk.writeUInt32LE(1, area + 20);
  for (const [at, value] of [
    [24, area],
    [32, areaBytes],
    [40, textAt],
    [48, text.length],
  ] as const) {
    disk.writeBigUInt64LE(BigInt(value), area + at);
  }
  disk.writeUInt32LE(crcOf(text), area + 56);
  disk.writeUInt32LE(crcOf(disk.subarray(area + 4, area + 512)), area);
  disk.write("LABELONE", 512, "latin1");
  disk.writeBigUInt64LE(1n, 520);
  disk.writeUInt32LE(32, 532);
  disk.write("LVM2 001", 536, "latin1");
  for (const [at, value] of [
    [584, START],
    [616, area],
    [624, areaBytes],
  ] as const)
    disk.writeBigUInt64LE(BigInt(value), at);
  disk.writeUInt32LE(crcOf(disk.subarray(532, 1024)), 528);
  return { sizeBytes: SIZE, read: async (offset, into) => into.set(disk.subarray(offset, offset + into.length)) };
}

/** A volume of one segment; `references` are what it is made of. */
function volume(name: string, extents: number, type: string, references: string, status = '"READ", "VISIBLE"'): string {
  return `${name} { status = [${status}] segment1 { start_extent = 0 extent_count = ${extents} type = "${type}" ${references} } }`;
}

const LINEAR = "stripe_count = 1 stripes = ";
const ROOT = volume("root", 6, "striped", `${LINEAR}["pv0", 4]`);

/** The numbers of the extents that are free, when every file system has nothing but free space. */
async function freeExtents(reader: ByteReader): Promise<{ free: number[]; usage: Usage }> {
  const usage = await lvmUsage(reader, async ({ sizeBytes }) => ({
    content: "ext",
    ranges: [{ kind: "dontCare", offset: 0, length: sizeBytes }],
  }));
  if (usage === undefined) throw new Error("no label");
  const free = usage.ranges.flatMap(({ kind, offset, length }) =>
    kind === "data" ? [] : Array.from({ length: length / EXTENT }, (_, i) => (offset - START) / EXTENT + i),
  );
  return { free, usage };
}

/** Extents 0 to 19 without these. */
function without(...ranges: readonly (readonly [number, number])[]): number[] {
  const all = Array.from({ length: EXTENTS }, (_, i) => i);
  return all.filter((extent) => !ranges.some(([from, to]) => extent >= from && extent <= to));
}

test("a linear volume that nothing builds upon is looked into", async () => {
  const { free, usage } = await freeExtents(physicalVolume(ROOT));
  expect(free).toEqual(without());
  expect(usage).toMatchObject({ content: "lvm" });
});

test("the text may go on at the beginning of its area", async () => {
  expect((await freeExtents(physicalVolume(ROOT, 16_300))).free).toEqual(without());
});

test.each<[string, string, readonly (readonly [number, number])[]]>([
  [
    "an origin with a snapshot",
    `${ROOT} ${volume("cow", 2, "striped", `${LINEAR}["pv0", 12]`)} ${volume("snapshot0", 6, "snapshot", 'chunk_size = 8 origin = "root" cow_store = "cow"')}`,
    [
      [4, 9],
      [12, 13],
    ],
  ],
  [
    "a mirror's images",
    `${volume("root", 2, "raid1", 'device_count = 2 raids = ["meta", 0, "image", 0]')}
     ${volume("meta", 1, "striped", `${LINEAR}["pv0", 0]`, '"READ"')} ${volume("image", 2, "striped", `${LINEAR}["pv0", 1]`, '"READ"')}`,
    [[0, 2]],
  ],
  [
    "one that is being moved",
    volume("pvmove0", 3, "mirror", 'mirror_count = 2 mirrors = ["pv0", 2, "pv0", 10]'),
    [
      [2, 4],
      [10, 12],
    ],
  ],
  [
    "stripes, of which more is kept than they have",
    volume("fast", 4, "striped", 'stripe_count = 2 stripes = ["pv0", 0, "pv0", 10]'),
    [
      [0, 3],
      [10, 13],
    ],
  ],
  ["a hidden volume", volume("hidden", 3, "striped", `${LINEAR}["pv0", 5]`, '"READ"'), [[5, 7]]],
  ["a type that is not known", volume("new", 3, "newfangled", 'parts { one = ["pv0", 6] }'), [[6, 8]]],
])("%s: is data", async (_what, volumes, kept) => {
  expect((await freeExtents(physicalVolume(volumes))).free).toEqual(without(...kept));
});

test.each<[string, string]>([
  ["a volume beyond the last extent", volume("root", 6, "striped", `${LINEAR}["pv0", 15]`)],
  ["a volume without a place", volume("root", 6, "striped", `${LINEAR}["pv0"]`)],
  ["a volume of a negative size", volume("root", -6, "striped", `${LINEAR}["pv0", 5]`)],
])("%s: all of it is data", async (_what, volumes) => {
  const { free, usage } = await freeExtents(physicalVolume(volumes));
  expect(free).toEqual([]);
  expect(usage).toMatchObject({ content: "raw", reason: "lvm: its metadata makes no sense" });
});
