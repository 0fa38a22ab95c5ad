import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { INGOT, ingot, run, serveArguments, ServerProcess } from "./server-process.ts";

const PORTS = ["--http", "127.0.0.83:8470", "--boot-port", "18483", "--iscsi", "127.0.0.83:3260"];

let folder: string;
let data: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-options-"));
  data = join(folder, "data");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function configFile(text: string): string {
  const path = join(folder, "ingot.yaml");
  writeFileSync(path, text);
  return path;
}

test("a flag is stronger than the environment, and that than the file, which is stronger than the default", async () => {
  const file = configFile(
    "http: 127.0.0.84:8471\nboot-port: 18484\niscsi: 127.0.0.84:3261\nuser: root\nregistration: closed\n",
  );
  const options = ["--config", file, "--http", "127.0.0.83:8470"];
  await using server = await ServerProcess.launch([...INGOT, ...serveArguments(data, ...options)], {
    INGOT_HTTP: "127.0.0.85:8472",
    INGOT_ISCSI: "127.0.0.85:3262",
  });
  const addresses = server.notices
    .filter(({ event }) => event === "service")
    .map(({ name, address }) => [String(name), String(address)]);
  expect(Object.fromEntries(addresses)).toMatchObject({
    api: "127.0.0.83:8470",
    iscsi: "127.0.0.85:3262",
    "boot-http": "127.0.0.1:18484",
  });
  expect(server.url).toBe("http://127.0.0.83:8470");
  const script = await run("curl", ["-sSf", "http://127.0.0.1:18484/boot/script.ipxe?mac=52:54:00:00:00:09"]);
  expect(script.stdout).toContain("registration is closed");
});

test("the data directory and the file can be named by the environment", async () => {
  const environment = { INGOT_DATA: data, INGOT_CONFIG: configFile("user: root\n") };
  await using server = await ServerProcess.launch([...INGOT, "serve", "--json", ...PORTS], environment);
  expect(server.notices.at(-1)).toMatchObject({ event: "ready", data });
});

describe("refused before a port is bound, with one line", () => {
  async function refusal(options: readonly string[], environment: Readonly<Record<string, string>>): Promise<string> {
    const [program, ...before] = INGOT;
    const end = await run(program, [...before, "serve", "--data", data, ...options], environment);
    expect(end.stdout).toBe("");
    expect(end.stderr.trim().split("\n"), end.stderr).toHaveLength(1);
    return `${end.code} ${end.stderr}`;
  }

  test("a variable that nothing reads", async () => {
    expect(await refusal(PORTS, { INGOT_DHPC: "full" })).toMatch(/^2 .*INGOT_DHPC is unknown/);
  });

  test("a key of the file that nothing reads", async () => {
    expect(await refusal(["--config", configFile("dhpc: full\n")], {})).toMatch(/^2 .*ingot\.yaml.*"dhpc"/);
  });

  test("options from different places that contradict each other", async () => {
    const file = configFile("dhcp-range: 10.0.0.1-10.0.0.9\n");
    expect(await refusal(["--config", file, "--interface", "lo"], { INGOT_DHCP: "proxy" })).toMatch(
      /^2 .*--dhcp-range is only used with --dhcp full/,
    );
  });

  test("full DHCP without a range, and an option that does not exist", async () => {
    expect(await refusal(["--interface", "lo", "--dhcp", "full"], {})).toMatch(/^2 .*--dhcp-range/);
    expect((await ingot("serve", "--frobnicate")).code).toBe(2);
  });

  test("a DHCP range outside of the interface's subnet", async () => {
    const options = ["--user", "root", "--interface", "lo", "--dhcp", "full", "--dhcp-range", "10.9.9.1-10.9.9.9"];
    expect(await refusal(options, {})).toMatch(/10\.9\.9\.1.*127\.0\.0\.[01]/);
  });
});
