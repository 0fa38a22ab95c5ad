import { availableParallelism } from "node:os";
import { isName, NAME_RULE } from "@ingot/api";
import { ipv4ToNumber, parseIpv4, parseIpv4Network, type Ipv4, type Ipv4Network } from "@ingot/wire";
import { z } from "zod";
import { ServerError } from "../errors.ts";
import { parseRate } from "./rate.ts";

/** An address and a TCP port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** First and last address that the DHCP server hands out, both included. */
interface DhcpRange {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

/** A subnet behind a DHCP relay. */
interface RelayedSubnet {
  readonly network: Ipv4Network;
  readonly range: DhcpRange;
  /** The machines' default gateway there. */
  readonly router: Ipv4;
}

/** Everything `ingot serve` can be told, checked; see docs/configuration.md for each option with its default. */
export interface ServeConfig {
  /** The interface that machines boot by; without one there is no DHCP and no TFTP and disks are offered on loopback. */
  readonly interface?: string;
  readonly dhcp: "off" | "proxy" | "full";
  readonly dhcpRange?: DhcpRange;
  /** Subnets whose relays send to this server. */
  readonly dhcpRelayed: readonly RelayedSubnet[];
  readonly router?: Ipv4;
  readonly dns: readonly Ipv4[];
  /** Whether machines that look for an IPv6 router are told that there is none; see docs/decisions/0009. */
  readonly answerRouterSolicitations: boolean;
  /** Console and API. */
  readonly http: Endpoint;
  /** Host names by which browsers may reach the console, besides addresses and `localhost`. */
  readonly httpNames: readonly string[];
  /** TCP port of boot scripts and boot files on the boot interface. */
  readonly bootPort: number;
  /** One or more; machines are sent to the first. Default: the boot interface's address, port 3260. */
  readonly iscsi?: readonly Endpoint[];
  /** Threads that serve disks. Default: one less than the machine has cores, at least 1, at most 4. */
  readonly iscsiWorkers: number;
  /** Where agents reach the server, over TLS. Default: the boot interface's address, port 8472. */
  readonly agents?: Endpoint;
  /** TCP port where the swarm's members reach the server as a seed; the next one carries the image's bytes. */
  readonly swarmPort: number;
  /** Threads that send images to swarms. Default: as many as `iscsiWorkers` has by default. */
  readonly seedThreads: number;
  /** Bytes a second that the server gives to swarms and by multicast, all jobs together; absent: as fast as it goes. */
  readonly seedRate?: number;
  /** The branch that the server stands in; machines of its own subnet are there, too. */
  readonly site?: string;
  /** Bytes a second, headers included, of a multicast of an image; absent: four fifths of what the boot interface's link does. */
  readonly multicastRate?: number | "off";
  /** The interface by which machines are switched on; absent: the boot interface. */
  readonly wakeInterface?: string;
  readonly tftp: boolean;
  /** Whether machines that nobody entered may register themselves; absent: as it is set in the inventory. */
  readonly registration?: "open" | "closed";
  /** The user that a server started by root becomes once its ports are bound. */
  readonly user: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** More threads of one kind than this have not been tried. */
const MAX_THREADS = 16;

/** Slowest and fastest rate that makes sense, in bytes a second. */
const MIN_RATE = 1e5 / 8;
const MAX_RATE = 1e12 / 8;

/** Names of the options as flags (`--dhcp-range`), in the file (`dhcp-range`) and, upper-cased, in `INGOT_DHCP_RANGE`. */
export const SERVE_OPTION_NAMES = [
  "interface",
  "dhcp",
  "dhcp-range",
  "dhcp-relayed",
  "router",
  "dns",
  "answer-router-solicitations",
  "http",
  "http-names",
  "boot-port",
  "iscsi",
  "iscsi-workers",
  "agents",
  "swarm-port",
  "seed-threads",
  "seed-rate",
  "site",
  "multicast-rate",
  "wake-interface",
  "tftp",
  "registration",
  "user",
  "log-level",
] as const;

/** One option's name. */
export type ServeOptionName = (typeof SERVE_OPTION_NAMES)[number];

/** Options as they were written, before they are checked. */
export type RawServeOptions = { readonly [name in ServeOptionName]?: string };

const ipv4 = z.string().transform((text, context): Ipv4 => {
  try {
    return parseIpv4(text);
  } catch {
    context.addIssue({ code: "custom", message: `got ${JSON.stringify(text)}, expected an address like 10.0.0.1` });
    return z.NEVER;
  }
});

const port = z.string().transform((text, context): number => {
  const value = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && value <= 65535) return value;
  context.addIssue({ code: "custom", message: `got ${JSON.stringify(text)}, expected a port from 0 to 65535` });
  return z.NEVER;
});

const workers = z.string().transform((text, context): number => {
  const value = Number(text);
  if (/^[0-9]{1,2}$/.test(text) && value >= 1 && value <= MAX_THREADS) return value;
  context.addIssue({
    code: "custom",
    message: `got ${JSON.stringify(text)}, expected a number from 1 to ${MAX_THREADS}`,
  });
  return z.NEVER;
});

const endpoint = z.string().transform((text, context): Endpoint => {
  const match = /^(.+):([0-9]{1,5})$/.exec(text);
  const [, address = "", digits = ""] = match ?? [];
  const parsed = z
    .object({ address: ipv4, port })
    .safeParse({ address: address === "localhost" ? "127.0.0.1" : address, port: digits });
  if (parsed.success) return parsed.data;
  context.addIssue({
    code: "custom",
    message: `got ${JSON.stringify(text)}, expected ADDRESS:PORT like 127.0.0.1:8470`,
  });
  return z.NEVER;
});

/** Bytes a second. */
const rate = z.string().transform((text, context): number => {
  const value = parseRate(text);
  if (value !== undefined && value >= MIN_RATE && value <= MAX_RATE) return value;
  context.addIssue({
    code: "custom",
    message: `got ${JSON.stringify(text)}, expected a rate like 500mbit or 60MB, from 100kbit to 1000gbit`,
  });
  return z.NEVER;
});

const endpoints = z
  .string()
  .transform((text) => text.split(",").map((each) => each.trim()))
  .pipe(z.array(endpoint));

const range = z.string().transform((text, context): DhcpRange => {
  const [first = "", last = "", ...more] = text.split("-");
  const parsed = z.object({ first: ipv4, last: ipv4 }).safeParse({ first, last });
  if (parsed.success && more.length === 0 && ipv4ToNumber(parsed.data.first) <= ipv4ToNumber(parsed.data.last))
    return parsed.data;
  context.addIssue({
    code: "custom",
    message: `got ${JSON.stringify(text)}, expected FIRST-LAST like 10.0.0.100-10.0.0.199`,
  });
  return z.NEVER;
});

const relayed = z.string().transform((text, context): readonly RelayedSubnet[] => {
  const subnets: RelayedSubnet[] = [];
  for (const each of text.split(",")) {
    const [network = "", first = "", gateway = "", ...more] = each.trim().split(/\s+/);
    const parsed = z.object({ range, router: ipv4 }).safeParse({ range: first, router: gateway });
    try {
      if (!parsed.success || more.length > 0) throw new RangeError("not three parts");
      subnets.push({ network: parseIpv4Network(network), ...parsed.data });
    } catch {
      const expected =
        '"10.1.0.0/24 10.1.0.100-10.1.0.199 10.1.0.1" (subnet, range, router), several separated by commas';
      context.addIssue({ code: "custom", message: `got ${JSON.stringify(each.trim())}, expected ${expected}` });
      return z.NEVER;
    }
  }
  return subnets;
});

const hostNames = z
  .string()
  .transform((text) => text.split(",").map((name) => name.trim().toLowerCase()))
  .pipe(z.array(z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "expected host names separated by commas")));

