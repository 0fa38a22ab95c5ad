import type { BootNetwork } from "@ingot/control";
import type { LeaseFile, SubnetConfig } from "@ingot/dhcp";
import type { Logger } from "pino";
import type { BootInterface } from "../config/network-interface.ts";
import type { Endpoint, ServeConfig } from "../config/serve-config.ts";
import type { DataPaths } from "../data/data-directory.ts";
import type { IscsiWorkers } from "../disks/iscsi-workers.ts";
import type { Library } from "./library.ts";
import type { ServerNotice } from "./server-notice.ts";
import type { ServiceBoard, ServiceCounters } from "./service-board.ts";

/** What every service needs of the server around it. */
export interface ServiceContext {
  readonly config: ServeConfig;
  readonly bootInterface: BootInterface | undefined;
  readonly network: BootNetwork;
  /** Where `--dhcp full` gives addresses: the boot interface's own subnet, then those behind relays. */
  readonly subnets: readonly SubnetConfig[];
  readonly paths: DataPaths;
  readonly library: Library<IscsiWorkers>;
  /** The threads that serve disks. */
  readonly iscsi: IscsiWorkers;
  /** Only with `--dhcp full`. */
  readonly leases: LeaseFile | undefined;
  readonly board: ServiceBoard;
  readonly log: Logger;
  readonly announce: (notice: ServerNotice) => void;
  /** Ends the server, which cannot go on. */
  readonly fail: (error: Error) => void;
  /** What was opened, closed in reverse order. */
  readonly opened: AsyncDisposableStack;
}

/** Puts a service on the board and says so. */
export function ready(
  context: ServiceContext,
  name: string,
  endpoint: Endpoint,
  detail: string,
  counted: () => string = () => detail,
  counters?: () => ServiceCounters,
): void {
  const address = `${endpoint.address}:${endpoint.port}`;
  context.board.ready(name, address, counted, counters);
  context.announce({ event: "service", name, address, detail });
}
