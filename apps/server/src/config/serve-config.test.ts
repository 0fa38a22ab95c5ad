import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ServerError } from "../errors.ts";
import { parseIpv4Network } from "@ingot/wire";
import { findInterface } from "./network-interface.ts";
import { parseServeConfig, type RawServeOptions } from "./serve-config.ts";
import { mergeOptions } from "./sources.ts";
import { subnetsOf } from "./subnets.ts";

function refusalOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ServerError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("options of serve", () => {
  test("without any option the server stays on loopback and answers no DHCP", () => {
    const { iscsiWorkers, seedThreads, ...config } = parseServeConfig({});
    // By the number of cores.
    expect([1, 2, 3, 4]).toContain(iscsiWorkers);
    expect(seedThreads).toBe(iscsiWorkers);
    expect(config).toEqual({
      dhcp: "off",
      dhcpRelayed: [],
      dns: [],
      http: { address: "127.0.0.1", port: 8470 },
      httpNames: [],
      bootPort: 8471,
      swarmPort: 8473,
      tftp: false,
      answerRouterSolicitations: false,
      user: "ingot",
      logLevel: "info",
    });
  });

  test("disks may be offered at several portals", () => {
    expect(parseServeConfig({ iscsi: "10.0.0.1:3260, 10.0.1.1:3261" }).iscsi).toEqual([
      { address: "10.0.0.1", port: 3260 },
      { address: "10.0.1.1", port: 3261 },
    ]);
  });

  test.each([
    ["500mbit", 62_500_000],
    ["2.5gbit", 312_500_000],
    ["800kbit", 100_000],
  ])("the server seeds at most at %s, %d bytes a second", (text, bytes) => {
    expect(parseServeConfig({ "seed-rate": text }).seedRate).toBe(bytes);
  });

  test.each(["fast", "500", "-1mbit", "0mbit", "9999gbit"])("a seed rate of %s is refused", (text) => {
    expect(refusalOf(() => parseServeConfig({ "seed-rate": text }))).toContain("--seed-rate");
  });

  test("an interface brings TFTP with it", () => {
    expect(parseServeConfig({ interface: "eth1" })).toMatchObject({ interface: "eth1", tftp: true, dhcp: "off" });
  });

  test("a full DHCP server takes its range, router and name servers", () => {
    const config = parseServeConfig({
      interface: "eth1",
      dhcp: "full",
      "dhcp-range": "10.0.0.100-10.0.0.199",
      router: "10.0.0.254",
      dns: "10.0.0.2,10.0.0.3",
    });
    expect(config).toMatchObject({
      dhcp: "full",
      dhcpRange: { first: "10.0.0.100", last: "10.0.0.199" },
      router: "10.0.0.254",
      dns: ["10.0.0.2", "10.0.0.3"],
    });
  });

  test.each<[RawServeOptions, boolean]>([
    [{ dhcp: "full", "dhcp-range": "10.0.0.1-10.0.0.2" }, true],
    [{ dhcp: "proxy" }, false],
    [{}, false],
    [{ dhcp: "full", "dhcp-range": "10.0.0.1-10.0.0.2", "answer-router-solicitations": "off" }, false],
    [{ dhcp: "proxy", "answer-router-solicitations": "on" }, true],
  ])("router solicitations are answered in a network of our own, and elsewhere on demand: %j", (raw, expected) => {
    expect(parseServeConfig({ interface: "eth1", ...raw }).answerRouterSolicitations).toBe(expected);
  });

  test("subnets behind relays have a range and a router of their own", () => {
    const config = parseServeConfig({
      interface: "eth1",
      dhcp: "full",
      "dhcp-range": "10.0.0.100-10.0.0.199",
      "dhcp-relayed": "10.1.0.0/24 10.1.0.100-10.1.0.199 10.1.0.1, 10.2.0.0/16 10.2.1.0-10.2.1.255 10.2.0.1",
    });
    expect(config.dhcpRelayed).toEqual([
      {
        network: { address: "10.1.0.0", prefixLength: 24 },
        range: { first: "10.1.0.100", last: "10.1.0.199" },
        router: "10.1.0.1",
      },
      {
        network: { address: "10.2.0.0", prefixLength: 16 },
        range: { first: "10.2.1.0", last: "10.2.1.255" },
        router: "10.2.0.1",
      },
    ]);
    const own = { name: "eth1", network: parseIpv4Network("10.0.0.1/24") };
    expect(subnetsOf(config, own).map(({ router }) => router)).toEqual([undefined, "10.1.0.1", "10.2.0.1"]);
  });

  test("a range outside of the interface's subnet is refused with both", () => {
    const config = parseServeConfig({ interface: "eth1", dhcp: "full", "dhcp-range": "10.9.0.1-10.9.0.9" });
    const own = { name: "eth1", network: parseIpv4Network("10.0.0.1/24") };
    expect(refusalOf(() => subnetsOf(config, own))).toMatch(/^config-invalid: .*10\.9\.0\.1.*10\.0\.0\./);
  });

  test.each<[string, RawServeOptions, RegExp]>([
    [
      "a relayed subnet without its router",
      {
        interface: "e",
        dhcp: "full",
        "dhcp-range": "10.0.0.1-10.0.0.2",
        "dhcp-relayed": "10.1.0.0/24 10.1.0.1-10.1.0.9",
      },
      /subnet, range, router/,
    ],
    [
      "a relayed subnet that nobody serves",
      { interface: "e", dhcp: "proxy", "dhcp-relayed": "10.1.0.0/24 10.1.0.5-10.1.0.9 10.1.0.1" },
      /--dhcp-relayed is only used with --dhcp full/,
    ],
    ["a host name with a space", { "http-names": "my server" }, /--http-names/],
    [
      "answers to router solicitations on no interface",
      { "answer-router-solicitations": "on" },
      /--answer-router-solicitations on needs --interface/,
    ],
    ["full DHCP without a range", { interface: "eth1", dhcp: "full" }, /--dhcp full needs --dhcp-range/],
    ["DHCP without an interface", { dhcp: "proxy" }, /--dhcp proxy needs --interface/],
    [
      "a range that nobody uses",
      { interface: "e", dhcp: "proxy", "dhcp-range": "10.0.0.1-10.0.0.2" },
      /--dhcp-range is only used with --dhcp full/,
    ],
    ["a router that nobody hands out", { router: "10.0.0.1" }, /--router is only used with --dhcp full/],
    ["TFTP without an interface", { tftp: "on" }, /--tftp on needs --interface/],
    ["a DHCP mode that does not exist", { dhcp: "yes" as "full" }, /--dhcp:/],
    [
      "a range that runs backwards",
      { interface: "e", dhcp: "full", "dhcp-range": "10.0.0.9-10.0.0.1" },
      /expected FIRST-LAST/,
    ],
    ["a port past 65535", { http: "127.0.0.1:70000" }, /expected ADDRESS:PORT/],
    ["an address without a port", { iscsi: "10.0.0.1" }, /expected ADDRESS:PORT/],
    ["no worker at all", { "iscsi-workers": "0" }, /--iscsi-workers: .* from 1 to 16/],
    ["a boot port that is a word", { "boot-port": "high" }, /expected a port/],
    ["a name server that is no address", { dns: "10.0.0.1,none" }, /--dns/],
  ])("%s is refused before anything starts", (_name, raw, message) => {
    const refusal = refusalOf(() => parseServeConfig(raw));
    expect(refusal).toMatch(/^config-invalid/);
    expect(refusal).toMatch(message);
  });
});

