/**
 * A boot server for tests, run inside a network namespace: DHCP or proxyDHCP, scripts and boot programs by HTTP.
 * The argument is a `BootServerConfig` as JSON; events and requests are printed as JSON lines.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { MemoryLeaseStore, startDhcpServer } from "@ingot/dhcp";
import { parseIpv4, parseIpv4Network, parseMac } from "@ingot/wire";
import {
  disklessScript,
  handoverScript,
  localScript,
  menuScript,
  nextStep,
  refusalScript,
  replaceScript,
} from "../src/index.ts";
import type { PlanKind, Quirks } from "../src/index.ts";

/** What the boot server does. */
export interface BootServerConfig {
  readonly mode: "full" | "proxy";
  readonly device: string;
  /** The server's address with its prefix length. */
  readonly network: string;
  readonly range: readonly [string, string];
  readonly plan: PlanKind;
  readonly quirks: Quirks;
}

const HTTP_PORT = 8471;
const PROGRAMS = "/usr/lib/ipxe";

const config = JSON.parse(process.argv[2] ?? "{}") as BootServerConfig;
const network = parseIpv4Network(config.network);
const server = { address: network.address, httpPort: HTTP_PORT };

const shared = {
  device: config.device,
  serverAddress: network.address,
  decideBoot: (facts: Parameters<typeof nextStep>[0]["facts"]) => {
    const step = nextStep({ facts, plan: config.plan, server, quirks: config.quirks });
    return step.kind === "answer" ? step.answer : undefined;
  },
  onEvent: (event: object) => print({ ...event }),
  onError: (error: unknown) => print({ kind: "error", error: String(error) }),
};
const [first, last] = config.range;
await startDhcpServer(
  config.mode === "proxy"
    ? { ...shared, mode: "proxy" }
    : {
        ...shared,
        mode: "full",
        subnets: [
          { network, range: { first: parseIpv4(first), last: parseIpv4(last) }, router: parseIpv4("10.5.0.254") },
        ],
        leaseStore: new MemoryLeaseStore(),
      },
);

createServer((request, response) => {
  const url = new URL(request.url ?? "/", `http://${network.address}`);
  print({ kind: "http", method: request.method, path: url.pathname, query: Object.fromEntries(url.searchParams) });
  if (url.pathname === "/boot/script.ipxe") {
    const script = scriptFor(url.searchParams);
    response.writeHead(200, { "content-type": "text/plain", "content-length": Buffer.byteLength(script) }).end(script);
  } else if (url.pathname.startsWith("/boot/files/")) {
    void sendFile(join(PROGRAMS, basename(url.pathname)));
  } else {
    response.writeHead(404).end();
  }

  async function sendFile(path: string): Promise<void> {
    const { size } = await stat(path);
    response.writeHead(200, { "content-length": size });
    if (request.method === "HEAD") response.end();
    else createReadStream(path).pipe(response);
  }
}).listen(HTTP_PORT, network.address, () => print({ kind: "ready" }));

function scriptFor(query: URLSearchParams): string {
  const mac = parseMac(query.get("mac") ?? "");
  const machineName = "test-machine";
  if (query.get("stage") === "replace") return replaceScript({ mac, server });
  if (query.get("stage") === "handover") return handoverScript({ mac, server });
  if (config.plan === "local") return localScript({ machineName });
  if (config.plan === "refused") return refusalScript({ mac, reason: "registration is closed" });
  const chosen = query.get("image");
  if (config.plan === "menu" && chosen === null) {
    return menuScript({
      mac,
      machineName,
      server,
      entries: [
        { imageRef: "debian:3", title: "Debian for the lab" },
        { imageRef: "rescue:1", title: "Rescue system" },
      ],
      defaultChoice: { image: "rescue:1" },
      timeoutMs: 2000,
    });
  }
  return disklessScript({
    mac,
    machineName,
    imageRef: chosen ?? "debian:3",
    server,
    disk: { address: network.address, port: 3260, target: "iqn.2026-11.org.ingot:test-machine" },
    initiatorIqn: "iqn.2026-11.org.ingot:client:test-machine",
    diskIsOnLink: true,
  });
}

function print(line: object): void {
  process.stdout.write(
    `${JSON.stringify(line, (_key, value: unknown) => (value instanceof Uint8Array ? [...value] : value))}\n`,
  );
}
