import { IscsiError, nameOfLoginStatus, TargetServer, type IscsiEvent } from "@ingot/iscsi";
import type { Logger } from "pino";
import { diskDirectory } from "../disks/iscsi-directory.ts";
import { messageOf } from "../errors.ts";
import { ready, type ServiceContext } from "./service-context.ts";
import { listenError } from "./listen-error.ts";

/** The iSCSI portal: every machine's disk under its target name. */
export async function startIscsi(context: ServiceContext): Promise<void> {
  const { disks } = context.library.control;
  const endpoint = context.config.iscsi ?? context.network.disk;
  const log = context.log.child({ service: "iscsi" });
  const directory = diskDirectory({
    disks,
    onError: (error) => log.error({ err: error }, "a disk could not be opened"),
    onDiskFailure(machineId, error) {
      log.error({ machine: machineId, err: error }, "I/O error");
      disks
        .recordFailure(machineId, messageOf(error))
        .catch((failure: unknown) => log.error({ err: failure }, "the failure could not be recorded"));
    },
  });
  const server = await listen(endpoint.address, endpoint.port, directory, log);
  context.opened.defer(() => server.close());
  ready(context, "iscsi", { address: endpoint.address, port: server.address.port }, "disks", () => {
    const { logins, refusedLogins, malformed } = server.counters;
    return `${server.sessions().length} sessions, ${logins} logins, ${refusedLogins} refused, ${malformed} malformed`;
  });
}

async function listen(
  address: string,
  port: number,
  directory: ReturnType<typeof diskDirectory>,
  log: Logger,
): Promise<TargetServer> {
  try {
    return await TargetServer.listen({ directory, address, port, onEvent: (event) => report(log, event) });
  } catch (error) {
    if (!(error instanceof IscsiError)) throw error;
    throw listenError("iSCSI", "another --iscsi", address, port, error.cause ?? error);
  }
}

function report(log: Logger, event: IscsiEvent): void {
  switch (event.kind) {
    case "login":
      return log.info(
        { peer: event.session.peerAddress, target: event.session.targetName, initiator: event.session.initiatorName },
        "login",
      );
    case "logout":
      return log.info(
        { peer: event.session.peerAddress, target: event.session.targetName, reason: event.reason },
        "session ended",
      );
    case "refused":
      return log.warn(
        {
          peer: event.peerAddress,
          target: event.parties?.targetName,
          initiator: event.parties?.initiatorName,
          status: nameOfLoginStatus(event.status),
        },
        "login refused",
      );
    case "error":
      return log.error({ peer: event.peerAddress, err: event.error }, "connection failed");
    case "listenerError":
      return log.error({ err: event.error }, "a connection could not be accepted");
  }
}
