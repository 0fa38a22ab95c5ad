import { describe, expect, it } from "vitest";
import { ChunkIndex } from "./chunk-index.ts";
import { sha256 } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { Codec } from "./pack.ts";
import type { PackEntry } from "./pack.ts";

function digestOf(number: number): Digest {
  return sha256(new Uint8Array(Uint32Array.of(number).buffer));
}

function entryOf(number: number, offset: number): PackEntry {
  return { digest: digestOf(number), codec: Codec.zstd, offset, storedLength: 100 + (number % 400), plainLength: 512 };
}

describe("ChunkIndex", () => {
  it("finds every chunk where its pack has it, over many pages", () => {
    const index = new ChunkIndex();
    const count = 40_000;
    for (let first = 0; first < count; first += 1000) {
      const entries = Array.from({ length: 1000 }, (_, i) => entryOf(first + i, 16 + i * 600));
      index.addPack({ pack: digestOf(1e6 + first), entries });
    }
    expect(index.size).toBe(count);
    for (let number = 0; number < count; number += 7) {
      expect(index.find(digestOf(number))).toMatchObject({
        ...entryOf(number, 16 + (number % 1000) * 600),
        pack: digestOf(1e6 + number - (number % 1000)),
      });
    }
    expect(index.find(digestOf(count))).toBeUndefined();
    expect(index.recordOf(digestOf(count))).toBe(-1);
  });

  it("holds the largest values of every field", () => {
    const index = new ChunkIndex();
    const entries: PackEntry[] = [
      { digest: digestOf(1), codec: Codec.stored, offset: 2 ** 22 - 512, storedLength: 2 ** 20, plainLength: 2 ** 20 },
      { digest: digestOf(2), codec: Codec.zstd, offset: 16, storedLength: 2 ** 20 - 1, plainLength: 2 ** 20 },
      { digest: digestOf(3), codec: Codec.zstd, offset: 17, storedLength: 1, plainLength: 512 },
    ];
    index.addPack({ pack: digestOf(9), entries });
    for (const entry of entries) expect(index.find(entry.digest)).toMatchObject(entry);
  });

  it("prefers the pack that was added last, and knows a pack once", () => {
    const index = new ChunkIndex();
    index.addPack({ pack: digestOf(100), entries: [entryOf(1, 16), entryOf(2, 500)] });
    index.addPack({ pack: digestOf(101), entries: [entryOf(1, 900)] });
    index.addPack({ pack: digestOf(101), entries: [entryOf(3, 16)] });
    expect(index.find(digestOf(1))).toMatchObject({ pack: digestOf(101), offset: 900 });
    expect(index.size).toBe(2);
    expect(index.packs.length).toBe(2);
    expect([...index.chunksOf(digestOf(100))]).toEqual([digestOf(2)]);
    expect([...index.chunksOf(digestOf(999))]).toEqual([]);
  });
});
