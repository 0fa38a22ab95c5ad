import { type ChunkReader } from "@ingot/chunks";

import type { DeployPlan } from "./deploy-plan.ts";
import type { DeployTarget } from "./deploy-target.ts";
import { DiskError } from "./errors.ts";

const DEFAULT_CONCURRENCY = 4;

/** What filling takes. */
export interface FillOptions {
  readonly signal?: AbortSignal | undefined;
  /** Chunks under way at a time. Default 4. */
  readonly concurrency?: number | undefined;
  readonly onWritten: (chunk: number) => void;
  /** Called with the plain bytes of each chunk that was written. */
  readonly onBytes: (bytes: number) => void;
}

/** Writes the chunks, fetched from one reader, in all their places. Ends at the first failure, when nothing is under way any more. */
export async function fillFrom(
  reader: ChunkReader,
  target: DeployTarget,
  plan: DeployPlan,
  chunks: readonly number[],
  options: FillOptions,
): Promise<void> {
  const waiting = chunks.values();
  const errors: unknown[] = [];
  const fillSome = async (): Promise<void> => {
    for (const number of waiting) {
      options.signal?.throwIfAborted();
      if (errors.length > 0) return;
      const { digest, length, offsets } = plan.chunk(number);
      const bytes = await reader.readChunk(digest, options.signal);
      if (bytes.length !== length) {
        const what = `${target.name}: chunk ${digest} has ${bytes.length} bytes, the manifest ${length}`;
        throw new DiskError("damaged-chunk", what);
      }
      for (const offset of offsets) await target.write(offset, bytes);
      options.onWritten(number);
      options.onBytes(length);
    }
  };
  const lanes = Array.from({ length: options.concurrency ?? DEFAULT_CONCURRENCY }, () =>
    fillSome().catch((error: unknown) => {
      errors.push(error);
    }),
  );
  await Promise.all(lanes);
  if (errors.length > 0) throw errors[0];
}
