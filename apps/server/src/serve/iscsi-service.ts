import { parseBootTarget, type RefusedLogin, type SessionReport } from "@ingot/control";
import { IscsiError, nameOfLoginStatus, TargetServer, type IscsiEvent, type SessionInfo } from "@ingot/iscsi";
import type { Logger } from "pino";
import { diskDirectory } from "../disks/iscsi-directory.ts";
import { messageOf } from "../errors.ts";
import { ready, type ServiceContext } from "./service-context.ts";
import { listenError } from "./listen-error.ts";
import { SessionFeed, sessionReportOf } from "./session-feed.ts";

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
  const { sessions, refusals } = context.library.control;
  const reportOf = (info: SessionInfo): SessionReport =>
    sessionReportOf(info, parseBootTarget(info.targetName ?? "")?.machineId, 0);
  const server = await listen(endpoint.address, endpoint.port, directory, (event) => {
    report(log, event);
    if (event.kind === "refused") refusals.record(refusedLoginOf(event));
    if (event.kind === "logout") feed.end(reportOf(event.session));
  });
  const feed = new SessionFeed(sessions, () => server.sessions().map(reportOf));
  context.opened.defer(() => feed.close());
  context.opened.defer(() => server.close());
  const detail = (): string => {
    const { logins, refusedLogins, malformed } = server.counters;
    return `${server.sessions().length} sessions, ${logins} logins, ${refusedLogins} refused, ${malformed} malformed`;
  };
  const at = { address: endpoint.address, port: server.address.port };
  ready(context, "iscsi", at, "disks", detail, () => ({ ...server.counters }));
}

/** What the control plane hears of a refused login. */
function refusedLoginOf(event: Extract<IscsiEvent, { kind: "refused" }>): RefusedLogin {
  const { parties, peerAddress: peer, portal, status } = event;
  return {
    initiator: parties?.initiatorName,
    target: parties?.targetName,
    peer,
    portal,
    status: nameOfLoginStatus(status),
  };
}

async function listen(
  address: string,
  port: number,
  directory: ReturnType<typeof diskDirectory>,
  onEvent: (event: IscsiEvent) => void,
): Promise<TargetServer> {
  try {
    return await TargetServer.listen({ directory, address, port, onEvent });
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
