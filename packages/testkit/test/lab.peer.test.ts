import { spawn, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { Lab, LabError } from "../src/lab/index.ts";

// In CI a missing right fails the tests instead of skipping them.
const skipped = process.getuid?.() !== 0 && process.env["CI"] === undefined;

function namespacesOf(prefix: string): string[] {
  const { stdout } = spawnSync("ip", ["netns", "list"], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line.startsWith(`${prefix}-`));
}

describe.skipIf(skipped)(`network namespaces${skipped ? " (skipped: need root)" : ""}`, () => {
  test("hosts on one bridge reach each other, and nothing is left after close", async () => {
    await using lab = await Lab.open({ prefix: "inglaba" });
    const net = await lab.addNamespace("net");
    const host = await lab.addNamespace("host");
    await net.addBridge("br0", { address: "10.9.0.1/24" });
    await net.addTap("tap0", { bridge: "br0" });
    await lab.addCable(
      { namespace: net, name: "port1", bridge: "br0" },
      { namespace: host, name: "eth0", address: "10.9.0.2/24", mac: "52:54:00:09:00:02" },
    );
    const ping = await host.run("bash", ["-c", "exec 3<>/dev/tcp/10.9.0.1/9 || true"], { allowFailure: true });
    expect(ping.stderr).toContain("refused");
    const { stdout } = await host.run("ip", ["-br", "link", "show", "eth0"]);
    expect(stdout).toContain("52:54:00:09:00:02");
    await lab.close();
    expect(namespacesOf("inglaba")).toEqual([]);
  });

  test("a cable to the host carries traffic and goes with the lab", async () => {
    await using lab = await Lab.open({ prefix: "inglabb" });
    const net = await lab.addNamespace("net");
    await lab.addCable(
      { namespace: net, name: "up0", address: "10.9.1.2/30" },
      { name: "inglabb0", address: "10.9.1.1/30" },
    );
    const { stdout } = await net.run("ip", ["route", "get", "10.9.1.1"]);
    expect(stdout).toContain("dev up0");
    await lab.close();
    expect(spawnSync("ip", ["link", "show", "inglabb0"]).status).not.toBe(0);
  });

  test("closing ends what still runs inside", async () => {
    await using lab = await Lab.open({ prefix: "inglabc" });
    const net = await lab.addNamespace("net");
    const sleeper = net.spawn("sleep", ["1000"]);
    await net.run("sh", ["-c", "sleep 1000 >/dev/null 2>&1 & echo started"]);
    await lab.close();
    expect(sleeper.running).toBe(false);
    expect(namespacesOf("inglabc")).toEqual([]);
  });

  test("stopping a program ends its children too", async () => {
    await using lab = await Lab.open({ prefix: "inglabg" });
    const net = await lab.addNamespace("net");
    const parent = net.spawn("sh", ["-c", "sleep 1000 & echo started; wait; wait"]);
    await parent.waitForOutput("started");
    await parent.stop();
    expect(spawnSync("ip", ["netns", "pids", net.name], { encoding: "utf8" }).stdout).toBe("");
  });

  test("a second lab with a live prefix is refused and leaves the first alone", async () => {
    await using lab = await Lab.open({ prefix: "inglabd" });
    await lab.addNamespace("net");
    await expect(Lab.open({ prefix: "inglabd" })).rejects.toMatchObject({ code: "prefixInUse" });
    expect(namespacesOf("inglabd")).toHaveLength(1);
  });

  test("what a killed run left behind is removed by the next; an interrupted run cleans up itself", async () => {
    const program = `
      import { Lab } from ${JSON.stringify(import.meta.resolve("../src/lab/index.ts"))};
      const lab = await Lab.open({ prefix: "inglabe" });
      const net = await lab.addNamespace("net");
      net.spawn("sleep", ["1000"]);
      console.log("ready");
      setInterval(() => undefined, 1000);`;
    for (const signal of ["SIGKILL", "SIGINT"] as const) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await new Promise((resolve) => child.stdout.once("data", resolve));
      const gone = new Promise((resolve) => child.once("close", resolve));
      child.kill(signal);
      await gone;
      expect(namespacesOf("inglabe")).toHaveLength(signal === "SIGKILL" ? 1 : 0);
      await using lab = await Lab.open({ prefix: "inglabe" });
      expect(namespacesOf(lab.prefix)).toEqual([]);
    }
  });

  test("a failing command says what it printed", async () => {
    await using lab = await Lab.open({ prefix: "inglabf" });
    const net = await lab.addNamespace("net");
    const failure = net.run("sh", ["-c", "echo broken >&2; exit 3"]);
    await expect(failure).rejects.toBeInstanceOf(LabError);
    await expect(failure).rejects.toThrow(/status 3: broken/);
  });
});
