import { SystemCallError } from "@ingot/linux";
import { startRouterAdvertServer, type RouterAdvertServer } from "@ingot/router-advert";
import { hexFromBytes } from "@ingot/wire";
import type { ServiceContext } from "./service-context.ts";

const NAME = "router-advert";

/**
 * Answers to router solicitations on the boot interface. They only save time, so a system that cannot (no IPv6, no right
 * to a raw socket) is a warning and not the end.
 */
export function startRouterAdvert(context: ServiceContext): void {
  const { config, bootInterface, board, announce } = context;
  if (!config.answerRouterSolicitations || bootInterface === undefined) {
    board.off(NAME, "switched off");
    return;
  }
  const device = bootInterface.name;
  let server: RouterAdvertServer;
  try {
    server = start(context, device);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    board.off(NAME, error.message);
    announce({
      event: "warning",
      message: `machines may wait some 15 s for an IPv6 router: ${error.message}; start as root, or give --answer-router-solicitations off`,
    });
    return;
  }
  context.opened.defer(() => server.close());
  const address = `${device} (ICMPv6)`;
  const detail = (): string => {
    const { received, answered, malformed } = server.counters;
    return `${received} received, ${answered} answered, ${malformed} malformed`;
  };
  board.ready(NAME, address, detail, () => ({ ...server.counters }));
  announce({ event: "service", name: NAME, address, detail: "ends the wait for an IPv6 router where there is none" });
}

function start(context: ServiceContext, device: string): RouterAdvertServer {
  const log = context.log.child({ service: NAME, iface: device });
  return startRouterAdvertServer({
    device,
    now: () => performance.now(),
    onDecision(decision, source) {
      const from = { source: hexFromBytes(source) };
      if (decision.kind === "router-heard" && decision.isNews)
        log.info(from, "an IPv6 router is here, solicitations are left to it");
      else log.debug({ ...from, ...(decision.kind === "silence" && { reason: decision.reason }) }, decision.kind);
    },
    onSendError: (error) => log.debug({ err: error }, "router advertisement not sent"),
    onReceiveError: (error) => log.error({ err: error }, "router solicitations are no longer heard"),
  });
}
