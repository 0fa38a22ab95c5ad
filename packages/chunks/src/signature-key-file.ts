import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { link, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { ChunkError } from "./errors.ts";
import { MAX_KEY_FILE_BYTES } from "./limits.ts";
import type { Signer } from "./signature.ts";

/** Permission bits of everybody but the owner. */
const OTHERS = 0o077;

/** An Ed25519 key that lies in a file (docs/formats/signature.md). */
export class SigningKey implements Signer {
  /** 64 lower-case hex digits. */
  readonly publicKey: string;
  readonly #key: KeyObject;

  private constructor(key: KeyObject) {
    this.#key = key;
    const { x = "" } = createPublicKey(key).export({ format: "jwk" });
    this.publicKey = Uint8Array.fromBase64(x, { alphabet: "base64url" }).toHex();
  }

  /**
   * The key in the file; a new one when there is no file (its directory exists). Throws `ChunkError` `invalid-key` for a file that holds no Ed25519 key or that
   * others than its owner may read or write, `io` for anything else.
   */
  static async createOrLoad(path: string): Promise<SigningKey> {
    try {
      return new SigningKey((await readKey(path)) ?? (await createKey(path)));
    } catch (cause) {
      if (cause instanceof ChunkError || !(cause instanceof Error)) throw cause;
      throw new ChunkError("io", `signing key ${path}: ${cause.message}`, { path, cause });
    }
  }

  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(undefined, message, this.#key));
  }
}

async function readKey(path: string): Promise<KeyObject | undefined> {
  const bytes = await readPrivateFile(path);
  if (bytes === undefined) return undefined;
  let key: KeyObject;
  try {
    key = createPrivateKey(bytes);
  } catch (cause) {
    throw new ChunkError("invalid-key", `signing key ${path}: holds no private key in PEM`, { path, cause });
  }
  if (key.asymmetricKeyType === "ed25519") return key;
  const got = key.asymmetricKeyType ?? "an unknown kind";
  throw new ChunkError("invalid-key", `signing key ${path}: got a key of kind ${got}, expected ed25519`, { path });
}

/** The file's bytes, undefined when there is none. What is checked and what is read is the same open file. */
async function readPrivateFile(path: string): Promise<Buffer | undefined> {
  let file;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { mode, size } = await file.stat();
    if ((mode & OTHERS) !== 0) {
      const got = (mode & 0o777).toString(8).padStart(4, "0");
      throw new ChunkError("invalid-key", `signing key ${path}: its mode is ${got}, expected 0600`, { path });
    }
    if (size > MAX_KEY_FILE_BYTES) {
      throw new ChunkError("invalid-key", `signing key ${path}: ${size} bytes are no key`, { path });
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Makes a key and its file; when another program was quicker, its key. */
async function createKey(path: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const temporary = `${path}.${randomUUID()}.new`;
  const file = await open(temporary, "wx", 0o600);
  try {
    try {
      await file.writeFile(privateKey.export({ type: "pkcs8", format: "pem" }));
      await file.sync();
    } finally {
      await file.close();
    }
    // Unlike a rename, a link never replaces a key that somebody else has made meanwhile.
    await link(temporary, path);
  } catch (error) {
    const isTaken = error instanceof Error && "code" in error && error.code === "EEXIST";
    const theirs = isTaken ? await readKey(path) : undefined;
    if (theirs === undefined) throw error;
    return theirs;
  } finally {
    await unlink(temporary);
  }
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return privateKey;
}
