import { openTftpServer, TftpError, type TftpServerEvent } from "@ingot/tftp";
import type { BootFiles } from "../boot-files/index.ts";
import { listenError } from "./listen-error.ts";
import type { ServiceCounters } from "./service-board.ts";
import { ready, type ServiceContext } from "./service-context.ts";

const TFTP_PORT = 69;

/** TFTP on the boot interface; what is read to its end goes into the machine's timeline. */
export async function startTftp(context: ServiceContext, files: BootFiles): Promise<void> {
  const { address } = context.network.server;
  const { boots } = context.library.control;
  const log = context.log.child({ service: "tftp" });
  const onEvent = (event: TftpServerEvent): void => {
    log.debug(event, event.kind);
    if (event.kind === "completed")
      boots.recordFile({ address: event.client.address, protocol: "tftp", name: event.filename });
  };
  try {
    const server = await openTftpServer({ files, address, port: TFTP_PORT, onEvent });
    context.opened.defer(() => server.close());
    const detail = (): string => {
      const { completed, failed, refused, garbage } = server.counts();
      return `${completed} files sent, ${failed} failed, ${refused} refused, ${garbage} malformed`;
    };
    const counters = (): ServiceCounters => {
      const { requested, completed, probed, failed, refused, garbage } = server.counts();
      return { requested, completed, probed, failed, refused, malformed: garbage, active: server.activeTransfers };
    };
    ready(context, "tftp", { address, port: server.port }, "boot files", detail, counters);
  } catch (error) {
    if (!(error instanceof TftpError)) throw error;
    throw listenError("TFTP", "--tftp off", address, TFTP_PORT, error.cause ?? error);
  }
}
