/**
 * A DHCP server for tests, run inside a network namespace. The argument is a `TestServerConfig` as JSON; one JSON line
 * per event, and a line `{"kind":"counters",…}` for every SIGUSR2.
 */
import { parseIpv4, parseIpv4Network } from "@ingot/wire";
import { LeaseFile, MemoryLeaseStore, startDhcpServer } from "../src/index.ts";
import type { BootAnswer, BootFacts, LeaseStore, PxeStyle } from "../src/index.ts";

/** What the server does. */
export interface TestServerConfig {
  readonly mode: "full" | "proxy";
  readonly device: string;
  readonly address: string;
  /** Network, first and last address of each subnet. */
  readonly subnets: readonly (readonly [string, string, string])[];
  readonly leaseSeconds?: number;
  readonly leaseFile?: string;
  readonly style?: PxeStyle;
  /** Every attempt to save a lease fails. */
  readonly storeFails?: boolean;
}

const config = JSON.parse(process.argv[2] ?? "{}") as TestServerConfig;
const serverAddress = parseIpv4(config.address);

function decideBoot(facts: BootFacts): BootAnswer {
  const bootFile = facts.vendorClass?.startsWith("HTTPClient") ? `http://${serverAddress}/boot.efi` : "boot.efi";
  return { bootFile, nextServer: serverAddress, style: config.style ?? "option43", summary: bootFile };
}

async function openStore(): Promise<LeaseStore> {
  if (config.leaseFile !== undefined) return LeaseFile.open(config.leaseFile);
  const store = new MemoryLeaseStore();
  if (config.storeFails === true) store.save = () => Promise.reject(new Error("no space left"));
  return store;
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const shared = {
  device: config.device,
  serverAddress,
  decideBoot,
  onEvent: (event: object) => print({ ...event, facts: undefined }),
  onError: (error: unknown) => print({ kind: "error", error: String(error) }),
};
const server = await startDhcpServer(
  config.mode === "proxy"
    ? { ...shared, mode: "proxy" }
    : {
        ...shared,
        mode: "full",
        subnets: config.subnets.map(([network, first, last]) => ({
          network: parseIpv4Network(network),
          range: { first: parseIpv4(first), last: parseIpv4(last) },
          leaseSeconds: config.leaseSeconds ?? 3600,
        })),
        leaseStore: await openStore(),
      },
);
process.on("SIGUSR2", () => print({ kind: "counters", ...server.counters }));
print({ kind: "ready" });
