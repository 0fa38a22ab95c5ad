/**
 * What a boot trace brings: node bench/boot-prefetch.ts [--think 0,0.25] [--rounds N] [--rate 200mbit] [--json], as root. One machine boots from
 * the demo's golden image by a recorded boot, without and with the image's boot trace, in turns:
 *
 * - from a replica that is on the disk, filled, and not in the page cache (its pages are dropped before each boot);
 * - from an empty replica that fetches what it reads over a link of 200 Mbit/s (two namespaces, token bucket filter) from a chunk store
 *   behind HTTP.
 *
 * `--think` are multiples of what the recorded machine, slow because it was emulated, did between its commands: 0 leaves the prefetch no
 * time of its own, 0.25 is about a real machine. Figures are medians. Needs iproute2; the golden image is taken from the demo's cache,
 * or built. Six minutes with the default of three rounds.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { DirectoryStore } from "@ingot/chunks";
import { OsVolume, openRawImage, Replica } from "@ingot/disks";
import { Lab, type Namespace } from "@ingot/testkit/lab";
import { buildGoldenImage, cacheDirectory } from "../apps/server/src/demo/index.ts";
import { DEBIAN_BOOT } from "./block-trace/trace-file.ts";
import { formatSpread, medianOf } from "./figures/statistics.ts";
import { openScratchDirectory } from "./targets/scratch-directory.ts";
import { formatTable } from "./figures/table.ts";
import type { BootOrder, BootReport } from "./prefetch/boot-process.ts";

const { values } = parseArgs({
  options: {
    think: { type: "string", default: "0,0.25" },
    rounds: { type: "string", default: "3" },
    rate: { type: "string", default: "200mbit" },
    json: { type: "boolean", default: false },
  },
});
const run = promisify(execFile);
const STORE_ADDRESS = "10.79.0.1";
const STORE_PORT = "8080";

interface Place {
  readonly name: string;
  /** Everything of an order but what changes from boot to boot. */
  prepare(): Promise<Pick<BootOrder, "store" | "replica">>;
}

/** Two namespaces whose cable lets through so much from the store to the server. Returns the server's. */
async function layLink(lab: Lab, storeDirectory: string): Promise<Namespace> {
  const [near, far] = [await lab.addNamespace("near"), await lab.addNamespace("far")];
  await lab.addCable(
    { namespace: far, name: "up0", address: `${STORE_ADDRESS}/24` },
    { namespace: near, name: "down0", address: "10.79.0.2/24" },
  );
  const filter = ["tbf", "rate", values.rate, "burst", "64kb", "latency", "50ms"];
  await far.run("tc", ["qdisc", "add", "dev", "up0", "root", ...filter]);
  const program = new URL("targets/store-server-process.ts", import.meta.url).pathname;
  const server = far.spawn(process.execPath, [program, storeDirectory, STORE_ADDRESS, STORE_PORT]);
  await server.waitForOutput("http:", { timeoutMs: 30_000 });
  return near;
}

async function fill(store: DirectoryStore, manifestId: BootOrder["manifestId"], directory: string): Promise<void> {
  const [id] = (await store.listManifests()).filter((one) => one === manifestId);
  if (id === undefined) throw new Error(`no manifest ${manifestId}`);
  const volume = await OsVolume.open(directory);
  const replica = await Replica.open({ volume, manifest: await store.readManifest(id), manifestId, reader: store });
  await replica.fill();
  await replica.close();
}

async function boot(near: Namespace, order: BootOrder): Promise<BootReport> {
  const program = new URL("prefetch/boot-process.ts", import.meta.url).pathname;
  const { stdout } = await near.run(process.execPath, [
    "--disable-warning=ExperimentalWarning",
    program,
    JSON.stringify(order),
  ]);
  return JSON.parse(stdout) as BootReport;
}

await using scratch = await openScratchDirectory("prefetch");
const directory = scratch.path;
const image = await buildGoldenImage({ cacheDir: cacheDirectory(), onProgress: (line) => console.error(line) });
const storeDirectory = join(directory, "store");
const store = await DirectoryStore.open(storeDirectory);
const source = await openRawImage(image.path);
const { manifestId } = await store.importImage(source);
await source.close();
const filled = join(directory, "filled");
await fill(store, manifestId, filled);
await store.close();
await using lab = await Lab.open({ prefix: "ingbtpre" });
const near = await layLink(lab, storeDirectory);
let count = 0;
const fresh = (): string => join(directory, `fresh-${++count}`);
const places: readonly Place[] = [
  {
    name: "cold page cache",
    async prepare() {
      // What dd calls nocache is posix_fadvise(POSIX_FADV_DONTNEED) of the whole file.
      await run("dd", [`of=${join(filled, "backing")}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"]);
      return { store: storeDirectory, replica: filled };
    },
  },
  {
    name: `empty replica, ${values.rate}`,
    prepare: async () => ({ store: `http://${STORE_ADDRESS}:${STORE_PORT}/`, replica: fresh() }),
  },
];
const results = places.flatMap((place) =>
  values.think.split(",").flatMap((think) =>
    [false, true].map((isPrefetched) => ({
      place,
      think: Number(think),
      isPrefetched,
      reports: [] as BootReport[],
    })),
  ),
);
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { place, think, isPrefetched, reports } of round % 2 === 0 ? results : results.toReversed()) {
    const { store: from, replica } = await place.prepare();
    const order = { traceFile: DEBIAN_BOOT, image: image.path, manifestId, think, isPrefetched };
    reports.push(await boot(near, { ...order, store: from, replica, overlay: fresh() }));
  }
}
const rows = results.map(({ place, think, isPrefetched, reports }) => {
  const plain = results.find((one) => one.place === place && one.think === think)?.reports ?? [];
  const seconds = reports.map((report) => report.seconds);
  return [
    `${place.name}, think × ${think}, ${isPrefetched ? "with" : "without"} trace`,
    formatSpread(seconds, 2),
    (medianOf(seconds) / medianOf(plain.map((report) => report.seconds))).toFixed(2),
    ...[0.5, 0.99, 1].map((share) => {
      const figure = (report: BootReport): number =>
        share === 0.5 ? report.readP50Us : share === 0.99 ? report.readP99Us : report.readMaxUs;
      return (medianOf(reports.map(figure)) / 1000).toFixed(2);
    }),
    medianOf(reports.map((report) => report.fetchedChunks)).toFixed(0),
  ];
});
const plainResults = results.map(({ place, ...rest }) => ({ place: place.name, ...rest }));
const headings = ["one boot", "seconds", "of without", "read ms, median", "99 %", "most", "chunks fetched"];
console.log(values.json ? JSON.stringify(plainResults, undefined, 2) : formatTable(headings, rows));
