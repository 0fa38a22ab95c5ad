import { expect, it } from "vitest";
import { ChunkCache } from "./chunk-cache.ts";
import { sha256 } from "./digest.ts";

const [a, b, c] = [1, 2, 3].map((value) => {
  const bytes = new Uint8Array(400).fill(value);
  return { bytes, digest: sha256(bytes) };
});
if (a === undefined || b === undefined || c === undefined) throw new Error("three chunks");

it("lets the chunk go that was used longest ago, and stays within its bytes", () => {
  const cache = new ChunkCache(1000);
  cache.add(a.digest, a.bytes);
  cache.add(b.digest, b.bytes);
  expect(cache.get(a.digest)).toBe(a.bytes);
  cache.add(c.digest, c.bytes);
  expect(cache.get(b.digest)).toBeUndefined();
  expect(cache.get(a.digest)).toBe(a.bytes);
  expect(cache.get(c.digest)).toBe(c.bytes);
});

it("does not keep what is larger than all of it", () => {
  const cache = new ChunkCache(399);
  cache.add(a.digest, a.bytes);
  expect(cache.get(a.digest)).toBeUndefined();
});
