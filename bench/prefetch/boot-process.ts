/**
 * Boots one machine from a replica, for `boot-prefetch.ts`: node boot-process.ts ORDER, which is a `BootOrder` as JSON. Prints a
 * `BootReport` as JSON. The target and the machine are both in this process; what is measured is where the chunks come from.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { DirectoryStore, HttpStore, parseDigest } from "@ingot/chunks";
import { BootTraceRecorder, OsVolume, Overlay, Replica } from "@ingot/disks";
import { TargetServer } from "@ingot/iscsi";
import { type BlockTrace, BLOCK_BYTES, bootOf } from "../block-trace/block-trace.ts";
import { planReplay } from "../block-trace/replay-plan.ts";
import { STAMP_BYTES } from "../block-trace/sector-stamp.ts";
import { readTraceFile } from "../block-trace/trace-file.ts";
import { percentileOf } from "../figures/statistics.ts";
import { replayBoot, type ReplayFigures } from "../initiator/boot-replay.ts";

/** What is to be done. */
export interface BootOrder {
  /** A store's directory, or its URL. */
  readonly store: string;
  readonly manifestId: string;
  /** The replica's directory; filled before or not. */
  readonly replica: string;
  /** For the overlay: does not exist yet. */
  readonly overlay: string;
  readonly traceFile: string;
  /** The image, to know what reads must find. */
  readonly image: string;
  readonly think: number;
  readonly isPrefetched: boolean;
}

/** What was seen. */
export interface BootReport {
  readonly seconds: number;
  readonly readP50Us: number;
  readonly readP99Us: number;
  readonly readMaxUs: number;
  readonly reads: number;
  readonly verifiedReads: number;
  readonly fetchedChunks: number;
}

const TARGET = "iqn.2026-11.org.ingot:pc";

/** Chunks in the order in which a boot reads them: what the server's recorder notes of such a boot. */
function chunksOf(trace: BlockTrace, replica: Replica): number[] {
  const recorder = new BootTraceRecorder(replica.places, 0);
  for (const command of trace.commands) {
    if (command.kind === "read") recorder.noteRead(command.lba * BLOCK_BYTES, command.blocks * BLOCK_BYTES);
  }
  recorder.end();
  return recorder.chunks;
}

async function boot(order: BootOrder): Promise<BootReport> {
  await using stack = new AsyncDisposableStack();
  const trace = bootOf(await readTraceFile(order.traceFile));
  const isRemote = order.store.startsWith("http:");
  const store = isRemote ? await HttpStore.open(order.store) : await DirectoryStore.open(order.store);
  stack.defer(() => store.close());
  const manifestId = parseDigest(order.manifestId);
  const manifest = await store.readManifest(manifestId);
  const replica = await Replica.open({
    volume: await OsVolume.open(order.replica),
    manifest,
    manifestId,
    reader: store,
  });
  stack.defer(() => replica.close());
  const device = await Overlay.open({
    volume: await OsVolume.open(order.overlay),
    base: replica,
    baseId: manifestId,
  });
  stack.defer(() => device.close());
  const server = await TargetServer.listen({
    portals: [{ address: "127.0.0.1", port: 0 }],
    directory: {
      credentials: async () => undefined,
      resolve: async () => ({ kind: "disk", device, id: "pc" }),
      list: async () => [],
    },
  });
  stack.defer(() => server.close());
  const image = openSync(order.image, "r");
  stack.defer(() => closeSync(image));
  const plan = planReplay(trace, (lba) => {
    const bytes = Buffer.alloc(STAMP_BYTES);
    readSync(image, bytes, 0, STAMP_BYTES, lba * BLOCK_BYTES);
    return bytes;
  });
  const figures: ReplayFigures = { readLatencyUs: [], readBytes: 0, writtenBytes: 0, verifiedReads: 0 };
  const disk = { address: "127.0.0.1", port: server.address.port, target: TARGET, lun: 0 };
  const beganMs = performance.now();
  // As the server does: whoever asks for the image will boot from it.
  if (order.isPrefetched) void replica.prefetch(chunksOf(trace, replica));
  await replayBoot({ plan, disk, initiator: "iqn.2026-11.org.ingot:tester", think: order.think, figures });
  const seconds = (performance.now() - beganMs) / 1000;
  const sorted = Float64Array.from(figures.readLatencyUs).toSorted();
  return {
    seconds,
    readP50Us: percentileOf(sorted, 0.5),
    readP99Us: percentileOf(sorted, 0.99),
    readMaxUs: sorted.at(-1) ?? 0,
    reads: sorted.length,
    verifiedReads: figures.verifiedReads,
    fetchedChunks: replica.stats().fetchedChunks,
  };
}

console.log(JSON.stringify(await boot(JSON.parse(process.argv[2] ?? "{}") as BootOrder)));
