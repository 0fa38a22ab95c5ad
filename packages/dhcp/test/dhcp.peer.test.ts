import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lab, findTool } from "@ingot/testkit/lab";
import type { LabProcess, Namespace } from "@ingot/testkit/lab";
import { bytesFromHex, hexFromBytes } from "@ingot/wire";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest";
import { MessageType, OptionCode, decodePacket, encodePacket } from "../src/index.ts";
import type { DhcpPacket, OptionMap } from "../src/index.ts";
import type { TestServerConfig } from "./dhcp-server.ts";
import { addressBytes, clientMessage, ip, optionsOf } from "./messages.ts";
import type { RawExchange } from "./raw-client.ts";

/*
 *   net: server, bridge br0 10.6.0.1 ---- eth0 client
 *          |
 *          +---- eth0 10.6.0.2 relay: 10.7.0.1 eth1 ---- eth0 far
 *          +---- eth0 10.6.0.3 other (dnsmasq as somebody else's DHCP server)
 */

const packageOf: Readonly<Record<string, string>> = {
  dhclient: "isc-dhcp-client",
  udhcpc: "udhcpc",
  dnsmasq: "dnsmasq-base",
};
const here = import.meta.dirname;
const CLIENT_MAC = "52:54:00:06:00:01";

/** Why the tests that need `tools` cannot run here; in CI they run and fail instead. */
function skipReason(...tools: readonly string[]): string | undefined {
  if (process.env["CI"] !== undefined) return undefined;
  if (process.getuid?.() !== 0) return "needs root for network namespaces";
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  return missing.length === 0 ? undefined : `apt-get install ${missing.map((tool) => packageOf[tool]).join(" ")}`;
}

function suite(name: string, tools: readonly string[], body: () => void): void {
  const reason = skipReason(...tools);
  describe.skipIf(reason !== undefined)(reason === undefined ? name : `${name} (skipped: ${reason})`, body);
}

let lab: Lab;
let net: Namespace;
let client: Namespace;
let far: Namespace;
let relay: Namespace;
let other: Namespace;
let directory: string;

