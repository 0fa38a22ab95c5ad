import { lchownSync } from "node:fs";
import { join } from "node:path";
import type { Wake } from "@ingot/control";
import { LeaseFile } from "@ingot/dhcp";
import type { FileLock } from "@ingot/linux";
import { type BootInterface, findInterface, interfaceWithLink } from "../config/network-interface.ts";
import type { ServeConfig } from "../config/serve-config.ts";
import { subnetsOf } from "../config/subnets.ts";
import {
  createDataDirectory,
  dataPaths,
  lockDataDirectory,
  ownPaths,
  readRunningServer,
  removeRunningServer,
  writeRunningServer,
  type DataPaths,
} from "../data/data-directory.ts";
import { ServerError } from "../errors.ts";
import { IscsiWorkers } from "../disks/iscsi-workers.ts";
import { agentsUrlOf, networkOf } from "./boot-network.ts";
import { openLibrary } from "./library.ts";
import { createLog } from "./log.ts";
import { wakeOnLan } from "../wake/wake-on-lan.ts";
import { becomeUser, checkReachable, findUser, givePaths, type SystemUser, withUser } from "./privileges.ts";
import type { ServerNotice } from "./server-notice.ts";
import { ServiceBoard } from "./service-board.ts";
import type { ServiceContext } from "./service-context.ts";
import { startServices } from "./start-services.ts";

/** How a server is started. */
export interface StartOptions {
  readonly config: ServeConfig;
  readonly dataDirectory: string;
  /** Log lines as JSON. */
  readonly json: boolean;
  /** Told of each step of starting. */
  readonly announce: (notice: ServerNotice) => void;
}

/** A server that is ready. */
export interface RunningServer {
  /** Resolves with the reason when it cannot go on; it is still to be closed. */
  readonly failed: Promise<Error>;
  /** Ends sessions, makes everything durable, closes; idempotent. */
  close(): Promise<void>;
}

const programFolder = join(import.meta.dirname, "..", "..", "..", "..");

/**
 * Starts everything, or nothing: whatever fails, what was opened before is closed again and the error says what, where and
 * what to do. A server started by root opens its files as the user it will become, so that nothing in the data directory
 * belongs to root; only for binding ports below 1024 is it root again, and then never more.
 */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const { config, announce } = options;
  const bootInterface = config.interface === undefined ? undefined : await withLink(config.interface, announce);
  const subnets = subnetsOf(config, bootInterface);
  const user = process.getuid?.() === 0 && config.user !== "root" ? findUser(config.user) : undefined;
  const paths = dataPaths(options.dataDirectory);
  createDataDirectory(paths);
  await using opened = new AsyncDisposableStack();
  const lock = takeLock(paths);
  opened.defer(() => lock.close());
  removeRunningServer(paths);
  if (user !== undefined) {
    checkReachable(user, [programFolder, paths.root]);
    lchownSync(paths.root, user.uid, user.gid);
    givePaths(ownPaths(paths), user);
  }
  const log = createLog(config.logLevel, options.json);
  const board = new ServiceBoard();
  const network = networkOf(config, bootInterface);
  const { library, leases } = await asUser(user, async () => {
    const library = await openLibrary({
      paths,
      network,
      agentsUrl: agentsUrlOf(config, bootInterface),
      isServer: true,
      wake: wakeOf(config, bootInterface),
      hostNames: config.httpNames,
      services: () => board.list(),
      startDisks: (parts) => IscsiWorkers.start({ ...parts, count: config.iscsiWorkers }),
      onError: (error) => log.error({ err: error }, "background work failed"),
    });
    opened.defer(() => library.close());
    const leases = config.dhcp === "full" ? await LeaseFile.open(paths.leases) : undefined;
    if (leases !== undefined) opened.defer(() => leases.close());
    return { library, leases };
  });
  for (const problem of library.problems) announce({ event: "warning", message: problem });
  if (config.registration !== undefined) await library.control.settings.patch({ registration: config.registration });
  const failed = Promise.withResolvers<Error>();
  const context: ServiceContext = {
    config,
    bootInterface,
    network,
    subnets,
    paths,
    library,
    iscsi: library.disks,
    leases,
    board,
    log,
    announce,
    fail: (error) => failed.resolve(error),
    opened,
  };
  const url = await startServices(context, () => {
    if (user !== undefined) becomeUser(user);
  });
  writeRunningServer(paths, { pid: process.pid, url });
  opened.defer(() => removeRunningServer(paths));
  announce({ event: "ready", url, pid: process.pid, data: paths.root });
  const running = opened.move();
  return { failed: failed.promise, close: () => running.disposeAsync() };
}

/** Switches machines on by the interface that was named, else by the one that they boot by. */
function wakeOf(config: ServeConfig, bootInterface: BootInterface | undefined): Wake | undefined {
  const { wakeInterface } = config;
  if (wakeInterface === "off") return undefined;
  const by = wakeInterface === undefined ? bootInterface : findInterface(wakeInterface);
  if (by === undefined) return undefined;
  return wakeOnLan({ own: by.network, others: config.dhcpRelayed.map(({ network }) => network) });
}

function withLink(name: string, announce: StartOptions["announce"]): Promise<BootInterface> {
  return interfaceWithLink(name, () =>
    announce({ event: "warning", message: `${name} has no link, or no address; waiting until it has both` }),
  );
}

function takeLock(paths: DataPaths): FileLock {
  const lock = lockDataDirectory(paths);
  if (lock !== undefined) return lock;
  const other = readRunningServer(paths);
  const who = other === undefined ? "another command" : `the server with process id ${other.pid} at ${other.url}`;
  throw new ServerError(
    "data-directory-in-use",
    `--data ${paths.root} is in use by ${who}; stop it, or give another --data`,
  );
}

function asUser<T>(user: SystemUser | undefined, work: () => Promise<T>): Promise<T> {
  return user === undefined ? work() : withUser(user, work);
}
