import { decodeSparse, type ImageVersion, type UploadLine } from "@ingot/api";
import type { ImportProgress } from "@ingot/chunks";
import { reportError } from "./api-errors.ts";
import type { Clock } from "./clock.ts";
import type { ImageRegistry } from "./image-registry.ts";

/** How often a progress line is sent at most. */
const progressEveryMs = 200;

/**
 * Takes an upload in and answers line by line while it runs. A reader that goes away ends the upload; nothing of it stays.
 * @throws UploadError where the body does not even begin as an upload.
 */
export async function receiveImage(upload: {
  readonly images: ImageRegistry;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly name: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly comment: string | undefined;
  /** Called with the version before its line goes out; what it throws is what the upload failed with. */
  readonly onAdded?: ((version: ImageVersion) => Promise<void>) | undefined;
}): Promise<ReadableStream<Uint8Array>> {
  const { images, clock, name, comment } = upload;
  const source = await decodeSparse(upload.body);
  const leaving = new AbortController();
  let sentMs = 0;

  return new ReadableStream<Uint8Array>({
    start(controller): void {
      const send = (line: UploadLine): void => {
        if (!leaving.signal.aborted) controller.enqueue(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
      };
      const onProgress = (progress: ImportProgress): void => {
        // Lines are small and few, so a reader that sleeps through a whole upload lets a few kilobytes a minute wait.
        if (clock.now() - sentMs < progressEveryMs) return;
        sentMs = clock.now();
        const { doneBytes, sizeBytes, newChunkCount } = progress;
        send({ type: "progress", offsetBytes: doneBytes, sizeBytes, newChunkCount });
      };
      const run = async (): Promise<void> => {
        try {
          const added = await images.add(name, source, { onProgress, signal: leaving.signal, comment });
          await upload.onAdded?.(added.version);
          send({ type: "result", name, ...added });
        } catch (error) {
          const report = reportError(error);
          if (report.unexpected) upload.onError(error);
          send({ type: "error", error: report.error });
        }
        if (!leaving.signal.aborted) controller.close();
      };
      run().catch(upload.onError);
    },
    cancel(): void {
      leaving.abort();
    },
  });
}
