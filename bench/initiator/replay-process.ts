/** Boots a number of machines by a recorded trace; started by `replayers.ts` with an IPC channel, see there for the messages. */
import { planReplay } from "../block-trace/replay-plan.ts";
import { readTraceFile } from "../block-trace/trace-file.ts";
import { replayBoot, type ReplayFigures } from "./boot-replay.ts";
import type { ReplayOrder, ReplayReport } from "./replayers.ts";

async function replay(order: ReplayOrder): Promise<ReplayReport> {
  const plan = planReplay(await readTraceFile(order.traceFile));
  const figures: ReplayFigures = { readLatencyUs: [], readBytes: 0, writtenBytes: 0, verifiedReads: 0 };
  const cpuBefore = process.cpuUsage();
  const beganMs = performance.now();
  const finishedMs = await Promise.all(
    order.disks.map(async (disk, index) => {
      const initiator = `iqn.2026-11.org.ingot:replay-${order.firstNumber + index}`;
      await replayBoot({ plan, disk, initiator, think: order.think, figures });
      return performance.now() - beganMs;
    }),
  );
  const cpu = process.cpuUsage(cpuBefore);
  return {
    ...figures,
    readLatencyUs: Float64Array.from(figures.readLatencyUs),
    finishedMs,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
  };
}

process.once("message", (order) => {
  void replay(order as ReplayOrder).then((report) => process.send?.(report));
});
