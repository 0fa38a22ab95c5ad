import { once } from "node:events";
import { Command, Option } from "commander";
import {
  parseServeConfig,
  SERVE_OPTION_NAMES,
  type RawServeOptions,
  type ServeOptionName,
} from "../config/serve-config.ts";
import { mergeOptions } from "../config/sources.ts";
import { messageOf } from "../errors.ts";
import type { ServerNotice } from "../serve/server-notice.ts";
import type { CommonOptions } from "./common-options.ts";

type ServeOptions = CommonOptions & { readonly config?: string } & { readonly [camelCased: string]: unknown };

/** `ingot serve` */
export function serveCommand(): Command {
  return new Command("serve")
    .description("the server: boots machines, offers their disks, shows the console")
    .option("--config <file>", "configuration file (default /etc/ingot/ingot.yaml where it exists)")
    .option("--interface <name>", "the interface machines boot by")
    .addOption(
      new Option(
        "--dhcp <mode>",
        "answer DHCP: proxy beside an existing server, full with addresses (default off)",
      ).choices(["off", "proxy", "full"]),
    )
    .option("--dhcp-range <first-last>", "addresses that --dhcp full hands out")
    .option(
      "--dhcp-relayed <subnets>",
      'subnets behind relays: "10.1.0.0/24 10.1.0.100-10.1.0.199 10.1.0.1", separated by commas',
    )
    .option("--router <address>", "default gateway that --dhcp full hands out")
    .option("--dns <addresses>", "name servers that --dhcp full hands out, separated by commas")
    .addOption(
      new Option(
        "--answer-router-solicitations <on|off>",
        "tell machines that wait for an IPv6 router that there is none (default on with --dhcp full)",
      ).choices(["on", "off"]),
    )
    .option("--http <address:port>", "console and API (default 127.0.0.1:8470)")
    .option("--http-names <names>", "host names by which browsers may reach the console, separated by commas")
    .option("--boot-port <port>", "boot scripts and boot files on the boot interface (default 8471)")
    .option(
      "--iscsi <address:port>",
      "iSCSI portals, separated by commas; machines boot by the first (default the boot interface, port 3260)",
    )
    .option("--iscsi-workers <n>", "threads that serve disks, 1 to 16 (default one less than cores, 1 to 4)")
    .option("--agents <address:port>", "where agents reach the server, TLS (default the boot interface, port 8472)")
    .option("--swarm-port <port>", "the server as a seed: this port and the next (default 8473)")
    .option("--seed-threads <n>", "threads that send images to clones, 1 to 16 (default one less than cores, 1 to 4)")
    .option("--site <name>", "the branch that the server and the machines of its own subnet stand in (default: none)")
    .option("--seed-rate <rate>", "at most this much to clones, like 500mbit (default no limit)")
    .option("--multicast-rate <rate|off>", "rate of a multicast (default four fifths of the boot interface's link)")
    .option("--wake-interface <name|off>", "by which machines are switched on for jobs (default the boot interface)")
    .addOption(
      new Option("--tftp <on|off>", "TFTP on the boot interface (default on with --interface)").choices(["on", "off"]),
    )
    .addOption(
      new Option("--registration <open|closed>", "whether unknown machines may register themselves").choices([
        "open",
        "closed",
      ]),
    )
    .option("--user <name>", "user that a server started by root becomes (default ingot)")
    .addOption(
      new Option("--log-level <level>", "what is logged to standard error (default info)").choices([
        "debug",
        "info",
        "warn",
        "error",
      ]),
    )
    .addHelpText(
      "after",
      `
Every option can stand in the configuration file (dhcp-range: …) or in the environment (INGOT_DHCP_RANGE=…); a flag wins
over the environment, and that over the file.

Examples:
  ingot serve                                       console and API alone, on loopback
  ingot serve --interface eth1 --dhcp proxy         beside an existing DHCP server
  ingot serve --interface eth1 --dhcp full --dhcp-range 10.0.0.100-10.0.0.199 --router 10.0.0.254`,
    )
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const configFile = options.config ?? process.env["INGOT_CONFIG"];
  const raw = mergeOptions({
    flags: flagsOf(options),
    environment: process.env,
    ...(configFile !== undefined && { configFile }),
  });
  const config = parseServeConfig(raw);
  const announce = options.json === true ? announceJson : announceText;
  // The other commands start faster without what only a server needs.
  const { startServer } = await import("../serve/start-server.ts");
  const server = await startServer({ config, dataDirectory: options.data, announce, json: options.json === true });
  const reason = await Promise.race([
    once(process, "SIGINT").then(() => "SIGINT"),
    once(process, "SIGTERM").then(() => "SIGTERM"),
    server.failed,
  ]);
  announce({ event: "stopping", reason: messageOf(reason) });
  await server.close();
  announce({ event: "stopped" });
  if (typeof reason !== "string") throw reason;
}

function flagsOf(options: ServeOptions): RawServeOptions {
  const flags: { [name in ServeOptionName]?: string } = {};
  for (const name of SERVE_OPTION_NAMES) {
    const value = options[name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    if (typeof value === "string") flags[name] = value;
  }
  return flags;
}

/** One JSON object per line; the last of start-up is `{"event":"ready",…}`. */
function announceJson(notice: ServerNotice): void {
  process.stdout.write(`${JSON.stringify(notice)}\n`);
}

function announceText(notice: ServerNotice): void {
  process.stdout.write(`${describe(notice)}\n`);
}

function describe(notice: ServerNotice): string {
  switch (notice.event) {
    case "service":
      return `${notice.name.padEnd(10)} ${notice.address.padEnd(22)} ${notice.detail}`.trimEnd();
    case "warning":
      return `warning: ${notice.message}`;
    case "ready":
      return `ready: console and API at ${notice.url}`;
    case "stopping":
      return `stopping (${notice.reason})`;
    case "stopped":
      return "stopped";
  }
}
