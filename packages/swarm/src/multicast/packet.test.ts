import { bytesFromHex, hexFromBytes } from "@ingot/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HEADER_BYTES, KEY_BYTES, MAC_BYTES, MAX_REPORT_RANGES, PACKET_BYTES, PAYLOAD_BYTES } from "./limits.ts";
import { decodeRanges, encodeRanges, FLAG_ENDED, PacketCodec, PacketKind, PacketMemory } from "./packet.ts";
import type { PacketHeader } from "./packet.ts";

const key = Uint8Array.from({ length: KEY_BYTES }, (_unused, index) => index);
const codec = new PacketCodec(0x0102_0304, key);

function encode(header: Omit<PacketHeader, "session">, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PACKET_BYTES);
  bytes.set(payload, HEADER_BYTES);
  return bytes.subarray(0, codec.encode(header, payload.length, new PacketMemory(bytes), 0));
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const decode = (bytes: Uint8Array<ArrayBuffer>) => codec.decode(new PacketMemory(bytes), 0, bytes.length);

const status = { kind: PacketKind.status, flags: FLAG_ENDED, sequence: 0x1000, piece: 7, offset: 0, total: 0x1000 };
const statusBytes = bytesFromHex(
  "4947" + // magic
    "12" + // version 1, status
    "01" + // ended
    "01020304" + // session
    "00001000" + // next sequence
    "00000007" + // unused here
    "00000000" +
    "00001000" + // packets in all
    // sha256sum of the bytes 0 to 31 and these, the first half
    "d95ce58ce11dabb3f91e2775aaa3caec",
);

test("a status packet is these bytes", () => {
  const bytes = encode(status, new Uint8Array());
  expect(hexFromBytes(bytes)).toBe(hexFromBytes(statusBytes));
  expect(decode(bytes)).toEqual({ ...status, session: 0x0102_0304 });
});

test("what is encoded is decoded, wherever it lies in a buffer", () => {
  const word = fc.integer({ min: 0, max: 0xffff_ffff });
  const header = fc.record({
    kind: fc.constantFrom(PacketKind.data, PacketKind.parity),
    flags: fc.integer({ min: 0, max: 255 }),
    sequence: word,
    piece: word,
    offset: word,
    total: word,
  });
  const payload = fc.uint8Array({ minLength: PAYLOAD_BYTES, maxLength: PAYLOAD_BYTES });
  fc.assert(
    fc.property(header, payload, fc.integer({ min: 0, max: 99 }), (fields, bytes, start) => {
      const buffer = new Uint8Array(PACKET_BYTES + 100).fill(0xaa);
      buffer.set(bytes, start + HEADER_BYTES);
      expect(codec.encode(fields, bytes.length, new PacketMemory(buffer), start)).toBe(PACKET_BYTES);
      expect(codec.decode(new PacketMemory(buffer), start, PACKET_BYTES)).toEqual({
        ...fields,
        session: codec.session,
      });
      expect(buffer.subarray(start + HEADER_BYTES, start + HEADER_BYTES + PAYLOAD_BYTES)).toEqual(bytes);
      expect(buffer.subarray(0, start).every((byte) => byte === 0xaa)).toBe(true);
      expect(buffer.subarray(start + PACKET_BYTES).every((byte) => byte === 0xaa)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

describe("malformed", () => {
  const data = encode(
    { kind: PacketKind.data, flags: 0, sequence: 1, piece: 2, offset: 0, total: 9 },
    new Uint8Array(PAYLOAD_BYTES),
  );
  const changed = (at: number, value: number): Uint8Array<ArrayBuffer> => data.with(at, value);
  const resigned = new PacketCodec(0x0102_0304, new Uint8Array(KEY_BYTES).fill(9));
  const otherKey = data.slice();
  resigned.encode(
    { kind: PacketKind.data, flags: 0, sequence: 1, piece: 2, offset: 0, total: 9 },
    PAYLOAD_BYTES,
    new PacketMemory(otherKey),
    0,
  );
  test.each([
    ["nothing", new Uint8Array(), "length"],
    ["a header alone", data.slice(0, HEADER_BYTES), "length"],
    ["one byte short of the shortest", statusBytes.slice(0, -1), "length"],
    ["longer than a packet", new Uint8Array(PACKET_BYTES + 1), "length"],
    ["another magic", changed(0, 0x48), "foreign"],
    ["another version", changed(2, 0x20), "foreign"],
    ["an unknown kind", changed(2, 0x14), "foreign"],
    ["another session", changed(7, 5), "session"],
    ["data cut short", data.slice(0, -4), "length"],
    ["a status with something in it", new Uint8Array([...statusBytes, 0]), "length"],
    ["a changed number", changed(11, 2), "authenticator"],
    ["a changed payload", changed(700, 1), "authenticator"],
    ["a changed authenticator", changed(PACKET_BYTES - 1, (data.at(-1) ?? 0) ^ 1), "authenticator"],
    ["a kind changed into one of the same length", changed(2, 0x11), "authenticator"],
    ["another job's key", otherKey, "authenticator"],
  ])("%s is refused", (_what, bytes, refusal) => {
    expect(decode(bytes)).toBe(refusal);
  });

  test("no bytes make the decoder throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: PACKET_BYTES + 10 }), (bytes) => {
        expect(decode(bytes)).toBeTypeOf("string");
      }),
    );
  });

  test("every single changed bit is noticed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: PACKET_BYTES * 8 - 1 }), (bit) => {
        expect(decode(data.with(bit >> 3, (data[bit >> 3] ?? 0) ^ (1 << (bit & 7))))).toBeTypeOf("string");
      }),
    );
  });
});

describe("ranges of a report", () => {
  const bytes = new Uint8Array(PAYLOAD_BYTES);

  test("what is encoded is decoded", () => {
    const gap = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 }));
    fc.assert(
      fc.property(fc.array(gap, { maxLength: MAX_REPORT_RANGES }), (gaps) => {
        let next = 0;
        const ranges = gaps.map(([skip, count]) => {
          const first = next + skip;
          next = first + count;
          return { first, count };
        });
        const length = encodeRanges(ranges, viewOf(bytes), 0);
        expect(decodeRanges(viewOf(bytes), 0, length, next)).toEqual(ranges);
      }),
    );
  });

  test.each([
    ["half a range", [1, 1], 7, "length"],
    ["an empty range", [1, 0], 8, "number"],
    ["ranges that touch", [1, 1, 2, 1], 16, "number"],
    ["descending ranges", [5, 1, 1, 1], 16, "number"],
    ["more than was sent", [90, 11], 8, "number"],
    ["an absurd count", [1, 0xffff_ffff], 8, "number"],
  ])("%s is refused", (_what, words, length, refusal) => {
    for (const [index, word] of words.entries()) viewOf(bytes).setUint32(index * 4, word);
    expect(decodeRanges(viewOf(bytes), 0, length, 100)).toBe(refusal);
  });

  test("more than fit are not encoded", () => {
    const ranges = Array.from({ length: MAX_REPORT_RANGES + 1 }, (_unused, index) => ({ first: index * 2, count: 1 }));
    expect(() => encodeRanges(ranges, viewOf(bytes), 0)).toThrow(RangeError);
  });
});

test("the authenticator is half a SHA-256", () => expect(MAC_BYTES).toBe(16));
