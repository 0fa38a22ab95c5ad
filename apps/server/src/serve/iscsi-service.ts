import type { RefusedLogin } from "@ingot/control";
import { IscsiError, nameOfLoginStatus, type IscsiEvent, type Portal } from "@ingot/iscsi";
import type { Logger } from "pino";
import type { IscsiService } from "../disks/iscsi-workers.ts";
import { messageOf } from "../errors.ts";
import { ready, type ServiceContext } from "./service-context.ts";
import { listenError } from "./listen-error.ts";

/** The iSCSI portal: every machine's disk under its target name. */
export async function startIscsi(context: ServiceContext): Promise<void> {
  const { iscsi, fail } = context;
  const { disks, sessions, refusals } = context.library.control;
  const portals = context.config.iscsi ?? [context.network.disk];
  const log = context.log.child({ service: "iscsi" });
  context.opened.defer(() => iscsi.closeSessions());
  await listen(context, {
    portals,
    disks,
    onError: (error) => log.error({ err: error }, "a disk could not be opened"),
    onDiskFailure(machineId, error) {
      log.error({ machine: machineId, err: error }, "I/O error");
      disks
        .recordFailure(machineId, messageOf(error))
        .catch((failure: unknown) => log.error({ err: failure }, "the failure could not be recorded"));
    },
    onEvent(event) {
      report(log, event);
      if (event.kind === "refused") refusals.record(refusedLoginOf(event));
    },
    onReport: (open, ended) => sessions.report(open, ended),
    onWorkerEnd: (error) => log.error({ err: error }, "an iSCSI worker has ended, and its sessions with it"),
    onFatal: fail,
  });
  const detail = (): string => {
    const { logins, refusedLogins, malformed } = iscsi.counters;
    return `${iscsi.sessions().length} sessions, ${logins} logins, ${refusedLogins} refused, ${malformed} malformed`;
  };
  const [at = context.network.disk, ...others] = iscsi.portals;
  const more = others.map(({ address, port }) => ` and ${address}:${port}`).join("");
  ready(context, "iscsi", at, `disks${more}`, detail, () => ({ ...iscsi.counters }));
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

async function listen({ iscsi }: ServiceContext, service: IscsiService): Promise<void> {
  try {
    await iscsi.serve(service);
  } catch (error) {
    if (!(error instanceof IscsiError)) throw error;
    // The system's error says which of the portals it was.
    const { address = "", port = 0 } = { ...service.portals[0], ...(error.cause as Partial<Portal> | undefined) };
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
          reason: event.reason,
        },
        "login refused",
      );
    case "error":
      return log.error({ peer: event.peerAddress, err: event.error }, "connection failed");
    case "listenerError":
      return log.error({ err: event.error }, "a connection could not be accepted");
  }
}
