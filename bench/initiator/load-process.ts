/** Reads from several disks at once, without pause, for some seconds; started by `iscsi-workers.ts` with an IPC channel. */
import type { DiskAddress } from "../targets/disk-address.ts";
import { Session } from "./session.ts";

/** What the process is told. */
export interface LoadOrder {
  readonly disks: readonly DiskAddress[];
  /** Of every disk, in bytes. */
  readonly diskBytes: number;
  /** Reads open at a time on each disk. */
  readonly depth: number;
  /** Of one read. */
  readonly bytes: number;
  readonly seconds: number;
  readonly digests: boolean;
}

/** What it reports. */
export interface LoadReport {
  readonly operations: number;
  readonly seconds: number;
  /** The process's own. */
  readonly cpuSeconds: number;
}

const BLOCK_BYTES = 512;
/** Prime, so that the steps visit every place in a scattered order. */
const STEP = 7919;

async function load(order: LoadOrder): Promise<LoadReport> {
  const sessions = await Promise.all(
    order.disks.map((disk, index) =>
      Session.open({
        ...disk,
        initiator: `iqn.2026-11.org.ingot:load-${index}`,
        isid: 1,
        maxRecvDataSegmentLength: 262_144,
        digests: order.digests,
        failed(error) {
          throw error;
        },
      }),
    ),
  );
  const places = Math.floor(order.diskBytes / order.bytes);
  const blocks = order.bytes / BLOCK_BYTES;
  let operations = 0;
  let next = 0;
  let isOver = false;
  const cpuBefore = process.cpuUsage();
  const beganMs = performance.now();
  for (const session of sessions) {
    const read = (): void => {
      next = (next + STEP) % places;
      session.read(next * blocks, blocks, command);
    };
    const command = {
      done: () => {
        operations += 1;
        if (!isOver) read();
      },
    };
    for (let i = 0; i < order.depth; i++) read();
  }
  await new Promise((resolve) => setTimeout(resolve, order.seconds * 1000));
  isOver = true;
  const seconds = (performance.now() - beganMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  for (const session of sessions) session.close();
  return { operations, seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
}

process.once("message", (order) => {
  void load(order as LoadOrder).then((report) => process.send?.(report));
});
