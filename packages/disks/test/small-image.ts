import { ChunkError, type ChunkReader, type Digest, type Extent, type Manifest, sha256 } from "@ingot/chunks";
import type { SeededRandom } from "@ingot/testkit/link";

const BLOCK = 4096;

/** An image in memory, its manifest, and a reader that gives its chunks. */
export interface SmallImage {
  readonly content: Uint8Array;
  readonly manifest: Manifest;
  readonly manifestId: string;
  readonly reader: CountingReader;
}

/** A chunk reader in memory that counts, waits and fails as it is told. */
export class CountingReader implements ChunkReader {
  readonly chunks: Map<string, Uint8Array> = new Map();
  readonly calls: Digest[] = [];
  /** Called before each answer; may wait, and may throw. */
  before: ((digest: Digest, signal?: AbortSignal) => void | Promise<void>) | undefined;

  async readChunk(digest: Digest, signal?: AbortSignal): Promise<Uint8Array> {
    this.calls.push(digest);
    await this.before?.(digest, signal);
    signal?.throwIfAborted();
    const bytes = this.chunks.get(digest);
    if (bytes === undefined) throw new ChunkError("missing", `no chunk ${digest}`, { chunk: digest });
    return bytes;
  }
}

/** `extentCount` extents of 1 to `maxBlocks` blocks: chunks, some of them equal, zeros and don't-cares, at last half a block. */
export function smallImage(random: SeededRandom, extentCount: number, maxBlocks = 4): SmallImage {
  const reader = new CountingReader();
  const extents: Extent[] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (let i = 0; i < extentCount; i++) {
    const length = i === extentCount - 1 ? BLOCK / 2 : BLOCK * (1 + Math.floor(random() * maxBlocks));
    const isEmpty = random() < 0.25 && extents.at(-1)?.kind === "chunk";
    const bytes = new Uint8Array(length);
    if (isEmpty) {
      extents.push({ kind: random() < 0.5 ? "zero" : "dontCare", offset, length });
    } else {
      // One in five chunks is one that may occur again; the others differ in every sector.
      if (random() < 0.2) bytes.fill(7);
      else for (let at = 0; at < length; at += 512) new DataView(bytes.buffer).setFloat64(at, random());
      const digest = sha256(bytes);
      reader.chunks.set(digest, bytes);
      extents.push({ kind: "chunk", offset, length, digest });
    }
    parts.push(bytes);
    offset += length;
  }
  const manifest: Manifest = { formatVersion: 1, sizeBytes: offset, sectorBytes: 512, partitions: undefined, extents };
  const content = new Uint8Array(Buffer.concat(parts));
  return { content, manifest, manifestId: sha256(Buffer.from(JSON.stringify(extents))), reader };
}

/** The image's next version: extents that were moved, repeated, left out, emptied and changed. */
export function imageAfter(random: SeededRandom, before: SmallImage): SmallImage {
  const reader = new CountingReader();
  const extents: Extent[] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  const add = (kind: Extent["kind"], bytes: Uint8Array): void => {
    if (kind !== "chunk" && extents.at(-1)?.kind === kind) return;
    const { length } = bytes;
    if (kind === "chunk") {
      const digest = sha256(bytes);
      reader.chunks.set(digest, bytes);
      extents.push({ kind, offset, length, digest });
    } else {
      extents.push({ kind, offset, length });
    }
    parts.push(bytes);
    offset += length;
  };
  for (const extent of before.manifest.extents) {
    const bytes = before.content.slice(extent.offset, extent.offset + extent.length);
    const what = random();
    if (what < 0.1) continue;
    if (what < 0.2) add("chunk", new Uint8Array(BLOCK).fill(1 + Math.floor(random() * 250)));
    if (what < 0.3 && extent.kind === "chunk") new DataView(bytes.buffer).setFloat64(0, random());
    if (what > 0.9) add("zero", new Uint8Array(BLOCK));
    add(extent.kind, bytes);
    if (what > 0.95 && extent.kind === "chunk") add("chunk", bytes);
  }
  const manifest: Manifest = { formatVersion: 1, sizeBytes: offset, sectorBytes: 512, partitions: undefined, extents };
  const content = new Uint8Array(Buffer.concat(parts));
  return { content, manifest, manifestId: sha256(Buffer.from(JSON.stringify(extents))), reader };
}
