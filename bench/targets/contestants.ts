import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DISK_BYTES } from "../iscsi-loads.ts";
import { type DiskAddress, formatUrl } from "./disk-address.ts";
import { startIngotRaw } from "./ingot-raw.ts";
import { IngotServer } from "./ingot-server.ts";
import { Tgt } from "./tgt.ts";

const run = promisify(execFile);
const MIB = 1_048_576;

/** A target that is compared with others. */
export interface Contestant {
  readonly name: string;
  readonly pid: number;
  /** The disk that is read: filled, and in the page cache. */
  readonly disk: DiskAddress;
  /** A disk that nobody has written to. */
  freshDisk(): Promise<DiskAddress>;
}

/** Starts all contestants of `iscsi.ts` over files below `directory`. */
export async function openContestants(
  directory: string,
): Promise<AsyncDisposable & { readonly contestants: readonly Contestant[] }> {
  await using stack = new AsyncDisposableStack();
  const image = join(directory, "image.raw");
  await writeFilled(image);
  let files = 0;
  const freshFile = async (): Promise<string> => {
    const path = join(directory, `fresh-${++files}.raw`);
    const handle = await open(path, "wx");
    await handle.truncate(DISK_BYTES);
    await handle.close();
    return path;
  };

  const raw = stack.use(await startIngotRaw(image));
  const server = stack.use(await IngotServer.start(directory, image));
  const tgt = stack.use(await Tgt.start());
  let tid = 0;
  let freshRaw: Awaited<ReturnType<typeof startIngotRaw>> | undefined;
  stack.defer(() => freshRaw?.[Symbol.asyncDispose]());
  const contestants: Contestant[] = [
    {
      name: "Ingot, raw file",
      get pid() {
        return freshRaw?.pid ?? raw.pid;
      },
      disk: raw.disk,
      async freshDisk() {
        await freshRaw?.[Symbol.asyncDispose]();
        freshRaw = await startIngotRaw(await freshFile());
        return freshRaw.disk;
      },
    },
    {
      name: "Ingot, overlay",
      pid: server.pid,
      disk: await server.addMachine(),
      freshDisk: () => server.addMachine(),
    },
    {
      name: "tgt",
      pid: tgt.pid,
      disk: await tgt.serve(++tid, image),
      freshDisk: async () => tgt.serve(++tid, await freshFile()),
    },
  ];
  // Reads everything twice: the replica is filled, all files are in the page cache, and JavaScript is compiled.
  for (const size of [MIB, 4096]) {
    for (const { disk } of contestants) {
      const reads = ["bench", "-f", "raw", "-d", "32", "-c", String(DISK_BYTES / size), "-s", String(size)];
      await run("qemu-img", [...reads, formatUrl(disk)]);
    }
  }
  const closing = stack.move();
  return { contestants, [Symbol.asyncDispose]: () => closing.disposeAsync() };
}

/** Writes a file whose every megabyte has other bytes. */
async function writeFilled(path: string): Promise<void> {
  const handle = await open(path, "wx");
  for (let at = 0; at < DISK_BYTES; at += MIB)
    await handle.write(Buffer.alloc(MIB, `megabyte ${at / MIB} `), 0, MIB, at);
  await handle.close();
}
