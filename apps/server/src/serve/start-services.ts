import { join } from "node:path";
import { createBootApp, createMetricsApp, METRICS_PATH } from "@ingot/control";
import { BOOT_FILES_PATH, BootFiles, defaultBootFileDirectories } from "../boot-files/index.ts";
import { startAgents } from "../agents/start-agents.ts";
import { agentDoorOf } from "./boot-network.ts";
import { consoleFiles } from "./console-files.ts";
import { startDhcp } from "./dhcp-service.ts";
import { listenHttp, type HttpHandler } from "./http-listener.ts";
import { EventLoopDelay } from "./metrics/event-loop-delay.ts";
import { Metrics } from "./metrics/metrics.ts";
import { startIscsi } from "./iscsi-service.ts";
import { startRouterAdvert } from "./router-advert-service.ts";
import { ready, type ServiceContext } from "./service-context.ts";
import { startTftp } from "./tftp-service.ts";

const consoleFolder = join(import.meta.dirname, "..", "..", "..", "console", "dist");

/** Ports below this need root (or CAP_NET_BIND_SERVICE). */
const FIRST_FREE_PORT = 1024;

function isLow(port: number): boolean {
  return port !== 0 && port < FIRST_FREE_PORT;
}

/**
 * Binds every port and starts to answer; returns the API's address. Throws `ServerError` for the first port it cannot have.
 * `releaseRights` is called when the low ports are bound and before anything answers that makes files: of what asks for a
 * low port itself, DHCP comes last, because it writes leases.
 */
export async function startServices(context: ServiceContext, releaseRights: () => void): Promise<string> {
  const { config, library, announce, board } = context;
  const bootFiles = new BootFiles(defaultBootFileDirectories(context.paths.boot));
  const missing = await bootFiles.missingPrograms();
  if (missing.length > 0 && config.interface !== undefined) {
    announce({
      event: "warning",
      message: `boot programs are missing: ${missing.join(", ")}; install Debian's package ipxe, or put your own into ${context.paths.boot}`,
    });
  }
  let url = "";
  const services: { readonly port: number; readonly start: () => Promise<void> }[] = [
    {
      port: (config.iscsi ?? []).map(({ port }) => port).find(isLow) ?? context.network.disk.port,
      start: () => startIscsi(context),
    },
    { port: config.bootPort, start: () => startBootHttp(context, bootFiles) },
    {
      port: config.http.port,
      async start() {
        url = await startApi(context, consoleFiles(consoleFolder), (request) => library.api(request));
      },
    },
    { port: agentDoorOf(config, context.bootInterface)?.port ?? 0, start: () => startAgents(context) },
  ];
  if (config.tftp) await startTftp(context, bootFiles);
  else board.off("tftp", "switched off");
  for (const service of services.filter(({ port }) => isLow(port))) await service.start();
  await startDhcp(context);
  startRouterAdvert(context);
  releaseRights();
  for (const service of services.filter(({ port }) => !isLow(port))) await service.start();
  return url;
}

/** Boot scripts, boot files and reports, on the boot interface. */
async function startBootHttp(context: ServiceContext, bootFiles: BootFiles): Promise<void> {
  const { control } = context.library;
  const bootApp = createBootApp({
    control,
    async files(request, { peerAddress: address }) {
      const response = await bootFiles.fetch(request);
      const name = new URL(request.url).pathname.slice(BOOT_FILES_PATH.length);
      context.log.debug({ peer: address, file: name, status: response.status, method: request.method }, "boot file");
      // A HEAD, a range or an unchanged file is no reading of the program.
      const isRead = request.method === "GET" && response.status === 200 && address !== undefined;
      if (isRead) control.boots.recordFile({ address, protocol: "http", name });
      return response;
    },
  });
  const { address, httpPort: port } = context.network.server;
  const listener = await listenHttp({
    service: "boot HTTP",
    option: "another --boot-port",
    address,
    port,
    longRequests: false,
    onError: (error) => context.log.error({ err: error }, "boot HTTP"),
    handle: (request, peer) => bootApp.fetch(request, { peerAddress: peer.address }),
  });
  context.opened.defer(() => listener.close());
  const detail = "boot scripts and boot files";
  ready(
    context,
    "boot-http",
    { address, port: listener.port },
    detail,
    () => detail,
    () => listener.counters,
  );
}

/** The API, the console and the metrics on one origin. */
async function startApi(
  context: ServiceContext,
  console: (request: Request) => Promise<Response>,
  api: (request: Request) => Response | Promise<Response>,
): Promise<string> {
  const { address, port } = context.config.http;
  const { control, replicas } = context.library;
  const mainThread = new EventLoopDelay();
  context.opened.defer(() => mainThread.close());
  const metrics = new Metrics({ control, board: context.board, replicas: () => replicas.stats(), mainThread });
  const onError = (error: unknown): void => context.log.error({ err: error }, "console and API");
  const metricsApp = createMetricsApp({
    read: (query) => metrics.read(query),
    onError,
    guard: { hostNames: context.config.httpNames },
  });
  const handle: HttpHandler = (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === METRICS_PATH) return metricsApp.fetch(request);
    return pathname.startsWith("/api/") ? api(request) : console(request);
  };
  const listener = await listenHttp({
    service: "console and API",
    option: "another --http",
    address,
    port,
    longRequests: true,
    onError,
    handle,
  });
  // Streams are ended by the library; the listener goes first so that nobody comes anew.
  context.opened.defer(() => listener.close());
  const detail = "console and API";
  ready(
    context,
    "api",
    { address, port: listener.port },
    detail,
    () => detail,
    () => listener.counters,
  );
  return `http://${address === "0.0.0.0" ? "127.0.0.1" : address}:${listener.port}`;
}