suite("our server with other programs", [], () => {
  beforeAll(async () => {
    lab = await Lab.open({ prefix: "ingdhcp" });
    [net, client, relay, far, other] = await Promise.all([
      lab.addNamespace("net"),
      lab.addNamespace("client"),
      lab.addNamespace("relay"),
      lab.addNamespace("far"),
      lab.addNamespace("other"),
    ]);
    await net.addBridge("br0", { address: "10.6.0.1/24" });
    await lab.addCable(
      { namespace: net, name: "client", bridge: "br0" },
      { namespace: client, name: "eth0", mac: CLIENT_MAC },
    );
    await lab.addCable(
      { namespace: net, name: "relay", bridge: "br0" },
      { namespace: relay, name: "eth0", address: "10.6.0.2/24" },
    );
    await lab.addCable(
      { namespace: net, name: "other", bridge: "br0" },
      { namespace: other, name: "eth0", address: "10.6.0.3/24" },
    );
    await lab.addCable({ namespace: relay, name: "eth1", address: "10.7.0.1/24" }, { namespace: far, name: "eth0" });
    await net.run("ip", ["route", "add", "10.7.0.0/24", "via", "10.6.0.2"]);
  });
  afterAll(() => lab?.close());

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "ingot-dhcp-"));
  });
  afterEach(async () => {
    await Promise.all([net, client, relay, far, other].map((namespace) => namespace.stopProcesses()));
    await client.run("ip", ["addr", "flush", "dev", "eth0"]);
    await rm(directory, { recursive: true });
  });

  suite("dhclient", ["dhclient"], () => {
    test("gets an address, renews it by unicast, and keeps it over a restart of the server with kill -9", async () => {
      const config = { leaseFile: join(directory, "leases") };
      const server = await startServer(config);
      const dhclient = await startDhclient();
      await dhclient.waitForOutput("bound to 10.6.0.100");
      await dhclient.waitForOutput(/DHCPREQUEST for 10\.6\.0\.100 on eth0 to 10\.6\.0\.1/);
      await dhclient.waitForOutput("bound to 10.6.0.100");
      expect(eventsOf(server).map(({ kind }) => kind)).toEqual(["ready", "offer", "ack", "ack"]);
      await dhclient.stop();

      server.child.kill("SIGKILL");
      await net.stopProcesses();
      const restarted = await startServer(config);
      const fresh = await startDhclient({ file: "fresh.leases" });
      await fresh.waitForOutput("bound to 10.6.0.100");
      expect(eventsOf(restarted)[1]).toMatchObject({ kind: "offer", address: "10.6.0.100" });
    });

    test("a lease from before the restart is confirmed at once (INIT-REBOOT)", async () => {
      const config = { leaseFile: join(directory, "leases") };
      await startServer(config);
      const dhclient = await startDhclient();
      await dhclient.waitForOutput("bound to 10.6.0.100");
      await dhclient.stop();
      await net.stopProcesses();
      const restarted = await startServer(config);
      const again = await startDhclient();
      await again.waitForOutput("bound to 10.6.0.100");
      expect(eventsOf(restarted)).toMatchObject([{ kind: "ready" }, { kind: "ack", address: "10.6.0.100" }]);
    });

    test("an address of another network is refused, and the client gets one of ours", async () => {
      const server = await startServer();
      await writeFile(
        join(directory, "dhclient.leases"),
        `lease {
          interface "eth0";
          fixed-address 192.168.55.5;
          option subnet-mask 255.255.255.0;
          option dhcp-server-identifier 192.168.55.1;
          renew 2 2036/01/01 00:00:00;
          rebind 2 2036/01/01 00:00:00;
          expire 2 2036/01/01 00:00:00;
        }\n`,
      );
      const dhclient = await startDhclient();
      await dhclient.waitForOutput("DHCPNAK from 10.6.0.1");
      await dhclient.waitForOutput("bound to 10.6.0.100");
      expect(eventsOf(server)[1]).toMatchObject({ kind: "nak", address: "192.168.55.5", reason: "wrong-subnet" });
    });

    test("its release makes the address free for others, and stays on record for itself", async () => {
      const server = await startServer();
      const dhclient = await startDhclient();
      await dhclient.waitForOutput("bound to 10.6.0.100");
      await dhclient.stop();
      await client.run("dhclient", [...(await dhclientArguments("dhclient.leases")), "-r", "eth0"]);
      await server.waitForOutput('"kind":"release"');
    });
  });

  suite("udhcpc", ["udhcpc"], () => {
    test("gets an address among garbage, and the garbage is counted", async () => {
      const server = await startServer();
      const garbage = Array.from({ length: 40 }, (_, i) => broadcast(hexFromBytes(randomBytes(i * 20))));
      const broken = hexFromBytes(encodePacket(clientMessage(MessageType.discover))).replace("63825363", "63825364");
      await exchange(client, { messages: [...garbage, broadcast(broken)], waitMs: 200 });
      const udhcpc = await client.run("udhcpc", ["-f", "-n", "-q", "-i", "eth0", "-s", join(here, "client-script.sh")]);
      expect(udhcpc.stdout + udhcpc.stderr).toContain("script: bound 10.6.0.100");
      server.child.kill("SIGUSR2");
      await server.waitForOutput('"kind":"counters"');
      expect(eventsOf(server).find(({ kind }) => kind === "counters")).toMatchObject({
        malformed: 41,
        failed: 0,
        sent: 2,
      });
    });
  });

  suite("dnsmasq as relay", ["dnsmasq", "udhcpc"], () => {
    test("a client behind a relay gets an address of its own subnet, and a refusal for one of the server's", async () => {
      const server = await startServer();
      const dnsmasq = relay.spawn("dnsmasq", [
        "--keep-in-foreground",
        "--port=0",
        "--log-facility=-",
        "--user=root",
        "--dhcp-relay=10.7.0.1,10.6.0.1",
      ]);
      await dnsmasq.waitForOutput("DHCP relay");
      const udhcpc = await far.run("udhcpc", ["-f", "-n", "-q", "-i", "eth0", "-s", join(here, "client-script.sh")]);
      expect(udhcpc.stdout + udhcpc.stderr).toContain("script: bound 10.7.0.50");
      expect(eventsOf(server)).toMatchObject([
        { kind: "ready" },
        { kind: "offer", giaddr: "10.7.0.1" },
        { kind: "ack", address: "10.7.0.50" },
      ]);
      const wrong = clientMessage(MessageType.request, {
        mac: "52:54:00:06:00:77",
        options: optionsOf({ 50: addressBytes("10.6.0.105") }),
      });
      const [refusal] = await exchange(far, { messages: [broadcast(hexFromBytes(encodePacket(wrong)))], waitMs: 500 });
      expect(refusal?.packet.options.get(OptionCode.messageType)).toEqual(Uint8Array.of(MessageType.nak));
    });
  });

  suite("beside dnsmasq, which only leases addresses", ["dnsmasq"], () => {
    const pxe = optionsOf({
      60: "PXEClient:Arch:00007:UNDI:003016",
      93: [0, 7],
      94: [1, 3, 16],
      97: [0, ...new Uint8Array(16).fill(9)],
    });

    beforeEach(async () => {
      const dnsmasq = other.spawn("dnsmasq", [
        "--keep-in-foreground",
        "--port=0",
        "--log-facility=-",
        "--user=root",
        "--no-ping",
        `--dhcp-leasefile=${join(directory, "dnsmasq.leases")}`,
        "--dhcp-range=10.6.0.200,10.6.0.220,1h",
      ]);
      await dnsmasq.waitForOutput("DHCP, IP range");
    });

    test("a PXE client gets an address from one and a boot file from the other", async () => {
      await startServer({ mode: "proxy" });
      const replies = await discover(pxe);
      const ours = replies.find(({ address }) => address === "10.6.0.1");
      const theirs = replies.find(({ address }) => address === "10.6.0.3");
      expect(replies.length).toBe(2);
      expect(theirs?.packet).toMatchObject({ file: "" });
      expect(theirs?.packet.yiaddr).toMatch(/^10\.6\.0\.2\d\d$/);
      expect(ours?.packet).toMatchObject({ yiaddr: "0.0.0.0", siaddr: "10.6.0.1", file: "boot.efi" });
      expect(ours?.packet.options.get(OptionCode.vendorSpecific)).toEqual(Uint8Array.of(6, 1, 8, 255));
      expect(ours?.packet.options.get(OptionCode.clientMachineIdentifier)).toEqual(pxe.get(97));
    });

    test("a client that is told to ask the boot server gets its file on port 4011", async () => {
      await startServer({ mode: "proxy", style: "port4011" });
      const [ours] = (await discover(pxe)).filter(({ address }) => address === "10.6.0.1");
      expect(ours?.packet.options.has(OptionCode.vendorSpecific)).toBe(false);
      await client.run("ip", ["addr", "add", "10.6.0.201/24", "dev", "eth0"]);
      const ask = clientMessage(MessageType.request, { mac: CLIENT_MAC, ciaddr: ip("10.6.0.201"), options: pxe });
      const replies = await exchange(client, {
        localPort: 4011,
        messages: [{ address: "10.6.0.1", port: 4011, hex: hexFromBytes(encodePacket(ask)) }],
        waitMs: 500,
      });
      expect(replies).toMatchObject([
        { address: "10.6.0.1", port: 4011, packet: { file: "boot.efi", siaddr: "10.6.0.1" } },
      ]);
    });

    test("an HTTP boot client gets its class back and a URL", async () => {
      await startServer({ mode: "proxy" });
      const http = optionsOf({ 60: "HTTPClient:Arch:00016:UNDI:003001", 93: [0, 16], 94: [1, 3, 1] });
      const replies = await discover(http);
      const ours = replies.find(({ address }) => address === "10.6.0.1");
      expect(ours?.packet.file).toBe("http://10.6.0.1/boot.efi");
      expect(String.fromCharCode(...(ours?.packet.options.get(OptionCode.vendorClass) ?? []))).toBe("HTTPClient");
    });

    test("an ordinary client hears from the real DHCP server only", async () => {
      const server = await startServer({ mode: "proxy" });
      const replies = await discover();
      expect(replies.map(({ address }) => address)).toEqual(["10.6.0.3"]);
      await server.waitForOutput('"reason":"not-a-boot-client"');
    });

    test("in full mode, a client that chooses the other server is noticed", async () => {
      const server = await startServer();
      const choice = clientMessage(MessageType.request, {
        mac: CLIENT_MAC,
        flags: 0x8000,
        options: optionsOf({ 54: addressBytes("10.6.0.3"), 50: addressBytes("10.6.0.205") }),
      });
      await exchange(client, { messages: [broadcast(hexFromBytes(encodePacket(choice)))], waitMs: 300 });
      await server.waitForOutput('"reason":"chose-another-server","server":"10.6.0.3"');
    });
  });

  test("a lease that cannot be stored is not acknowledged, and the server goes on", async () => {
    const server = await startServer({ storeFails: true });
    const select = clientMessage(MessageType.request, {
      mac: CLIENT_MAC,
      flags: 0x8000,
      options: optionsOf({ 54: addressBytes("10.6.0.1"), 50: addressBytes("10.6.0.105") }),
    });
    const ask = clientMessage(MessageType.discover, { mac: CLIENT_MAC, flags: 0x8000 });
    const messages = [select, ask].map((message) => broadcast(hexFromBytes(encodePacket(message))));
    const replies = await exchange(client, { messages, waitMs: 700 });
    expect(replies.map(({ packet }) => packet.options.get(OptionCode.messageType)?.[0])).toEqual([MessageType.offer]);
    await server.waitForOutput("no space left");
  });

  test("a second server on the same interface is refused, naming the port", async () => {
    await startServer();
    const second = await net.run("node", [join(here, "dhcp-server.ts"), configOf({})], { allowFailure: true });
    expect(second.code).not.toBe(0);
    expect(second.stderr).toMatch(/EADDRINUSE/);
    expect(second.stderr).toContain(":67");
  });
});

