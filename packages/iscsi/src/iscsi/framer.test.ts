import { concatBytes } from "@ingot/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { pattern } from "../../test/harness.ts";
import { pdu, withDigests } from "../../test/initiator.ts";
import { BufferPool } from "./buffer-pool.ts";
import { Framer } from "./framer.ts";

interface Seen {
  readonly header: string;
  readonly data: string;
}

function collect(
  chunks: readonly Uint8Array[],
  digests = { header: false, data: false },
  stopAfterEach = false,
): Seen[] {
  const seen: Seen[] = [];
  const framer = new Framer(new BufferPool(), ({ bytes, at, dataAt, dataLength }) => {
    seen.push({ header: bytes.slice(at, at + 48).toHex(), data: bytes.slice(dataAt, dataAt + dataLength).toHex() });
    return !stopAfterEach;
  });
  framer.configure({ headerDigest: digests.header, dataDigest: digests.data, maxDataSegmentLength: 65_536 });
  for (const chunk of chunks) {
    framer.push(chunk);
    while (framer.stopped) framer.resume();
  }
  return seen;
}

const lengths = [0, 1, 3, 4, 512, 513, 4096, 40_000];
const pdus = lengths.map((length, i) => pdu("dataOut", { itt: i, dataSN: i, data: pattern(length, i) }));
const expected = pdus.map((bytes, i) => ({
  header: bytes.slice(0, 48).toHex(),
  data: pattern(lengths[i] ?? 0, i).toHex(),
}));

test("PDUs come out the same however the stream is cut", () => {
  for (const digests of [
    { header: false, data: false },
    { header: true, data: true },
  ]) {
    const stream = concatBytes(pdus.map((one) => withDigests(one, digests)));
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 30 }), fc.boolean(), (cuts, stopAfterEach) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
        const chunks = edges.slice(1).map((edge, i) => stream.slice(edges[i], edge));
        expect(collect(chunks, digests, stopAfterEach)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  }
});

test("one byte at a time", () => {
  const stream = concatBytes(pdus.slice(0, 6));
  expect(collect(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(expected.slice(0, 6));
});

test("a data segment above the agreed length is refused before it is there", () => {
  const header = pdu("dataOut", {});
  header.set([1, 0, 1], 5);
  expect(() => collect([header])).toThrow(expect.objectContaining({ code: "limitExceeded" }));
});

test("a flipped bit is found by either digest", () => {
  const good = withDigests(pdu("dataOut", { data: pattern(512) }), { header: true, data: true });
  for (const position of [20, 49, 60, 52 + 512]) {
    const bad = good.slice();
    bad[position] = (bad[position] ?? 0) ^ 1;
    expect(() => collect([bad], { header: true, data: true })).toThrow(
      expect.objectContaining({ code: "digestMismatch" }),
    );
  }
});