const schema = z.strictObject({
  interface: z.string().min(1).optional(),
  dhcp: z.enum(["off", "proxy", "full"]).default("off"),
  "dhcp-range": range.optional(),
  "dhcp-relayed": relayed.optional(),
  router: ipv4.optional(),
  dns: z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(ipv4))
    .optional(),
  "answer-router-solicitations": z.enum(["on", "off"]).optional(),
  http: endpoint.default({ address: "127.0.0.1", port: 8470 }),
  "http-names": hostNames.default([]),
  "boot-port": port.default(8471),
  iscsi: endpoints.optional(),
  "iscsi-workers": workers.optional(),
  agents: endpoint.optional(),
  "swarm-port": port.default(8473),
  "seed-threads": workers.optional(),
  "seed-rate": rate.optional(),
  site: z.string().refine(isName, NAME_RULE).optional(),
  "multicast-rate": z.union([z.literal("off"), rate]).optional(),
  "wake-interface": z.string().min(1).optional(),
  tftp: z.enum(["on", "off"]).optional(),
  registration: z.enum(["open", "closed"]).optional(),
  user: z.string().min(1).default("ingot"),
  "log-level": z.enum(["debug", "info", "warn", "error"]).default("info"),
});

/** Checks options against each other and fills the defaults; throws `ServerError` code `config-invalid`, one line per fault. */
export function parseServeConfig(raw: RawServeOptions): ServeConfig {
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues.map((issue) =>
        issue.path.length > 0 ? `--${issue.path.join(".")}: ${issue.message}` : issue.message,
      ),
    );
  }
  const o = parsed.data;
  const faults: string[] = [];
  if (o.dhcp !== "off" && o.interface === undefined)
    faults.push(`--dhcp ${o.dhcp} needs --interface: answers must not reach another network`);
  if (o.dhcp === "full" && o["dhcp-range"] === undefined) faults.push("--dhcp full needs --dhcp-range FIRST-LAST");
  if (o.dhcp !== "full") {
    for (const name of ["dhcp-range", "dhcp-relayed", "router", "dns"] as const) {
      if (o[name] !== undefined) faults.push(`--${name} is only used with --dhcp full, and --dhcp is ${o.dhcp}`);
    }
  }
  if (o.tftp === "on" && o.interface === undefined) faults.push("--tftp on needs --interface");
  const solicitations = o["answer-router-solicitations"];
  if (solicitations === "on" && o.interface === undefined)
    faults.push("--answer-router-solicitations on needs --interface");
  if (faults.length > 0) throw invalid(faults);
  // One core stays with the main thread: control plane, chunk store, and everything else on the network.
  const usualThreads = Math.min(Math.max(availableParallelism() - 1, 1), 4);
  return {
    dhcp: o.dhcp,
    dns: o.dns ?? [],
    answerRouterSolicitations: solicitations === undefined ? o.dhcp === "full" : solicitations === "on",
    dhcpRelayed: o["dhcp-relayed"] ?? [],
    http: o.http,
    httpNames: o["http-names"],
    bootPort: o["boot-port"],
    iscsiWorkers: o["iscsi-workers"] ?? usualThreads,
    swarmPort: o["swarm-port"],
    seedThreads: o["seed-threads"] ?? usualThreads,
    tftp: o.tftp === undefined ? o.interface !== undefined : o.tftp === "on",
    user: o.user,
    logLevel: o["log-level"],
    ...(o.interface !== undefined && { interface: o.interface }),
    ...(o["dhcp-range"] !== undefined && { dhcpRange: o["dhcp-range"] }),
    ...(o.router !== undefined && { router: o.router }),
    ...(o.iscsi !== undefined && { iscsi: o.iscsi }),
    ...(o.agents !== undefined && { agents: o.agents }),
    ...(o["seed-rate"] !== undefined && { seedRate: o["seed-rate"] }),
    ...(o.site !== undefined && { site: o.site }),
    ...(o["multicast-rate"] !== undefined && { multicastRate: o["multicast-rate"] }),
    ...(o["wake-interface"] !== undefined && { wakeInterface: o["wake-interface"] }),
    ...(o.registration !== undefined && { registration: o.registration }),
  };
}

function invalid(faults: readonly string[]): ServerError {
  return new ServerError("config-invalid", faults.join("\n"));
}
