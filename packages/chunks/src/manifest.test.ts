import { DecodeError, bytesFromHex } from "@ingot/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDigest, sha256 } from "./digest.ts";
import type { Digest } from "./digest.ts";
import type { Extent } from "./extent.ts";
import { decodeManifest, encodeManifest, manifestIdOf } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";

const CHUNK: Digest = parseDigest("11".repeat(32));

const SMALL: Manifest = {
  formatVersion: 1,
  sizeBytes: 0x18000,
  sectorBytes: 512,
  partitions: {
    scheme: "mbr",
    diskId: "cafe0001",
    partitions: [{ number: 1, type: "83", firstLba: 64, sectorCount: 128, attributes: 0x80n, name: "" }],
  },
  extents: [
    { kind: "zero", offset: 0, length: 0x8000 },
    { kind: "chunk", offset: 0x8000, length: 0xfe00, digest: CHUNK },
    { kind: "dontCare", offset: 0x17e00, length: 0x200 },
  ],
};

const SMALL_BYTES = bytesFromHex(
  [
    "494e474f544d414e", // "INGOTMAN"
    "0001 0000", // version 1, zero
    "00000200", // sector size 512
    "0000000000018000", // 96 KiB
    "0000003f", // 63 bytes of partition facts
    "00000003", // three extents
    "00000001", // one of them a chunk
    "01 00 0001", // MBR, zero, one partition
    "cafe0001 000000000000000000000000", // disk signature
    "0001", // partition 1
    "83 000000000000000000000000000000", // type
    "0000000000000040", // first LBA 64
    "0000000000000080", // 128 sectors
    "0000000000000080", // active
    "00", // no name
    "02 00000000000040", // zero, 64 sectors
    "01 0000000000007f", // chunk, 127 sectors
    "03 00000000000001", // don't care, one sector
    "11".repeat(32), // the chunk's digest
    "494e474f54454e44", // "INGOTEND"
  ]
    .join("")
    .replaceAll(" ", ""),
);

/** The literal with some bytes changed. */
function changed(offset: number, hex: string): Uint8Array {
  const bytes = SMALL_BYTES.slice();
  bytes.set(bytesFromHex(hex), offset);
  return bytes;
}

const EXTENTS_AT = 36 + 63;

describe("manifest", () => {
  it("is these bytes", () => {
    expect(encodeManifest(SMALL).toHex()).toBe(SMALL_BYTES.toHex());
    expect(decodeManifest(SMALL_BYTES)).toEqual(SMALL);
    expect(manifestIdOf(SMALL_BYTES)).toBe(sha256(SMALL_BYTES));
  });

  it.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["another magic", changed(0, "00")],
    ["a later version", changed(8, "0002")],
    ["set reserved bytes", changed(10, "0001")],
    ["another sector size", changed(12, "00001000")],
    ["an empty image", changed(16, "0000000000000000")],
    ["an image that is no multiple of 512", changed(16, "0000000000018001")],
    ["an image of more than 2^50 bytes", changed(16, "0008000000000000")],
    ["more partition facts than allowed", changed(24, "00010001")],
    ["more partition facts than there are bytes", changed(24, "00000fff")],
    ["no extents", changed(28, "00000000")],
    ["too many extents", changed(28, "ffffffff")],
    ["more extents than there are bytes", changed(28, "00000009")],
    ["more chunks than extents", changed(32, "00000004")],
    ["more digests than chunk extents", changed(32, "00000002")],
    ["another scheme of partitions", changed(36, "03")],
    ["more partitions than there are bytes", changed(38, "0002")],
    ["partition number 0", changed(56, "0000")],
    ["an MBR type of more than a byte", changed(59, "01")],
    ["an LBA beyond 2^53", changed(74, "ff")],
    ["an extent of no kind", changed(EXTENTS_AT, "04")],
    ["an extent of no length", changed(EXTENTS_AT + 1, "00000000000000")],
    ["an extent beyond the end", changed(EXTENTS_AT + 1, "00000000000fff")],
    ["two zero extents in a row", changed(EXTENTS_AT + 8, "02")],
    ["a chunk instead of zeros, without digest", changed(EXTENTS_AT, "01")],
    ["a gap at the end", changed(EXTENTS_AT + 15, "7e")],
    ["another end", changed(SMALL_BYTES.length - 1, "00")],
    ["something after the end", new Uint8Array([...SMALL_BYTES, 0])],
    ["the last byte missing", SMALL_BYTES.subarray(0, -1)],
  ])("refuses %s", (_, bytes) => {
    expect(() => decodeManifest(bytes)).toThrow(DecodeError);
  });

  it.each<[string, readonly Extent[]]>([
    ["a gap", [{ kind: "zero", offset: 512, length: 0x18000 }]],
    ["a chunk of more than 1 MiB", [{ kind: "chunk", offset: 0, length: 0x200000, digest: CHUNK }]],
    [
      "one digest with two lengths",
      [
        { kind: "chunk", offset: 0, length: 512, digest: CHUNK },
        { kind: "chunk", offset: 512, length: 0x17e00, digest: CHUNK },
      ],
    ],
  ])("does not encode %s", (_, extents) => {
    const last = extents.at(-1);
    const sizeBytes = (last?.offset ?? 0) + (last?.length ?? 0);
    expect(() => encodeManifest({ ...SMALL, sizeBytes, extents })).toThrow(DecodeError);
  });

  it("refuses digests made to collide in its tables, soon", () => {
    const extents = Array.from({ length: 50_000 }, (_, i): Extent => {
      const digest = parseDigest(`77777777${i.toString(16).padStart(56, "0")}`);
      return { kind: "chunk", offset: i * 512, length: 512, digest };
    });
    expect(() => encodeManifest({ ...SMALL, sizeBytes: extents.length * 512, extents })).toThrow(DecodeError);
  });

  it("decodes what it encodes, and never crashes on changed bytes", () => {
    const anyExtent = fc.record({
      kind: fc.constantFrom("chunk", "zero", "dontCare"),
      sectors: fc.integer({ min: 1, max: 2048 }),
    });
    fc.assert(
      fc.property(
        fc.array(anyExtent, { minLength: 1, maxLength: 50 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (list, at, flip) => {
          const extents: Extent[] = [];
          let offset = 0;
          for (const { kind, sectors } of list) {
            if (kind !== "chunk" && extents.at(-1)?.kind === kind) continue;
            const length = sectors * 512;
            const digest = sha256(new Uint8Array([sectors & 0xff, sectors >>> 8]));
            extents.push(
              kind === "chunk"
                ? { kind, offset, length, digest }
                : { kind: kind === "zero" ? "zero" : "dontCare", offset, length },
            );
            offset += length;
          }
          const manifest: Manifest = { ...SMALL, sizeBytes: offset, extents };
          const bytes = encodeManifest(manifest);
          expect(decodeManifest(bytes)).toEqual(manifest);
          const where = at % bytes.length;
          bytes[where] = (bytes[where] ?? 0) ^ flip;
          try {
            expect(encodeManifest(decodeManifest(bytes)).toHex()).toBe(bytes.toHex());
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        },
      ),
    );
  });
});
