import { BLOCK_BYTES, type BlockTrace, type TraceFlush, type TraceLogin, type TraceTransfer } from "./block-trace.ts";
import { stampOf } from "./sector-stamp.ts";

/** When a step may begin. */
interface Turn {
  /** Commands of its session that have to be done before. */
  readonly afterDone: number;
  /** What the machine did in between, in microseconds: from the end of the command that came last before it, or of the login. */
  readonly thinkUs: number;
}

/** Eight bytes that a read must find. */
export interface Sample {
  /** Place in the transfer. */
  readonly offset: number;
  readonly bytes: Buffer;
}

/** A command to be sent. */
export type Step =
  | (Turn & {
      readonly kind: "read";
      readonly lba: number;
      readonly blocks: number;
      readonly sample: Sample | undefined;
    })
  | (Turn & { readonly kind: "write"; readonly lba: number; readonly blocks: number })
  | (Turn & { readonly kind: "flush" });

/** A login and what follows it. */
export interface PlannedSession {
  readonly maxRecvDataSegmentLength: number;
  /** From the end of the session before. */
  readonly thinkUs: number;
  readonly steps: readonly Step[];
}

/**
 * Turns a recorded boot into what a replayer does: a command is sent as soon as those are done that had been answered when the
 * machine sent it. So as many are open at a time as the machine had open, however fast the target is.
 *
 * `imageStampOf`: the first bytes of a sector of the image; default those of `sector-stamp.ts`.
 */
export function planReplay(
  trace: BlockTrace,
  imageStampOf: (lba: number) => Buffer = (lba) => stampOf(lba, "image"),
): PlannedSession[] {
  const sessions: { login: TraceLogin; commands: (TraceTransfer | TraceFlush)[] }[] = [];
  for (const command of trace.commands) {
    if (command.kind === "login") sessions.push({ login: command, commands: [] });
    else sessions.at(-1)?.commands.push(command);
  }
  const writes: TraceTransfer[] = [];
  let endUs = 0;
  return sessions.map(({ login, commands }) => {
    const loginEndUs = login.atUs + login.durationUs;
    const thinkUs = Math.max(0, login.atUs - endUs);
    const ends = commands.map(({ atUs, durationUs }) => atUs + durationUs);
    const steps = commands.map((command, index): Step => {
      const before = ends.slice(0, index).filter((end) => end <= command.atUs);
      const turn = { afterDone: before.length, thinkUs: command.atUs - Math.max(loginEndUs, ...before) };
      if (command.kind === "flush") return { ...turn, kind: "flush" };
      const { kind, lba, blocks } = command;
      if (kind === "read") return { ...turn, kind, lba, blocks, sample: sampleOf(command, writes, imageStampOf) };
      writes.push(command);
      return { ...turn, kind, lba, blocks };
    });
    endUs = Math.max(loginEndUs, ...ends);
    return { maxRecvDataSegmentLength: login.maxRecvDataSegmentLength, thinkUs, steps };
  });
}

/** A sector of a read whose content is certain: one that no write was going on over. */
function sampleOf(
  read: TraceTransfer,
  writes: readonly TraceTransfer[],
  imageStampOf: (lba: number) => Buffer,
): Sample | undefined {
  // Not always the first sector: spread by the place on the disk.
  const start = Math.floor(read.lba / 8) % read.blocks;
  for (let tried = 0; tried < read.blocks; tried++) {
    const sector = (start + tried) % read.blocks;
    const lba = read.lba + sector;
    const over = writes.filter((write) => write.lba <= lba && lba < write.lba + write.blocks);
    if (over.some((write) => write.atUs + write.durationUs > read.atUs)) continue;
    const bytes = over.length === 0 ? imageStampOf(lba) : stampOf(lba, "written");
    return { offset: sector * BLOCK_BYTES, bytes };
  }
  return undefined;
}
