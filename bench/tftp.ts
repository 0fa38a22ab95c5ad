/**
 * TFTP, side by side: our server and dnsmasq's, one client program at a time, on the loopback interface of a network
 * namespace. `node bench/tftp.ts [ROUNDS]`, as root; needs dnsmasq-base, curl and atftp. Takes less than a minute.
 *
 * The servers take turns, and so does who begins; the figures are medians. They include the start of the client.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lab, requireTools } from "@ingot/testkit/lab";
import type { Namespace } from "@ingot/testkit/lab";

const MIB = 1_048_576;
const rounds = Number(process.argv[2] ?? 5);

interface Case {
  readonly title: string;
  readonly fileMib: number;
  readonly clients: number;
  readonly program: string;
  readonly args: (address: string, file: string, output: string) => readonly string[];
}

const curl = (blksize: number): Pick<Case, "program" | "args"> => ({
  program: "curl",
  args: (address, file, output) => [
    "-sS",
    "--tftp-blksize",
    String(blksize),
    "-o",
    output,
    `tftp://${address}/${file}`,
  ],
});

const atftp = (...options: readonly string[]): Pick<Case, "program" | "args"> => ({
  program: "atftp",
  args: (address, file, output) => {
    const negotiation = options.flatMap((option) => ["--option", option]);
    return negotiation.concat("--get", "--remote-file", file, "--local-file", output, address);
  },
});

const cases: readonly Case[] = [
  { title: "curl, blksize 1468", fileMib: 8, clients: 1, ...curl(1468) },
  { title: "curl, blksize 65464", fileMib: 64, clients: 1, ...curl(65_464) },
  {
    title: "atftp, blksize 1468, windowsize 4 (as UEFI)",
    fileMib: 8,
    clients: 1,
    ...atftp("blksize 1468", "windowsize 4"),
  },
  {
    title: "atftp, blksize 1468, windowsize 32",
    fileMib: 16,
    clients: 1,
    ...atftp("blksize 1468", "windowsize 32"),
  },
  { title: "20 × curl at once, blksize 1468", fileMib: 1, clients: 20, ...curl(1468) },
];

/** MiB/s of one run; the content is compared, outside of the measured time. */
async function measure(host: Namespace, directory: string, address: string, one: Case): Promise<number> {
  const file = `file-${one.fileMib}`;
  const outputs = Array.from({ length: one.clients }, (_unused, index) => join(directory, `got-${index}`));
  const startedMs = performance.now();
  await Promise.all(outputs.map((output) => host.run(one.program, one.args(address, file, output))));
  const seconds = (performance.now() - startedMs) / 1000;
  const expected = await readFile(join(directory, file));
  for (const output of outputs) {
    if (!expected.equals(await readFile(output))) {
      throw new Error(`${one.title} from ${address}: ${output} is not the file`);
    }
    await rm(output);
  }
  return (one.fileMib * one.clients) / seconds;
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

requireTools(["dnsmasq", "curl", "atftp"]);
await using lab = await Lab.open({ prefix: "ingbtftp" });
const host = await lab.addNamespace("host");
const directory = await mkdtemp(join(tmpdir(), "ingot-bench-tftp-"));
try {
  for (const fileMib of new Set(cases.map((one) => one.fileMib))) {
    await writeFile(join(directory, `file-${fileMib}`), randomBytes(fileMib * MIB));
  }
  const servers = { ingot: "127.0.0.2", dnsmasq: "127.0.0.3" };
  const program = new URL("tftp-server.ts", import.meta.url).pathname;
  const ours = host.spawn(process.execPath, [program, servers.ingot, "69", directory]);
  await ours.output.waitFor("ready");
  const foreground = [
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--pid-file=",
    "--user=root",
    "--log-facility=-",
  ];
  const listen = ["--port=0", "--bind-interfaces", `--listen-address=${servers.dnsmasq}`];
  const tftp = ["--enable-tftp", `--tftp-root=${directory}`];
  const dnsmasq = host.spawn("dnsmasq", foreground.concat(listen, tftp));
  await dnsmasq.output.waitFor("TFTP root");
  console.log(`median MiB/s of ${rounds} runs\n\n${"".padEnd(46)}  Ingot  dnsmasq  ratio`);
  for (const one of cases) {
    const results: Record<keyof typeof servers, number[]> = { ingot: [], dnsmasq: [] };
    for (let round = 0; round < rounds; round += 1) {
      const order = (["ingot", "dnsmasq"] as const).toSorted(() => (round % 2 === 0 ? 0 : -1));
      for (const name of order) {
        results[name].push(await measure(host, directory, servers[name], one));
      }
    }
    const [a, b] = [medianOf(results.ingot), medianOf(results.dnsmasq)];
    console.log(
      `${one.title.padEnd(46)} ${a.toFixed(1).padStart(6)}  ${b.toFixed(1).padStart(7)}  ${(a / b).toFixed(2).padStart(5)}`,
    );
  }
  console.log("\ndnsmasq 2.90 knows no windowsize, and grants blocks of at most 2263 bytes.");
  await ours.stop();
  await dnsmasq.stop();
} finally {
  await rm(directory, { recursive: true });
}
