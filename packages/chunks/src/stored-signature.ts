import type { Digest } from "./digest.ts";
import { ChunkError } from "./errors.ts";
import { SIGNATURE_BYTES, verifyManifest } from "./signature.ts";
import { isAbsent, signaturePath, storeError } from "./store-core.ts";
import type { StoreCore } from "./store-core.ts";

/** `DirectoryStore.readSignature`. */
export async function readStoredSignature(core: StoreCore, id: Digest): Promise<Uint8Array | undefined> {
  core.throwIfClosed();
  const path = signaturePath(id);
  try {
    return wholeSignature(id, await core.files.read(path), path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw storeError(error, `reading the signature of manifest ${id}`, path);
  }
}

/** `DirectoryStore.writeSignature`. */
export async function writeStoredSignature(core: StoreCore, id: Digest, signature: Uint8Array): Promise<void> {
  core.throwIfClosed();
  const path = signaturePath(id);
  throwUnlessWhole(id, signature);
  await core.commitLock.run(async () => {
    if (!core.manifests.has(id)) {
      throw new ChunkError("missing", `manifest ${id}: not in this store`, { manifest: id });
    }
    try {
      await core.writeFile(path, signature);
      await core.files.syncDirectory("manifests");
    } catch (error) {
      throw storeError(error, `writing the signature of manifest ${id}`, path);
    }
  });
}

/** Removes what a crash between the removal of a manifest and that of its signature left. */
export async function removeLoneSignatures(core: StoreCore, manifestNames: readonly string[]): Promise<void> {
  const names = new Set(manifestNames);
  for (const name of names) {
    if (name.endsWith(".sig") && !names.has(`${name.slice(0, -".sig".length)}.manifest`)) {
      await core.removeQuietly(`manifests/${name}`);
    }
  }
}

/** A copy of the bytes, if they are as many as a signature has. Throws `ChunkError` `damaged`. */
export function wholeSignature(id: Digest, bytes: Uint8Array, path: string): Uint8Array {
  if (bytes.length === SIGNATURE_BYTES) return new Uint8Array(bytes);
  const message = `signature of manifest ${id}: got ${bytes.length} bytes, expected ${SIGNATURE_BYTES}`;
  throw new ChunkError("damaged", message, { manifest: id, path });
}

/** Throws `ChunkError` `invalid-source`. */
export function throwUnlessWhole(id: Digest, signature: Uint8Array): void {
  if (signature.length === SIGNATURE_BYTES) return;
  const message = `signature of manifest ${id}: got ${signature.length} bytes, expected ${SIGNATURE_BYTES}`;
  throw new ChunkError("invalid-source", message, { manifest: id });
}

/** What is wrong with the signature of a manifest; undefined when nothing is, or when it has none. */
export async function signatureFault(
  id: Digest,
  read: () => Promise<Uint8Array | undefined>,
  publicKey: string | undefined,
): Promise<string | undefined> {
  try {
    const signature = await read();
    if (signature === undefined || publicKey === undefined || verifyManifest(id, signature, publicKey))
      return undefined;
    return `not by the key ${publicKey}`;
  } catch (error) {
    if (error instanceof ChunkError && error.code === "damaged") return error.message;
    throw error;
  }
}
