import { DecodeError, bytesFromHex, crc32c } from "@ingot/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDigest, sha256 } from "./digest.ts";
import { decodeIndexSegment, encodeIndexSegment, indexSegmentVersion } from "./index-segment.ts";
import type { IndexSegment } from "./index-segment.ts";
import { Codec, PackBuilder, decodePack } from "./pack.ts";
import { randomBytes } from "./testing/images.ts";

const A = parseDigest("aa".repeat(32));
const B = parseDigest("bb".repeat(32));

function bytesOf(...hex: string[]): Uint8Array<ArrayBuffer> {
  return bytesFromHex(hex.join("").replaceAll(" ", ""));
}

const PLAIN = new Uint8Array(512).fill(0x77);
const TABLE = bytesOf(
  "aa".repeat(32), // digest
  "00 000200", // stored as it is, 512 bytes
  "00 000200", // zero, plain 512 bytes
  "bb".repeat(32), // digest
  "01 000003", // zstd, 3 bytes
  "00 001000", // zero, plain 4096 bytes
);
const PACK = bytesOf(
  "494e474f5450414b 00000001 00000000", // "INGOTPAK", version 1, zero
  PLAIN.toHex(), // first payload
  "010203", // second payload
  TABLE.toHex(),
  "00000002", // two entries
  crc32c(TABLE).toString(16).padStart(8, "0"),
  "494e474f54454e44", // "INGOTEND"
);
const ENTRIES = [
  { digest: A, codec: Codec.stored, offset: 16, storedLength: 512, plainLength: 512 },
  { digest: B, codec: Codec.zstd, offset: 528, storedLength: 3, plainLength: 4096 },
];

/** The literal with its table changed and the CRC made right again. */
function withTable(offset: number, hex: string): Uint8Array {
  const table = TABLE.slice();
  table.set(bytesFromHex(hex), offset);
  const bytes = PACK.slice();
  bytes.set(table, PACK.length - 16 - 80);
  new DataView(bytes.buffer).setUint32(PACK.length - 12, crc32c(table));
  return bytes;
}

function changed(offset: number, hex: string): Uint8Array {
  const bytes = PACK.slice();
  bytes.set(bytesFromHex(hex), offset < 0 ? PACK.length + offset : offset);
  return bytes;
}

describe("pack", () => {
  it("is these bytes", () => {
    const builder = new PackBuilder();
    builder.add(A, Codec.stored, PLAIN, 512);
    builder.add(B, Codec.zstd, bytesOf("010203"), 4096);
    expect(builder.finish().toHex()).toBe(PACK.toHex());
    expect(decodePack(PACK)).toEqual(ENTRIES);
  });

  it.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["a header alone", PACK.subarray(0, 16)],
    ["another magic", changed(0, "00")],
    ["a later version", changed(8, "00000002")],
    ["set reserved bytes", changed(12, "00000001")],
    ["no entries", changed(-16, "00000000")],
    ["too many entries", changed(-16, "ffffffff")],
    ["more entries than fit", changed(-16, "00000010")],
    ["fewer entries than there are", changed(-16, "00000001")],
    ["a wrong CRC", changed(-12, "00000000")],
    ["another end", changed(-1, "00")],
    ["one byte too few", PACK.subarray(1)],
    ["one byte too many", new Uint8Array([...PACK, 0])],
    ["another codec", withTable(32, "02")],
    ["a stored length of 0", withTable(73, "000000")],
    ["a stored length that is not the plain one", withTable(33, "0001ff")],
    ["a compressed chunk that is no shorter", withTable(73, "001000")],
    ["a plain length of 0", withTable(77, "000000")],
    ["a plain length that is no multiple of 512", withTable(77, "001001")],
    ["a plain length of more than 1 MiB", withTable(77, "100200")],
    ["set reserved bytes in the table", withTable(36, "01")],
    ["payloads that do not end where the table begins", withTable(73, "000004")],
    ["a digest twice", withTable(40, "aa".repeat(32))],
  ])("refuses %s", (_, bytes) => {
    expect(() => decodePack(bytes)).toThrow(DecodeError);
  });

  it("is full at 4 MiB", () => {
    const builder = new PackBuilder();
    const payload = randomBytes(2 ** 20, 1);
    for (const seed of [1, 2, 3]) {
      expect(builder.hasRoomFor(payload.length)).toBe(true);
      builder.add(sha256(new Uint8Array([seed])), Codec.stored, payload, payload.length);
    }
    expect(builder.hasRoomFor(payload.length)).toBe(false);
    const rest = 2 ** 20 - 16 - 16 - 4 * 40;
    expect(builder.hasRoomFor(rest)).toBe(true);
    expect(builder.hasRoomFor(rest + 1)).toBe(false);
  });
});

describe("index segment", () => {
  const SEGMENT: IndexSegment = { sequence: 7, packs: [{ pack: sha256(PACK), entries: ENTRIES }] };
  const BYTES = bytesOf(
    "494e474f54494458 00000001", // "INGOTIDX", version 1
    "00000001", // one pack
    "0000000000000007", // sequence number
    sha256(PACK), // name of the pack
    "00000002", // two entries
    TABLE.toHex(),
    "494e474f54454e44", // "INGOTEND"
  );

  function damaged(offset: number, hex: string): Uint8Array {
    const bytes = BYTES.slice();
    bytes.set(bytesFromHex(hex), offset);
    return bytes;
  }

  it("is these bytes", () => {
    expect(encodeIndexSegment(SEGMENT).toHex()).toBe(BYTES.toHex());
    expect(decodeIndexSegment(BYTES)).toEqual(SEGMENT);
    expect(indexSegmentVersion(BYTES)).toBe(1);
    expect(indexSegmentVersion(PACK)).toBeUndefined();
  });

  it.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["another magic", damaged(0, "00")],
    ["a later version", damaged(8, "00000002")],
    ["no packs", damaged(12, "00000000")],
    ["too many packs", damaged(12, "ffffffff")],
    ["more packs than there are", damaged(12, "00000002")],
    ["a sequence number beyond 2^53", damaged(16, "ff")],
    ["a pack without entries", damaged(24 + 32, "00000000")],
    ["too many entries", damaged(24 + 32, "ffffffff")],
    ["fewer entries than there are", damaged(24 + 32, "00000001")],
    ["a bad entry", damaged(24 + 36 + 32, "02")],
    ["another end", damaged(BYTES.length - 1, "00")],
    ["the last byte missing", BYTES.subarray(0, -1)],
    ["something after the end", new Uint8Array([...BYTES, 0])],
  ])("refuses %s", (_, bytes) => {
    expect(() => decodeIndexSegment(bytes)).toThrow(DecodeError);
  });

  it("refuses a pack twice", () => {
    const twice = { sequence: 1, packs: [...SEGMENT.packs, ...SEGMENT.packs] };
    expect(() => encodeIndexSegment(twice)).toThrow(DecodeError);
  });

  it("never crashes on changed bytes", () => {
    fc.assert(
      fc.property(fc.nat(BYTES.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = BYTES.slice();
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        try {
          expect(encodeIndexSegment(decodeIndexSegment(bytes)).toHex()).toBe(bytes.toHex());
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });
});
