import {
  createDataDirectory,
  dataPaths,
  lockDataDirectory,
  ownerOf,
  readRunningServer,
  removeRunningServer,
  type DataPaths,
} from "../data/data-directory.ts";
import { ServerError } from "../errors.ts";
import { ApiClient } from "./api-client.ts";

/** A way to the API for the length of one command. */
export interface Connection extends AsyncDisposable {
  readonly api: ApiClient;
  /** Whether a running server answers, rather than this process itself. */
  readonly live: boolean;
}

/**
 * The running server's API, found through the data directory; without a server the same API over the directory itself,
 * held under its lock. A command started by root works there as the directory's owner, so that it leaves nothing behind
 * that the server could not read: whatever root alone may read must be opened before.
 */
export async function connect(dataDirectory: string): Promise<Connection> {
  const paths = dataPaths(dataDirectory);
  becomeOwner(paths);
  createDataDirectory(paths);
  const lock = lockDataDirectory(paths);
  if (lock === undefined)
    return { api: clientOf(paths.root, readRunningServer(paths)?.url), live: true, async [Symbol.asyncDispose]() {} };
  // What a killed server left behind would lead the next command astray.
  removeRunningServer(paths);
  // Store, database and control plane are only loaded where there is no server to ask.
  const { openLibrary } = await import("../serve/library.ts");
  const { startLocalDisks } = await import("../disks/disk-service.ts");
  const library = await openLibrary({ paths, startDisks: startLocalDisks });
  return {
    api: new ApiClient((request) => Promise.resolve(library.api(request)), "http://127.0.0.1"),
    live: false,
    async [Symbol.asyncDispose]() {
      await library.close();
      lock.close();
    },
  };
}

function becomeOwner(paths: DataPaths): void {
  const owner = ownerOf(paths);
  if (process.getuid?.() !== 0 || owner === undefined || owner.uid === 0) return;
  process.setgroups?.([owner.gid]);
  process.setgid?.(owner.gid);
  process.setuid?.(owner.uid);
}

function clientOf(root: string, url: string | undefined): ApiClient {
  if (url === undefined) {
    throw new ServerError(
      "data-directory-in-use",
      `--data ${root}: another command is working on it; try again when it has ended`,
    );
  }
  return new ApiClient(async (request) => {
    try {
      return await fetch(request);
    } catch (error) {
      throw new ServerError(
        "server-unreachable",
        `the server at ${url} does not answer although its data directory ${root} is in use`,
        { cause: error },
      );
    }
  }, url);
}
