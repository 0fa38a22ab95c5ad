import { z } from "zod";
import { type DiskMode, diskModeSchema } from "./machine.ts";
import { nameSchema } from "./names.ts";
import { amountSchema, timeSchema } from "./values.ts";

/** One iSCSI session on a disk. */
export interface DiskSession {
  /** The initiator's iSCSI name, as it says itself. */
  readonly initiator: string;
  /** Address and port of the initiator. */
  readonly peer: string;
  readonly since: string;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** The disk of one machine: its changes (the overlay) over one version of an image. */
export interface Disk {
  /** The machine's id. */
  readonly machine: string;
  readonly machineName: string;
  /** `address:port` of the iSCSI target. */
  readonly portal: string;
  /** IQN of the target. */
  readonly target: string;
  readonly lun: number;
  readonly sizeBytes: number;
  /** What the machine's changes take on the server; 0 before its first write. */
  readonly overlayBytes: number;
  readonly mode: DiskMode;
  /** The version that the disk is over: of the running boot, or of the next one where none runs. */
  readonly image: { readonly name: string; readonly version: number };
  /** A version that the disk will move to at its next boot, where that is another one. */
  readonly nextVersion?: number | undefined;
  readonly sessions: readonly DiskSession[];
  /** The overlay's growth since the boot began; ascending, at most 60 points. */
  readonly history: readonly DiskGrowth[];
}

/** What an overlay took at one time. */
export interface DiskGrowth {
  readonly at: string;
  readonly overlayBytes: number;
}

/** Schema of {@link Disk}. */
export const diskSchema: z.ZodType<Disk> = z
  .object({
    machine: z.string(),
    machineName: nameSchema,
    portal: z.string(),
    target: z.string(),
    lun: amountSchema,
    sizeBytes: amountSchema,
    overlayBytes: amountSchema,
    mode: diskModeSchema,
    image: z.object({ name: nameSchema, version: z.int().positive() }),
    nextVersion: z.int().positive().optional(),
    sessions: z.array(
      z.object({
        initiator: z.string(),
        peer: z.string(),
        since: timeSchema,
        bytesRead: amountSchema,
        bytesWritten: amountSchema,
      }),
    ),
    history: z.array(z.object({ at: timeSchema, overlayBytes: amountSchema })).max(60),
  })
  .meta({ id: "Disk", description: "A machine's changes over one version of an image" });
