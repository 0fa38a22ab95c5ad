import { hash } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, type Manifest, manifestIdOf, encodeManifest, sha256 } from "@ingot/chunks";
import { PieceMap } from "../src/piece-map.ts";

/** An image for tests: chunks of different sizes, half of them compressible, one of them in three places. */
export interface TestImage {
  readonly bytes: Buffer;
  readonly manifest: Manifest;
  readonly manifestId: Digest;
  readonly pieceMap: PieceMap;
}

/** Bytes that look random and are the same each time. */
export function noise(length: number, seed: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
    hash("sha256", `${seed} ${index}`, "buffer"),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

/** `chunkCount` chunks in pieces of at most `pieceBytes`, and zeros between some of them. */
export function makeImage(chunkCount: number, pieceBytes: number, seed = 1): TestImage {
  const extents: Manifest["extents"][number][] = [];
  const parts: Buffer[] = [];
  let offset = 0;
  const add = (plain: Buffer, kind: "chunk" | "zero"): void => {
    extents.push(
      kind === "zero"
        ? { kind, offset, length: plain.length }
        : { kind, offset, length: plain.length, digest: sha256(plain) },
    );
    parts.push(plain);
    offset += plain.length;
  };
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    const length = 4096 * (1 + ((chunk * 7) % 64));
    const random = noise(length, seed * 1000 + chunk);
    add(chunk % 2 === 0 ? random : Buffer.from(random.toString("hex").slice(0, length), "latin1"), "chunk");
    if (chunk % 5 === 0) add(Buffer.alloc(65_536), "zero");
  }
  const first = parts[0] ?? Buffer.alloc(0);
  add(first, "chunk");
  add(Buffer.alloc(65_536), "zero");
  add(first, "chunk");
  const manifest: Manifest = { formatVersion: 1, sizeBytes: offset, sectorBytes: 512, partitions: undefined, extents };
  const manifestId = manifestIdOf(encodeManifest(manifest));
  return { bytes: Buffer.concat(parts), manifest, manifestId, pieceMap: PieceMap.of(manifest, pieceBytes) };
}

/** A directory of files that stand for disks; all goes when it is disposed of. */
export class Disks implements Disposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), "ingot-transfer-"));
  readonly #descriptors: number[] = [];

  /** A file of those bytes, open for reading and writing. */
  open(name: string, bytes: Uint8Array): number {
    const path = join(this.directory, name);
    writeFileSync(path, bytes);
    const fd = openSync(path, "r+");
    this.#descriptors.push(fd);
    return fd;
  }

  read(name: string): Buffer {
    return readFileSync(join(this.directory, name));
  }

  [Symbol.dispose](): void {
    for (const fd of this.#descriptors) closeSync(fd);
    rmSync(this.directory, { recursive: true });
  }
}
