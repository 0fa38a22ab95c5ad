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

/** A disk, and the process that serves it. */
export interface ServedDisk {
  readonly pid: number;
  readonly disk: DiskAddress;
}

/** A target that is compared with others. */
export interface Contestant {
  readonly name: string;
  /** Filled, and in the page cache. */
  readonly filled: ServedDisk;
  /** A disk that nobody has written to. The one before is not used any more. */
  fresh(): Promise<ServedDisk>;
}

/** Starts all contestants of `iscsi.ts` over files below `directory`. */
export async function openContestants(
  directory: string,
): Promise<AsyncDisposable & { readonly contestants: readonly Contestant[] }> {
  await using stack = new AsyncDisposableStack();
  const image = join(directory, "image.raw");
  await writeFilled(image);
  let files = 0;
  const freshFile = async (sizeBytes: number): Promise<string> => {
    const path = join(directory, `fresh-${++files}.raw`);
    const handle = await open(path, "wx");
    await handle.truncate(sizeBytes);
    await handle.close();
    return path;
  };

  const raw = stack.use(await startIngotRaw(image));
  const server = stack.use(await IngotServer.start(directory, image));
  const tgt = stack.use(await Tgt.start());
  let tid = 0;
  let freshRaw: Awaited<ReturnType<typeof startIngotRaw>> | undefined;
  stack.defer(() => freshRaw?.[Symbol.asyncDispose]());
  const { pid } = server;
  const contestants: Contestant[] = [
    {
      name: "Ingot, raw file",
      filled: raw,
      async fresh() {
        await freshRaw?.[Symbol.asyncDispose]();
        freshRaw = await startIngotRaw(await freshFile(2 * DISK_BYTES));
        // It is a new process, whose JavaScript is compiled while it writes where nobody measures.
        await bench(["-w", "-o", String(DISK_BYTES), "-c", "32768", "-s", "4096"], freshRaw);
        return freshRaw;
      },
    },
    {
      name: "Ingot, overlay",
      filled: { pid, disk: await server.addMachine() },
      fresh: async () => ({ pid, disk: await server.addMachine() }),
    },
    {
      name: "tgt",
      filled: { pid: tgt.pid, disk: await tgt.serve(++tid, image) },
      fresh: async () => ({ pid: tgt.pid, disk: await tgt.serve(++tid, await freshFile(DISK_BYTES)) }),
    },
  ];
  // Everything is read twice and written once: the replica is filled, all files are in the page cache, and JavaScript is compiled.
  for (const contestant of contestants) {
    for (const size of [MIB, 4096]) {
      await bench(["-c", String(DISK_BYTES / size), "-s", String(size)], contestant.filled);
    }
    await bench(["-w", "-c", String(DISK_BYTES / 4096), "-s", "4096"], await contestant.fresh());
  }
  const closing = stack.move();
  return { contestants, [Symbol.asyncDispose]: () => closing.disposeAsync() };
}

async function bench(options: readonly string[], { disk }: Pick<ServedDisk, "disk">): Promise<void> {
  await run("qemu-img", ["bench", "-f", "raw", "-d", "32", ...options, formatUrl(disk)]);
}

/** Writes a file whose every megabyte has other bytes. */
async function writeFilled(path: string): Promise<void> {
  const handle = await open(path, "wx");
  for (let at = 0; at < DISK_BYTES; at += MIB)
    await handle.write(Buffer.alloc(MIB, `megabyte ${at / MIB} `), 0, MIB, at);
  await handle.close();
}
