import { describe, expect, it } from "vitest";
import { BLOCK_WORDS, hashBlock, isZeroBlock } from "./block-hash.ts";

/** A block from a byte for each position. */
function blockOf(byteAt: (index: number) => number): Uint32Array {
  return new Uint32Array(Uint8Array.from({ length: 4096 }, (_, i) => byteAt(i)).buffer);
}

describe("hashBlock", () => {
  // Made with xxhsum 0.8.1 -H32 (Debian's xxhash package).
  it.each([
    ["zeros", () => 0, 0x475546f5],
    ["ones", () => 0xff, 0xcefaa938],
    ["counting bytes", (i: number) => i & 0xff, 0x693c0bc2],
    ["a pattern", (i: number) => (i * 31 + (i >>> 8) * 7) & 0xff, 0xfa0d4840],
  ])("is XXH32 of a block of %s", (_, byteAt, expected) => {
    expect(hashBlock(blockOf(byteAt), 0)).toBe(expected);
  });

  it("looks at the block at the given word only", () => {
    const words = new Uint32Array(3 * BLOCK_WORDS).fill(7);
    words.fill(0, BLOCK_WORDS, 2 * BLOCK_WORDS);
    expect(hashBlock(words, BLOCK_WORDS)).toBe(0x475546f5);
  });
});

describe("isZeroBlock", () => {
  it("sees every single word", () => {
    const words = new Uint32Array(BLOCK_WORDS);
    expect(isZeroBlock(words, 0)).toBe(true);
    for (let i = 0; i < BLOCK_WORDS; i++) {
      words[i] = 1 << (i % 32);
      expect(isZeroBlock(words, 0)).toBe(false);
      words[i] = 0;
    }
  });
});
