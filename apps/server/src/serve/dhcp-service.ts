import {
  DhcpError,
  startDhcpServer,
  type BootAnswer,
  type BootFacts,
  type DhcpEvent,
  type DhcpServer,
  type DhcpServerOptions,
} from "@ingot/dhcp";
import { SystemCallError } from "@ingot/linux";
import type { Logger } from "pino";
import { ServerError } from "../errors.ts";
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
  );
}

function optionsOf(
  { config, network, bootInterface, leases, library, log }: ServiceContext,
  device: string,
): DhcpServerOptions {
  const logger = log.child({ service: "dhcp", iface: device });
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
  const range = config.dhcpRange;
  if (config.dhcp === "proxy" || range === undefined || leases === undefined || bootInterface === undefined)
    return { ...shared, mode: "proxy" };
  const subnet = {
    network: bootInterface.network,
    range,
    ...(config.router !== undefined && { router: config.router }),
    ...(config.dns.length > 0 && { dns: config.dns }),
  };
  return { ...shared, mode: "full", subnets: [subnet], leaseStore: leases };
}

async function start(context: ServiceContext, options: DhcpServerOptions): Promise<DhcpServer> {
  try {
    return await startDhcpServer(options);
  } catch (error) {
    if (error instanceof DhcpError)
      throw new ServerError("config-invalid", `--dhcp-range: ${error.message}`, { cause: error });
    if (error instanceof SystemCallError)
      throw listenError("DHCP", "--dhcp", context.network.server.address, DHCP_PORT, error);
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
