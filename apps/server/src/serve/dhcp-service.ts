import {
  startDhcpServer,
  type BootAnswer,
  type BootFacts,
  type DhcpEvent,
  type DhcpServer,
  type DhcpServerOptions,
} from "@ingot/dhcp";
import { SystemCallError } from "@ingot/linux";
import type { Logger } from "pino";
import { ready, type ServiceContext } from "./service-context.ts";
import { listenError } from "./listen-error.ts";

const DHCP_PORT = 67;

/** DHCP or proxyDHCP on the boot interface, with boot answers from the inventory. */
export async function startDhcp(context: ServiceContext): Promise<void> {
  const { config, bootInterface, board } = context;
  if (config.dhcp === "off" || bootInterface === undefined) {
    board.off("dhcp", "switched off");
    return;
  }
  const server = await start(context, optionsOf(context, bootInterface.name));
  context.opened.defer(() => server.close());
  const what = config.dhcp === "proxy" ? "boot answers beside another DHCP server" : "addresses and boot answers";
  ready(
    context,
    config.dhcp === "proxy" ? "proxydhcp" : "dhcp",
    { address: bootInterface.network.address, port: DHCP_PORT },
    what,
    () => {
      const { received, sent, malformed } = server.counters;
      return `${received} received, ${sent} answered, ${malformed} malformed`;
    },
    () => {
      const { received, sent, ignored, malformed, dropped, failed } = server.counters;
      return { received, sent, ignored, malformed, dropped, failed };
    },
  );
}

function optionsOf(context: ServiceContext, device: string): DhcpServerOptions {
  const { network, subnets, leases, library } = context;
  const logger = context.log.child({ service: "dhcp", iface: device });
  const shared = {
    device,
    serverAddress: network.server.address,
    decideBoot(facts: BootFacts): BootAnswer | undefined {
      const step = library.control.boots.answerDhcp(facts);
      return step.kind === "answer" ? step.answer : undefined;
    },
    onEvent: (event: DhcpEvent) => report(logger, event),
    onError: (error: unknown) => logger.error({ err: error }, "DHCP answer failed"),
  };
  return leases === undefined ? { ...shared, mode: "proxy" } : { ...shared, mode: "full", subnets, leaseStore: leases };
}

async function start(context: ServiceContext, options: DhcpServerOptions): Promise<DhcpServer> {
  try {
    return await startDhcpServer(options);
  } catch (error) {
    if (error instanceof SystemCallError)
      throw listenError("DHCP", "--dhcp off", context.network.server.address, DHCP_PORT, error);
    throw error;
  }
}

function report(log: Logger, event: DhcpEvent): void {
  const { kind, mac, xid } = event;
  switch (event.kind) {
    case "ack":
    case "offer":
      return log.debug({ mac, xid, address: event.address, boot: event.boot?.summary }, kind);
    case "proxy-offer":
    case "boot-server-ack":
      return log.info({ mac, xid, boot: event.boot.summary }, kind);
    case "nak":
      return log.info({ mac, xid, address: event.address, reason: event.reason }, kind);
    case "ignored":
      return log.debug({ mac, xid, reason: event.reason }, kind);
    case "inform-ack":
    case "release":
    case "decline":
      return log.debug({ mac, xid }, kind);
  }
}
