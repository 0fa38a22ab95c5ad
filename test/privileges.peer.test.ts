import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ServerApi } from "./server-api.ts";
import { ingot, run, serveArguments, ServerProcess } from "./server-process.ts";

const PORTS = ["--http", "127.0.0.80:8470", "--boot-port", "18480", "--iscsi", "127.0.0.80:3260"];
/** Debian's `nobody` and `nogroup`. */
const NOBODY = 65534;
const AS_NOBODY = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--inh-caps=-all"];

const checkout = join(import.meta.dirname, "..");

/** An empty directory that every user can reach. */
let program: string;
/** What to put before a command so that it finds the checkout there: where it lies itself may be below somebody's home. */
let WITH_PROGRAM: readonly string[];
/** `ingot` from there, as a program and its first arguments. */
let INGOT: readonly string[];

let folder: string;
let data: string;
let image: string;

beforeAll(() => {
  program = mkdtempSync(join(tmpdir(), "ingot-program-"));
  chmodSync(program, 0o755);
  // In a mount namespace of the command's own, read-only: a mount that outlived these tests would lead whoever tidies up into the checkout.
  const mounted = 'mount --bind -o ro "$1" "$2" && shift 2 && exec "$@"';
  WITH_PROGRAM = ["unshare", "--mount", "sh", "-c", mounted, "sh", checkout, program];
  const node = join(program, relative(checkout, process.execPath));
  INGOT = [node, "--disable-warning=ExperimentalWarning", join(program, "apps", "server", "src", "main.ts")];
});
afterAll(() => rmdirSync(program));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-rights-"));
  chmodSync(folder, 0o755);
  data = join(folder, "data");
  image = join(folder, "disk.img");
  writeFileSync(image, randomBytes(8 << 20));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function giveDataToNobody(): void {
  mkdirSync(data);
  chownSync(data, NOBODY, NOBODY);
}

/** Lines of /proc/PID/status by their name. */
function statusOf(server: ServerProcess): ReadonlyMap<string, string> {
  const lines = readFileSync(`/proc/${server.child.pid}/status`, "utf8").split("\n");
  return new Map(lines.map((line) => [line.split(":")[0] ?? "", line.split(/:\s*/)[1] ?? ""]));
}

async function ownersBesideNobody(): Promise<string> {
  return (await run("find", [data, "!", "-user", "nobody"])).stdout.trim();
}

test("a user without rights runs the server: API, disks and boot files", async () => {
  giveDataToNobody();
  await using server = await ServerProcess.launch([
    ...WITH_PROGRAM,
    ...AS_NOBODY,
    ...INGOT,
    ...serveArguments(data, ...PORTS),
  ]);
  expect(statusOf(server).get("Uid")).toBe([NOBODY, NOBODY, NOBODY, NOBODY].join("\t"));
  expect(await ingot("image", "add", "lab", image, "--data", data)).toMatchObject({ code: 0 });
  const url = await new ServerApi(server).addMachine(1, { image: "lab", mode: "persistent" });
  const compared = await run("qemu-img", ["compare", "-f", "raw", "-F", "raw", image, url]);
  expect(compared.stdout).toContain("Images are identical");
  const written = await run("qemu-io", [
    "-f",
    "raw",
    "-c",
    "write -P 9 0 1M",
    "-c",
    "flush",
    "-c",
    "read -P 9 0 1M",
    url,
  ]);
  expect(written.stdout + written.stderr).not.toMatch(/failed/i);

  const fetched = join(folder, "undionly.kpxe");
  const curl = await run("curl", ["-sSf", "-o", fetched, "http://127.0.0.1:18480/boot/files/undionly.kpxe"]);
  expect(curl).toMatchObject({ code: 0, stderr: "" });
  expect(readFileSync(fetched)).toEqual(readFileSync("/usr/lib/ipxe/undionly.kpxe"));
  const script = await run("curl", ["-sSf", "http://127.0.0.1:18480/boot/script.ipxe?mac=52:54:00:00:01:01"]);
  expect(script.stdout).toMatch(/^#!ipxe\n/);
  expect(await server.stop()).toBe(0);
  expect(await ownersBesideNobody()).toBe("");
});

test("a user without rights who asks for TFTP is told the port and what to do, and nothing is left running", async () => {
  giveDataToNobody();
  // In a network of its own, where no setting of this machine lets anybody have low ports.
  const inside = `ip link set lo up && exec ${AS_NOBODY.join(" ")} "$@"`;
  const command = [...INGOT, "serve", "--data", data, "--interface", "lo", ...PORTS];
  const refused = await run("unshare", ["--net", ...WITH_PROGRAM, "sh", "-c", inside, "sh", ...command]);
  expect(refused.code).toBe(3);
  expect(refused.stderr.trim().split("\n"), refused.stderr).toHaveLength(1);
  expect(refused.stderr).toMatch(/TFTP: 127\.0\.0\.1:69: .*start as root.*CAP_NET_BIND_SERVICE.*--tftp/);

  const without = [...INGOT, ...serveArguments(data, "--interface", "lo", "--tftp", "off", ...PORTS)];
  await using server = await ServerProcess.launch([...WITH_PROGRAM, ...AS_NOBODY, ...without]);
  expect((await new ServerApi(server).status()).services.find(({ name }) => name === "tftp")?.state).toBe("off");
});

test("a server started by root has its low ports, becomes another user for good, and what it writes is theirs", async () => {
  const options = ["--interface", "lo", "--dhcp", "proxy", "--user", "nobody"];
  await using server = await ServerProcess.launch([
    ...WITH_PROGRAM,
    ...INGOT,
    ...serveArguments(data, ...options, ...PORTS),
  ]);
  const status = statusOf(server);
  for (const ids of ["Uid", "Gid"]) expect(status.get(ids)).toBe([NOBODY, NOBODY, NOBODY, NOBODY].join("\t"));
  expect(status.get("Groups")?.trim()).toBe(String(NOBODY));
  for (const capabilities of ["CapPrm", "CapEff"]) expect(status.get(capabilities)).toMatch(/^0+$/);

  const fetched = join(folder, "snponly.efi");
  const curl = await run("curl", ["-sS", "--max-time", "20", "-o", fetched, "tftp://127.0.0.1/snponly.efi"]);
  expect(curl).toMatchObject({ code: 0 });
  expect(readFileSync(fetched)).toEqual(readFileSync("/usr/lib/ipxe/snponly.efi"));
  expect(await ingot("image", "add", "lab", image, "--data", data)).toMatchObject({ code: 0 });
  expect(await ownersBesideNobody()).toBe("");
});
