import type { ByteReader, DeployPlan, DeployVerifyReport, DiskRange, WrongPlace } from "@ingot/disks";
import type { Damage, Expected } from "./judge.ts";
import { merged, overlap, within, without } from "./ranges.ts";

/** What repairing takes. */
export interface RepairOptions {
  readonly damaged: readonly Damage[];
  readonly report: DeployVerifyReport;
  readonly plan: DeployPlan;
  /** The image's bytes where the judgement needed them. */
  readonly expected: Expected;
  /** Fetches these chunks; disposed when they are written. */
  readonly fetch: (chunks: readonly number[]) => Promise<ByteReader & AsyncDisposable>;
  /** See `Deployment.rewrite`. */
  readonly rewrite: (parts: readonly { readonly offset: number; readonly bytes: Uint8Array }[]) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Chunks that are fetched at a time: they wait in memory. */
const BATCH_BYTES = 128 * 1024 * 1024;
/** Written and read again at a time. */
const WRITE_BYTES = 8 * 1024 * 1024;

/** Writes the damaged ranges again, and nothing else. Errors: those of fetching and writing; what was written before stays right. */
export async function repair(options: RepairOptions): Promise<void> {
  const { damaged, report, expected, signal } = options;
  const ranges = merged(damaged);
  const unknown = report.places.filter((place) => !expected.has(place.offset) && ranges.some((r) => overlap(r, place)));
  const write = async (source: ByteReader, parts: readonly DiskRange[]): Promise<void> => {
    for (const { offset, length } of parts) {
      for (let at = 0; at < length; at += WRITE_BYTES) {
        signal.throwIfAborted();
        const bytes = new Uint8Array(Math.min(WRITE_BYTES, length - at));
        await source.read(offset + at, bytes);
        await options.rewrite([{ offset: offset + at, bytes }]);
      }
    }
  };
  await write(expected, without(ranges, merged(unknown)));
  for (const places of batchesOf(unknown)) {
    await using fetched = await options.fetch([...new Set(places.map(({ chunk }) => chunk))]);
    for (const place of places) await write(fetched, within(ranges, place));
  }
}

function* batchesOf(places: readonly WrongPlace[]): Generator<WrongPlace[], void, undefined> {
  let batch: WrongPlace[] = [];
  let bytes = 0;
  for (const place of places) {
    batch.push(place);
    bytes += place.length;
    if (bytes < BATCH_BYTES) continue;
    yield batch;
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}
