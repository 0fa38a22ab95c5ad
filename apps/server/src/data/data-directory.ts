import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { lockFile, type FileLock } from "@ingot/linux";
import { z } from "zod";
import { messageOf, ServerError } from "../errors.ts";

/** Where everything lies below the data directory; docs/data-directory.md describes each. */
export interface DataPaths {
  readonly root: string;
  readonly database: string;
  readonly store: string;
  readonly replicas: string;
  readonly overlays: string;
  readonly traces: string;
  /** The operator's own boot programs; they win over Debian's. */
  readonly boot: string;
  readonly leases: string;
  /** What the server proves itself with: never leaves the machine. */
  readonly keys: string;
  readonly lock: string;
  /** How commands find the running server. */
  readonly server: string;
}

/** What a running server writes down for the commands. */
export interface RunningServer {
  readonly pid: number;
  /** Base address of the API, e.g. `http://127.0.0.1:8470`. */
  readonly url: string;
}

/** `--data`, else `INGOT_DATA`, else `/var/lib/ingot` for root and the XDG data directory for anybody else. */
export function defaultDataDirectory(): string {
  const named = process.env["INGOT_DATA"];
  if (named !== undefined && named !== "") return named;
  if (process.getuid?.() === 0) return "/var/lib/ingot";
  return join(process.env["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share"), "ingot");
}

/** The paths alone; nothing is touched. */
export function dataPaths(root: string): DataPaths {
  return {
    root,
    database: join(root, "ingot.db"),
    store: join(root, "store"),
    replicas: join(root, "replicas"),
    overlays: join(root, "overlays"),
    traces: join(root, "traces"),
    boot: join(root, "boot"),
    leases: join(root, "leases"),
    keys: join(root, "keys"),
    lock: join(root, "lock"),
    server: join(root, "server.json"),
  };
}

/** Everything that Ingot keeps in the directory: what may be given to another user, and nothing else. */
export function ownPaths(paths: DataPaths): readonly string[] {
  const database = ["", "-wal", "-shm"].map((suffix) => `${paths.database}${suffix}`);
  const { store, replicas, overlays, traces, boot, leases, keys, lock, server } = paths;
  return [...database, store, replicas, overlays, traces, boot, leases, keys, lock, server];
}

/**
 * Makes the directory (mode 0750) and what lies in it, so that a failure is told before anything starts. A directory with
 * other things in it is refused: a slip of the hand must not fill, or give away, somebody's home.
 */
export function createDataDirectory(paths: DataPaths): void {
  try {
    mkdirSync(paths.root, { recursive: true, mode: 0o750 });
    const names = readdirSync(paths.root);
    // Boot programs may have been put in place before the first start.
    const others = names.filter((name) => name !== basename(paths.boot));
    if (others.length > 0 && !names.includes(basename(paths.lock))) {
      throw new Error(
        `it holds other things (${others.slice(0, 3).join(", ")}); give an empty directory or one that does not exist`,
      );
    }
    // The lock comes first: it is what tells a data directory from any other.
    closeSync(openSync(paths.lock, "a", 0o600));
    const { store, replicas, overlays, traces, boot } = paths;
    for (const path of [store, replicas, overlays, traces, boot]) mkdirSync(path, { recursive: true });
    mkdirSync(paths.keys, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new ServerError("data-directory", `--data ${paths.root}: cannot be made or written: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Takes the directory for this process alone, or returns undefined when another process has it. */
export function lockDataDirectory(paths: DataPaths): FileLock | undefined {
  try {
    return lockFile(paths.lock);
  } catch (error) {
    throw new ServerError("data-directory", `--data ${paths.root}: cannot be locked: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The user and group that own the directory, which a command started by root must become before it writes there; undefined when it does not exist. */
export function ownerOf(paths: DataPaths): { uid: number; gid: number } | undefined {
  return statSync(paths.root, { throwIfNoEntry: false });
}

/** Written into place whole, so that a reader sees all of it or nothing. */
export function writeRunningServer(paths: DataPaths, server: RunningServer): void {
  const temporary = `${paths.server}.new`;
  writeFileSync(temporary, `${JSON.stringify(server)}\n`, { mode: 0o640 });
  chmodSync(temporary, 0o644);
  renameSync(temporary, paths.server);
}

/** Reads what a running server wrote; undefined when there is none. */
export function readRunningServer(paths: DataPaths): RunningServer | undefined {
  let text: string;
  try {
    text = readFileSync(paths.server, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ServerError("data-directory", `${paths.server}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const parsed = runningServer.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new ServerError(
    "data-directory",
    `${paths.server}: expected JSON with pid and url; remove the file if no server runs`,
  );
}

const runningServer = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "not JSON" });
      return z.NEVER;
    }
  })
  .pipe(z.object({ pid: z.int(), url: z.url() }));

/** Takes away what a server wrote, also one that was killed and could not do it itself. */
export function removeRunningServer(paths: DataPaths): void {
  rmSync(paths.server, { force: true });
}
