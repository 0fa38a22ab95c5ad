import type { ImageRange, ImageSource } from "../store.ts";

/** A pseudo-random generator (mulberry32): the same seed gives the same numbers. Returns 0 … 2^32 - 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Bytes that do not compress. */
export function randomBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed);
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = random();
  return new Uint8Array(words.buffer, 0, length);
}

/** Bytes that compress about four times. */
export function compressibleBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed);
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i += 4) words[i] = random();
  return new Uint8Array(words.buffer, 0, length);
}

/** A piece of an image under test. */
export interface ImagePart {
  readonly kind: "random" | "compressible" | "zero";
  /** A multiple of 512. */
  readonly bytes: number;
  /** Parts with the same kind, size and seed are equal. */
  readonly seed?: number;
}

/** An image made of parts. */
export function makeImage(parts: readonly ImagePart[]): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes, 0));
  let at = 0;
  for (const { kind, bytes, seed = 1 } of parts) {
    if (kind === "random") image.set(randomBytes(bytes, seed), at);
    if (kind === "compressible") image.set(compressibleBytes(bytes, seed), at);
    at += bytes;
  }
  return image;
}

/** The image as a source, in slices of that size. */
export function sourceOf(image: Uint8Array, sliceBytes: number = 2 ** 20): ImageSource {
  return { sizeBytes: image.length, data: slices(image, sliceBytes) };
}

async function* slices(image: Uint8Array, sliceBytes: number): AsyncGenerator<ImageRange, void> {
  for (let offset = 0; offset < image.length; offset += sliceBytes) {
    yield { offset, bytes: image.subarray(offset, offset + sliceBytes) };
  }
}

/** The image as a source that leaves out what is zero, as a sparse file does, at a grain of 4096 bytes. */
export function sparseSourceOf(image: Uint8Array): ImageSource {
  return { sizeBytes: image.length, data: sparseSlices(image) };
}

async function* sparseSlices(image: Uint8Array): AsyncGenerator<ImageRange, void> {
  for await (const { offset, bytes } of slices(image, 4096)) {
    if (bytes.some((byte) => byte !== 0)) yield { offset, bytes };
  }
}
