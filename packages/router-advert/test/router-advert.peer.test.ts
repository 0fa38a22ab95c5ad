import { join } from "node:path";
import { Lab, findTool } from "@ingot/testkit/lab";
import type { LabProcess, Namespace } from "@ingot/testkit/lab";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

/*
 *   net: responder, bridge br0 ---- eth0 client (rdisc6)
 *                          +------- eth0 router (dnsmasq, advertises fd00:6::/64)
 */

const packageOf: Readonly<Record<string, string>> = { rdisc6: "ndisc6", dnsmasq: "dnsmasq-base" };

/** Why the tests cannot run here; in CI they run and fail instead. */
function skipReason(): string | undefined {
  if (process.env["CI"] !== undefined) return undefined;
  if (process.getuid?.() !== 0) return "needs root for network namespaces";
  const missing = Object.keys(packageOf).filter((tool) => findTool(tool) === undefined);
  return missing.length === 0 ? undefined : `apt-get install ${missing.map((tool) => packageOf[tool]).join(" ")}`;
}

const reason = skipReason();
const name = "router solicitations of other programs";

describe.skipIf(reason !== undefined)(reason === undefined ? name : `${name} (skipped: ${reason})`, () => {
  let lab: Lab;
  let net: Namespace;
  let client: Namespace;
  let router: Namespace;

  beforeAll(async () => {
    lab = await Lab.open({ prefix: "ingra" });
    [net, client, router] = await Promise.all([
      lab.addNamespace("net"),
      lab.addNamespace("client"),
      lab.addNamespace("router"),
    ]);
    // Addresses are usable at once: nobody waits to see whether another host has the same.
    for (const namespace of [net, client, router])
      await namespace.run("sysctl", ["-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"]);
    await net.addBridge("br0", { address: "10.6.0.1/24" });
    await lab.addCable({ namespace: net, name: "client", bridge: "br0" }, { namespace: client, name: "eth0" });
    await lab.addCable({ namespace: net, name: "router", bridge: "br0" }, { namespace: router, name: "eth0" });
  });
  afterAll(() => lab?.close());
  afterEach(() => Promise.all([net, client, router].map((namespace) => namespace.stopProcesses())));

  async function startResponder(): Promise<LabProcess> {
    const program = join(import.meta.dirname, "responder-process.ts");
    const responder = net.spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, "br0"]);
    await responder.waitForOutput('{"kind":"ready"}');
    return responder;
  }

  /** Asks up to ten times, a second apart: at first the responder only listens. */
  async function solicit(): Promise<string> {
    return (await client.run("rdisc6", ["-1", "-r", "10", "-w", "1000", "eth0"], { allowFailure: true })).stdout;
  }

  test("a host is told that nobody is there, and nothing else", async () => {
    const responder = await startResponder();
    const answer = await solicit();
    expect(answer).toMatch(/Router lifetime\s*: +0 /);
    expect(answer).toMatch(/Stateful address conf\.\s*: +No/);
    expect(answer).toMatch(/Stateful other conf\.\s*: +No/);
    expect(answer).toMatch(/Hop limit\s*: +undefined/);
    expect(answer).toMatch(/from fe80::/);
    expect(answer).not.toMatch(/Prefix|DNS/);
    await responder.waitForOutput('"kind":"answer"');
    responder.child.kill("SIGTERM");
    await responder.waitForOutput(/"kind":"counters".*"malformed":0/);
    // The worker thread and the socket are gone: the process ends by itself.
    await responder.ended;
  });

  test("where a router is, it alone answers", async () => {
    await router.run("ip", ["address", "add", "fd00:6::1/64", "dev", "eth0", "nodad"]);
    const dnsmasq = router.spawn("dnsmasq", [
      "--keep-in-foreground",
      "--log-facility=-",
      "--conf-file=/dev/null",
      "--pid-file=",
      "--port=0",
      "--interface=eth0",
      "--enable-ra",
      "--dhcp-range=fd00:6::,ra-only",
      "--log-dhcp",
    ]);
    await dnsmasq.waitForOutput(/started/);
    const responder = await startResponder();
    // By our own solicitation, long before its next advertisement is due.
    await responder.waitForOutput('"kind":"router-heard","isNews":true');
    expect(await solicit()).toContain("fd00:6::");
    await responder.waitForOutput('"reason":"router-present"');
    expect(responder.output).not.toContain('"kind":"answer"');
  });
});
