import { zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { PayloadError, compressChunk, openChunk } from "./codec.ts";
import { sha256 } from "./digest.ts";
import { Codec } from "./pack.ts";
import { compressibleBytes, randomBytes } from "./testing/images.ts";

const MIB = 2 ** 20;

describe("compressChunk and openChunk", () => {
  it("shrinks what can be shrunk", () => {
    const plain = compressibleBytes(MIB, 1);
    const { codec, payload } = compressChunk(plain);
    expect(codec).toBe(Codec.zstd);
    expect(payload.length).toBeLessThan(MIB / 2);
    expect(sha256(openChunk(codec, payload, MIB, sha256(plain)))).toBe(sha256(plain));
  });

  it("leaves random bytes as they are", () => {
    const plain = randomBytes(MIB, 1);
    const { codec, payload } = compressChunk(plain);
    expect(codec).toBe(Codec.stored);
    expect(payload).toBe(plain);
    expect(openChunk(codec, payload, MIB, sha256(plain))).toBe(plain);
  });

  it("stores as it is what shrinks by less than 1/32", () => {
    const plain = randomBytes(MIB, 1);
    plain.fill(0, 0, MIB / 40);
    expect(compressChunk(plain).codec).toBe(Codec.stored);
  });

  it("refuses wrong bytes, wrong lengths, and bombs before they go off", () => {
    const plain = compressibleBytes(4096, 2);
    const digest = sha256(plain);
    const { payload } = compressChunk(plain);
    const bomb = new Uint8Array(zstdCompressSync(new Uint8Array(64 * MIB)));
    expect(() => openChunk(Codec.zstd, bomb, 4096, digest)).toThrow(PayloadError);
    expect(() => openChunk(Codec.zstd, payload, 8192, digest)).toThrow(PayloadError);
    expect(() => openChunk(Codec.zstd, payload.slice(0, -1), 4096, digest)).toThrow(PayloadError);
    expect(() => openChunk(Codec.stored, randomBytes(4096, 3), 4096, digest)).toThrow(PayloadError);
    expect(() => openChunk(Codec.zstd, new Uint8Array(), 4096, digest)).toThrow(PayloadError);
  });
});
