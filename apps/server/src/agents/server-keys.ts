import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SigningKey } from "@ingot/chunks";
import { createIdentity, identityOf, type Identity } from "@ingot/swarm";
import { messageOf, ServerError } from "../errors.ts";

/** What the server proves itself with. */
export interface ServerKeys {
  /** Its TLS key, which agents pin. */
  readonly identity: Identity;
  /** Signs manifests and tickets. */
  readonly signing: SigningKey;
  /** The signing key was made just now: nothing in the store can be signed with it yet. */
  readonly isFirstStart: boolean;
}

/** Who pins the server for others finds the fingerprint here; it is no secret. */
const PIN_FILE = "agents.pin";

/** Loads the server's keys from `folder` (mode 0700), making them at the first start. Throws `ServerError` `data-directory`. */
export async function loadServerKeys(folder: string): Promise<ServerKeys> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const signingPath = join(folder, "signing.pem");
    const isFirstStart = !existsSync(signingPath);
    const signing = await SigningKey.createOrLoad(signingPath);
    const identity = loadIdentity(join(folder, "agents.pem"));
    writeFileSync(join(folder, PIN_FILE), `${identity.fingerprint}\n`);
    return { identity, signing, isFirstStart };
  } catch (error) {
    throw new ServerError("data-directory", `${folder}: the server's keys: ${messageOf(error)}`, { cause: error });
  }
}

function loadIdentity(path: string): Identity {
  const kept = readIfThere(path);
  if (kept !== undefined) return identityOf(kept, "ingot server");
  const identity = createIdentity("ingot server");
  // The caller holds the data directory's lock: nobody else makes one at the same time.
  const temporary = `${path}.new`;
  writeFileSync(temporary, identity.keyPem, { mode: 0o600, flush: true });
  renameSync(temporary, path);
  return identity;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
