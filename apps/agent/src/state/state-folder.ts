import { randomUUID } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rename, rm, unlink } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { createIdentity, type Identity, identityOf } from "@ingot/swarm";
import { AgentError } from "../errors.ts";

/** What an agent remembers of a server. */
export interface KnownServer {
  readonly url: string;
  /** SHA-256 of its public key. */
  readonly pin: string;
  /** Signs manifests and tickets; pinned at the first enrolment. */
  readonly signingKey?: string | undefined;
}

const KEY_FILE = "identity.pem";
const SERVER_FILE = "server.json";
const COMPUTER_FILE = "computer";

/** Where an agent keeps itself unless it is told otherwise (XDG Base Directory Specification). */
export function defaultStateFolder(environment: NodeJS.ProcessEnv): string {
  const base = environment["XDG_STATE_HOME"];
  return base !== undefined && base !== "" ? join(base, "ingot-agent") : join(homedir(), ".local/state/ingot-agent");
}

/** A folder with the agent's key and what it knows of its server. Nobody else can read it. */
export class StateFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes the folder where it is missing. Error: `surroundings`. */
  static async open(path: string): Promise<StateFolder> {
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new AgentError("surroundings", `state folder ${path}`, { cause });
    }
    return new StateFolder(path);
  }

  /**
   * The key by which servers and peers know this agent; made at the first call. `computer`: what tells the computer from others. A key that was
   * made on another one came with a copy of its disk, and is replaced: two agents with one key would be one machine.
   */
  async identity(computer?: string): Promise<Identity> {
    const path = join(this.path, KEY_FILE);
    if (computer !== undefined) await this.#leaveForeignKey(path, computer);
    const kept = (await readText(path)) ?? (await this.#createKey(path));
    try {
      return identityOf(kept, "ingot agent");
    } catch (cause) {
      throw new AgentError("surroundings", `${path} holds no key of an agent; remove it to get a new one`, { cause });
    }
  }

  async server(): Promise<KnownServer | undefined> {
    const path = join(this.path, SERVER_FILE);
    const text = await readText(path);
    if (text === undefined) return undefined;
    const value: unknown = parse(text);
    if (isKnownServer(value)) return value;
    throw new AgentError("surroundings", `${path} is damaged; remove it and name the server and its --pin again`);
  }

  async rememberServer(server: KnownServer): Promise<void> {
    const path = join(this.path, SERVER_FILE);
    const temporary = await writePrivate(path, `${JSON.stringify(server, undefined, 2)}\n`);
    await rename(temporary, path);
  }

  async #leaveForeignKey(keyPath: string, computer: string): Promise<void> {
    const path = join(this.path, COMPUTER_FILE);
    const before = await readText(path);
    if (before === computer) return;
    if (before !== undefined) await rm(keyPath, { force: true });
    await rename(await writePrivate(path, computer), path);
  }

  async #createKey(path: string): Promise<string> {
    const temporary = await writePrivate(path, createIdentity().keyPem);
    try {
      // Unlike a rename, a link never replaces a key that another agent made in the same moment.
      await link(temporary, path);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST"))
        throw new AgentError("surroundings", `cannot keep the agent's key in ${path}`, { cause: error });
    } finally {
      await unlink(temporary);
    }
    return readFile(path, "utf8");
  }
}

async function writePrivate(path: string, text: string): Promise<string> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(temporary, 0o600);
  } catch (cause) {
    throw new AgentError("surroundings", `cannot write ${temporary}`, { cause });
  }
  return temporary;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new AgentError("surroundings", `cannot read ${path}`, { cause: error });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isKnownServer(value: unknown): value is KnownServer {
  return (
    typeof value === "object" &&
    value !== null &&
    "url" in value &&
    typeof value.url === "string" &&
    "pin" in value &&
    typeof value.pin === "string" &&
    (!("signingKey" in value) || typeof value.signingKey === "string")
  );
}
