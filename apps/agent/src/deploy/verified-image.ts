import type { AgentImage } from "@ingot/api";
import type { Digest, Manifest } from "@ingot/chunks";
import type { ServerClient } from "../client/server-client.ts";
import { AgentError } from "../errors.ts";

/** A version of an image whose manifest is what its identity says. */
export interface KnownImage {
  readonly name: string;
  readonly version: number;
  readonly manifestId: Digest;
  readonly manifest: Manifest;
  /** Of the manifest, by the server's signing key. */
  readonly signature: "valid" | "wrong" | "missing";
}

/** `name:version` */
export function labelOf(image: Pick<KnownImage, "name" | "version">): string {
  return `${image.name}:${image.version}`;
}

/**
 * Finds out which version `reference` means, and gets its manifest. Errors: `image-missing`, `bad-answer` for a manifest that is not the
 * one that was asked for, those of the client. The signature is the caller's to judge.
 */
export async function findImage(
  client: ServerClient,
  signingKey: string,
  reference: string,
  signal?: AbortSignal,
): Promise<KnownImage> {
  const image = await client.image(reference, signal).catch((error: unknown) => {
    if (error instanceof AgentError && error.code === "not-found")
      throw new AgentError("image-missing", `the server has no image ${reference}`, { cause: error });
    throw error;
  });
  const { parseDigest } = await import("@ingot/chunks");
  const manifestId = parseDigest(image.manifestId);
  const [manifest, signature] = await Promise.all([
    fetchManifest(client, image.manifestId, signal),
    signatureOf(image, signingKey),
  ]);
  return { name: image.name, version: image.version, manifestId, manifest, signature };
}

/** A manifest by its identity. Errors: `bad-answer`, those of the client. */
export async function fetchManifest(client: ServerClient, manifestId: string, signal?: AbortSignal): Promise<Manifest> {
  const { decodeManifest, manifestIdOf } = await import("@ingot/chunks");
  const bytes = await client.manifest(manifestId, signal);
  const got = manifestIdOf(bytes);
  if (got !== manifestId) throw new AgentError("bad-answer", `manifest ${manifestId}: the server sent ${got}`);
  return decodeManifest(bytes);
}

/** Versions that are looked for behind one that was removed from the library. */
const MAX_VERSIONS_BACK = 8;

/**
 * The newest version before this one that the server still has: what a target may hold in other places. Undefined where there is none. It need not
 * be signed, because whatever is moved by it is hashed.
 */
export async function findPrevious(
  client: ServerClient,
  image: Pick<KnownImage, "name" | "version">,
  signal?: AbortSignal,
): Promise<{ readonly manifest: Manifest; readonly manifestId: string } | undefined> {
  const oldest = Math.max(1, image.version - MAX_VERSIONS_BACK);
  for (let version = image.version - 1; version >= oldest; version--) {
    try {
      const { manifestId } = await client.image(labelOf({ name: image.name, version }), signal);
      return { manifest: await fetchManifest(client, manifestId, signal), manifestId };
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== "not-found") throw error;
    }
  }
  return undefined;
}

async function signatureOf(image: AgentImage, signingKey: string): Promise<KnownImage["signature"]> {
  if (image.signature === undefined) return "missing";
  const { parseDigest, verifyManifest } = await import("@ingot/chunks");
  const bytes = Uint8Array.fromHex(image.signature);
  return verifyManifest(parseDigest(image.manifestId), bytes, signingKey) ? "valid" : "wrong";
}

/** Error: `signature-missing` or `signature-wrong`. */
export function requireSigned(image: KnownImage): void {
  if (image.signature === "missing")
    throw new AgentError("signature-missing", `${labelOf(image)} has no signature; nothing was written`);
  if (image.signature === "wrong")
    throw new AgentError("signature-wrong", `${labelOf(image)} is not signed by the pinned key; nothing was written`);
}
