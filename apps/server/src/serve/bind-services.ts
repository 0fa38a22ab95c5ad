import { join } from "node:path";
import { createBootApp } from "@ingot/control";
import { BOOT_FILES_PATH, BootFiles, defaultBootFileDirectories } from "../boot-files/index.ts";
import { consoleFiles } from "./console-files.ts";
import { startDhcp } from "./dhcp-service.ts";
import { listenHttp, type HttpHandler } from "./http-listener.ts";
import { startIscsi } from "./iscsi-service.ts";
import { startRouterAdvert } from "./router-advert-service.ts";
import { ready, type ServiceContext } from "./service-context.ts";
import { startTftp } from "./tftp-service.ts";

const consoleFolder = join(import.meta.dirname, "..", "..", "..", "console", "dist");

/** Binds every port and starts to answer; returns the API's address. Throws `ServerError` for the first port it cannot have. */
export async function bindServices(context: ServiceContext): Promise<string> {
  const { config, library, announce } = context;
  const bootFiles = new BootFiles(defaultBootFileDirectories(context.paths.boot));
  const missing = await bootFiles.missingPrograms();
  if (missing.length > 0 && config.interface !== undefined) {
    announce({
      event: "warning",
      message: `boot programs are missing: ${missing.join(", ")}; install Debian's package ipxe, or put your own into ${context.paths.boot}`,
    });
  }
  await startIscsi(context);
  await startBootHttp(context, bootFiles);
  if (config.tftp) await startTftp(context, bootFiles);
  else context.board.off("tftp", "switched off");
  startRouterAdvert(context);
  await startDhcp(context);
  return startApi(context, consoleFiles(consoleFolder), (request) => library.api(request));
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
    option: "--boot-port",
    address,
    port,
    handle: (request, peer) => bootApp.fetch(request, { peerAddress: peer.address }),
  });
  context.opened.defer(() => listener.close());
  ready(context, "boot-http", { address, port: listener.port }, "boot scripts and boot files");
}

/** The API and the console on one origin. */
async function startApi(
  context: ServiceContext,
  console: (request: Request) => Promise<Response>,
  api: (request: Request) => Response | Promise<Response>,
): Promise<string> {
  const { address, port } = context.config.http;
  const handle: HttpHandler = (request) =>
    new URL(request.url).pathname.startsWith("/api/") ? api(request) : console(request);
  const listener = await listenHttp({ service: "console and API", option: "--http", address, port, handle });
  // Streams are ended by the library; the listener goes first so that nobody comes anew.
  context.opened.defer(() => listener.close());
  ready(context, "api", { address, port: listener.port }, "console and API");
  return `http://${address === "0.0.0.0" ? "127.0.0.1" : address}:${listener.port}`;
}