function configOf(parts: Partial<TestServerConfig>): string {
  return JSON.stringify({
    mode: "full",
    device: "br0",
    address: "10.6.0.1",
    subnets: [
      ["10.6.0.1/24", "10.6.0.100", "10.6.0.110"],
      ["10.7.0.0/24", "10.7.0.50", "10.7.0.60"],
    ],
    ...parts,
  } satisfies TestServerConfig);
}

async function startServer(parts: Partial<TestServerConfig> = {}): Promise<LabProcess> {
  const server = net.spawn("node", [join(here, "dhcp-server.ts"), configOf(parts)]);
  await server.waitForOutput('{"kind":"ready"}');
  return server;
}

function eventsOf(server: LabProcess): readonly Readonly<Record<string, unknown>>[] {
  const lines = server.output.text.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

async function dhclientArguments(leaseFile: string): Promise<readonly string[]> {
  await writeFile(
    join(directory, "dhclient.conf"),
    "timeout 20;\ninitial-interval 1;\nreboot 3;\nsupersede dhcp-renewal-time 3;\n",
  );
  return [
    "-4",
    "-v",
    "-cf",
    join(directory, "dhclient.conf"),
    "-lf",
    join(directory, leaseFile),
    "-pf",
    join(directory, "dhclient.pid"),
    "-sf",
    join(here, "client-script.sh"),
  ];
}

async function startDhclient({ file = "dhclient.leases" } = {}): Promise<LabProcess> {
  return client.spawn("dhclient", [...(await dhclientArguments(file)), "-d", "eth0"]);
}

function broadcast(hex: string): RawExchange["messages"][number] {
  return { address: "255.255.255.255", port: 67, hex };
}

/** What is answered to a DISCOVER from the client's namespace. */
function discover(options: OptionMap = new Map()): Promise<readonly RawReply[]> {
  const message = clientMessage(MessageType.discover, { mac: CLIENT_MAC, flags: 0x8000, options });
  return exchange(client, { messages: [broadcast(hexFromBytes(encodePacket(message)))], waitMs: 1500 });
}

interface RawReply {
  readonly address: string;
  readonly port: number;
  readonly packet: DhcpPacket;
}

async function exchange(
  namespace: Namespace,
  parts: Partial<RawExchange> & Pick<RawExchange, "messages" | "waitMs">,
): Promise<readonly RawReply[]> {
  const whole: RawExchange = { device: "eth0", localPort: 68, ...parts };
  const { stdout } = await namespace.run("node", [join(here, "raw-client.ts"), JSON.stringify(whole)]);
  return stdout
    .split("\n")
    .filter((line) => line.startsWith('{"address"'))
    .map((line) => {
      const { address, port, hex } = JSON.parse(line) as {
        readonly address: string;
        readonly port: number;
        readonly hex: string;
      };
      return { address, port, packet: decodePacket(bytesFromHex(hex)) };
    });
}
