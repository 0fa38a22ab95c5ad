import { access } from "node:fs/promises";
import { join } from "node:path";
import type { LabProcess } from "@ingot/testkit/lab";
import type { Classroom, Seat } from "./classroom.ts";

/** One run of a way to clone: the same file, to all receivers of a classroom. */
export interface CloneRun {
  readonly classroom: Classroom;
  readonly linkMbit: number;
  /** Absolute path of the image. */
  readonly image: string;
  /** The server's own directory in this run, empty at first. */
  readonly serverDirectory: string;
  /** A program that makes the file `$CLONE_COMPLETE`, for programs that can call one when a copy is complete. */
  readonly hook: string;
}

/** One receiver of a run. */
interface Receiver {
  readonly number: number;
  readonly seat: Seat;
  /** Its own directory, empty at first. */
  readonly directory: string;
}

/** A receiver at work. */
interface RunningReceiver {
  readonly process: LabProcess;
  /** Resolves when its copy is complete; rejects when the program ends without that. */
  readonly done: Promise<void>;
  /** Where its copy is. */
  readonly copy: string;
}

/** A program that gets a file from one machine to many. */
export interface CloneMethod {
  readonly name: string;
  /** Whether its own transfer compares every byte with a hash that came by another way; others are hashed after, inside of the time. */
  readonly verifies: boolean;
  /** Programs it needs. */
  readonly tools: readonly string[];
  /** Not timed: what is done once for an image, however often it is cloned. */
  prepare(run: CloneRun): Promise<void>;
  /** Not timed: resolves when receivers may start. */
  serve(run: CloneRun): Promise<void>;
  /** Timed from here on. */
  receive(run: CloneRun, receiver: Receiver): RunningReceiver;
  /** Timed too: a sender that begins when the receivers are there. */
  send?(run: CloneRun): Promise<void>;
}

/** Resolves with `process`'s good end, rejects otherwise. */
export async function endOf(process: LabProcess): Promise<void> {
  const { code, signal } = await process.ended;
  if (code !== 0) throw new Error(`${process.name}: ${signal ?? `status ${code}`}: ${process.output.tail()}`);
}

const COMPLETE = "complete";

/** What a program calls, and with which environment, when the copy in `directory` is complete. */
export function hookOf(run: CloneRun, directory: string): { path: string; env: Record<string, string> } {
  return { path: run.hook, env: { CLONE_COMPLETE: join(directory, COMPLETE) } };
}

/** Resolves soon after the hook ran for `directory`; rejects when `process` ends without that. */
export async function whenHookRan(process: LabProcess, directory: string): Promise<void> {
  for (;;) {
    const mayCome = process.running;
    try {
      return await access(join(directory, COMPLETE));
    } catch {
      if (!mayCome) throw new Error(`${process.name} ended before its copy was complete: ${process.output.tail()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
