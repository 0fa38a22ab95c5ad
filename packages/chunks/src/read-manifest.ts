import { DecodeError } from "@ingot/wire";
import { sha256 } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { ChunkError } from "./errors.ts";
import { decodeManifest } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { isAbsent, manifestPath, storeError } from "./store-core.ts";
import type { StoreCore } from "./store-core.ts";

/** Reads and verifies a manifest file. Throws `ChunkError` `missing`, `damaged`, `io`. */
export async function readStoredManifest(core: StoreCore, id: Digest): Promise<Manifest> {
  const path = manifestPath(id);
  let bytes: Uint8Array;
  try {
    bytes = await core.files.read(path);
  } catch (cause) {
    if (!isAbsent(cause)) throw storeError(cause, `reading manifest ${id}`, path);
    throw new ChunkError("missing", `manifest ${id}: not in this store`, { manifest: id, cause });
  }
  return verifiedManifest(id, bytes, path);
}

/** The manifest that these bytes are, if they are what the id says. Throws `ChunkError` `damaged`. */
export function verifiedManifest(id: Digest, bytes: Uint8Array, path: string): Manifest {
  const got = sha256(bytes);
  if (got !== id) {
    throw new ChunkError("damaged", `manifest ${id}: its SHA-256 is ${got}`, { manifest: id, path });
  }
  try {
    return decodeManifest(bytes);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new ChunkError("damaged", `manifest ${id}: ${cause.message}`, { manifest: id, path, cause });
  }
}