describe("where options come from", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ingot-config-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function file(text: string): string {
    const path = join(folder, "ingot.yaml");
    writeFileSync(path, text);
    return path;
  }

  test("a flag wins over the environment, and that over the file", () => {
    const configFile = file("interface: eth1\ndhcp: proxy\nboot-port: 9000\ndns: [10.0.0.2, 10.0.0.3]\ntftp: off\n");
    expect(
      mergeOptions({
        flags: { dhcp: "full" },
        environment: { INGOT_DHCP: "off", INGOT_BOOT_PORT: "9001", PATH: "/bin" },
        configFile,
      }),
    ).toEqual({
      interface: "eth1",
      dhcp: "full",
      "boot-port": "9001",
      dns: "10.0.0.2,10.0.0.3",
      tftp: "off",
    });
  });

  test("an unknown key names the file and what is known", () => {
    const configFile = file("dhpc: full\n");
    expect(refusalOf(() => mergeOptions({ flags: {}, environment: {}, configFile }))).toMatch(
      /ingot\.yaml: unknown option "dhpc" \(known: interface, dhcp,/,
    );
  });

  test("an unknown variable is refused, a known one of another command is not", () => {
    expect(refusalOf(() => mergeOptions({ flags: {}, environment: { INGOT_DHPC: "full" } }))).toMatch(
      /INGOT_DHPC is unknown/,
    );
    expect(mergeOptions({ flags: {}, environment: { INGOT_DATA: "/srv" }, configFile: file("") })).toEqual({});
  });

  test.each([
    ["a file that is missing", () => join(folder, "missing.yaml")],
    ["a file that is not YAML", () => file("{")],
    ["a file that is a list", () => file("- dhcp\n")],
    ["a value that is a map", () => file("dhcp:\n  mode: full\n")],
  ])("%s is refused", (_name, path) => {
    expect(refusalOf(() => mergeOptions({ flags: {}, environment: {}, configFile: path() }))).toMatch(
      /^config-invalid/,
    );
  });
});

describe("the boot interface", () => {
  test("is found with its network", () => {
    expect(findInterface("lo")).toEqual({ name: "lo", network: { address: "127.0.0.1", prefixLength: 8 } });
  });

  test("that does not exist is named together with those that do", () => {
    expect(refusalOf(() => findInterface("eth99"))).toMatch(/^interface: --interface eth99: no such interface.*lo/);
  });
});
