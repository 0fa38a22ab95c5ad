import { constants } from "node:fs";
import { lstat, mkdir, mkdtemp, open, readdir, readFile, realpath, rmdir, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { InjectedFile } from "@ingot/api";
import type { Partition, PartitionFacts } from "@ingot/chunks";
import { AgentError } from "../errors.ts";
import { MAX_INJECTED_BYTES } from "../limits.ts";
import { type Programs, runOrThrow } from "../system/programs.ts";
import { type FileSystemKind, PROBE_BYTES, probeFileSystem } from "./file-system.ts";
import { withPartitionDevice } from "./partition-device.ts";

/** What is written into a new system. */
export interface Injection {
  readonly hostName: string | undefined;
  readonly files: readonly InjectedFile[];
}

/** How a file system is mounted; the first that works. */
const MOUNTS: Readonly<Record<FileSystemKind, readonly (readonly string[])[]>> = {
  ext: [["mount", "-t", "ext4", "-o", "noatime"]],
  xfs: [["mount", "-t", "xfs", "-o", "noatime,nouuid"]],
  btrfs: [["mount", "-t", "btrfs", "-o", "noatime"]],
  fat: [["mount", "-t", "vfat"]],
  ntfs: [["ntfs-3g"], ["mount", "-t", "ntfs3", "-o", "noatime"]],
  swap: [],
  unknown: [],
};

/** Where Windows takes `/windows` for `/Windows`, and Linux would make a second folder. */
const IGNORING_CASE: ReadonlySet<FileSystemKind> = new Set(["ntfs", "fat"]);

/** A mounted file system. */
interface Root {
  readonly folder: string;
  readonly ignoresCase: boolean;
}

/**
 * Writes the host name and files into the file systems of a filled disk. Returns one sentence for each thing done, and
 * for what has no place here. Error: `injection`.
 */
export async function inject(
  programs: Programs,
  diskPath: string,
  readRange: (offset: number, length: number) => Uint8Array,
  facts: PartitionFacts,
  injection: Injection,
): Promise<readonly string[]> {
  const notes: string[] = [];
  const named = new Map<number, InjectedFile[]>();
  const unnamed = injection.files.filter((file) => file.partition === undefined);
  for (const file of injection.files) {
    if (file.partition !== undefined) named.set(file.partition, [...(named.get(file.partition) ?? []), file]);
  }
  const kindOf = (partition: Partition): FileSystemKind =>
    probeFileSystem(readRange(partition.firstLba * 512, PROBE_BYTES));
  const mounted = <T>(partition: Partition, use: (root: Root) => Promise<T>): Promise<T> => {
    const kind = kindOf(partition);
    return withMounted(programs, diskPath, partition, kind, (folder) =>
      use({ folder, ignoresCase: IGNORING_CASE.has(kind) }),
    );
  };
  for (const [number, files] of named) {
    const partition = facts.partitions.find((p) => p.number === number);
    if (partition === undefined) throw new AgentError("injection", `the image has no partition ${number}`);
    await mounted(partition, async (root) => {
      for (const file of files) await writeInside(root, file.path, file.content);
    });
    notes.push(...files.map((file) => `wrote ${file.path} into partition ${number}`));
  }
  if (unnamed.length === 0 && injection.hostName === undefined) return notes;
  // The largest first: systems are larger than boot partitions.
  const candidates = facts.partitions.toSorted((a, b) => b.sectorCount - a.sectorCount);
  for (const partition of candidates.filter((p) => MOUNTS[kindOf(p)].length > 0)) {
    const done = await mounted(partition, async (root) => {
      const system = await systemIn(root);
      if (system === undefined) return undefined;
      for (const file of unnamed) await writeInside(root, file.path, file.content);
      const said = unnamed.map((file) => `wrote ${file.path} into partition ${partition.number}`);
      if (injection.hostName === undefined) return said;
      if (system === "windows")
        return [...said, "Windows takes its name from an answer file; the host name was not written"];
      await writeHostName(root, injection.hostName);
      return [...said, `named it ${injection.hostName}`];
    });
    if (done !== undefined) return [...notes, ...done];
  }
  throw new AgentError("injection", "no partition holds an operating system that is known: no /etc, no Windows folder");
}

/** A folder of another system's: what leads out of it, by `..` or by links, is refused. Existing files keep owner and mode. */
async function writeInside(root: Root, path: string, content: string): Promise<void> {
  const bytes = Buffer.from(content);
  if (bytes.length > MAX_INJECTED_BYTES)
    throw new AgentError("injection", `${path}: ${bytes.length} bytes are too many`);
  if (path.split("/").includes("..")) throw new AgentError("injection", `${path} leads out of the file system`);
  const target = join(root.folder, await asSpelt(root, path));
  const folder = dirname(target);
  await requireInside(root.folder, folder, path);
  await mkdir(folder, { recursive: true });
  await requireInside(root.folder, folder, path);
  const there = await lstatOrUndefined(target);
  // A link to the running system's file is how distributions ship some files (`/etc/resolv.conf`): the link goes, the file comes.
  if (there?.isSymbolicLink() === true) await unlink(target);
  const file = await open(
    target,
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
    0o644,
  );
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The path in the spelling of what is there already. */
async function asSpelt({ folder, ignoresCase }: Root, path: string): Promise<string> {
  if (!ignoresCase) return path;
  let at = "";
  for (const part of path.split("/").filter((each) => each !== "")) {
    const names = (await ifThere(() => readdir(join(folder, at)))) ?? [];
    const spelt = names.includes(part) ? part : names.find((name) => name.toLowerCase() === part.toLowerCase());
    at = join(at, spelt ?? part);
  }
  return at;
}

/** The nearest folder that exists has to lie below the root. */
async function requireInside(root: string, folder: string, path: string): Promise<void> {
  const realRoot = await realpath(root);
  for (let at = folder; ; at = dirname(at)) {
    if ((await lstatOrUndefined(at)) === undefined) continue;
    const real = await realpath(at).catch((cause: unknown) => {
      throw new AgentError("injection", `${path} goes through a link that leads nowhere`, { cause });
    });
    if (real === realRoot || real.startsWith(`${realRoot}/`)) return;
    throw new AgentError("injection", `${path} leads out of the file system, to ${real}`);
  }
}

/** Debian's way: the name in `/etc/hostname`, and where `/etc/hosts` knew the old one, there too. */
async function writeHostName(root: Root, hostName: string): Promise<void> {
  const old = (await readOrUndefined(join(root.folder, "etc/hostname")))?.trim();
  await writeInside(root, "/etc/hostname", `${hostName}\n`);
  const hosts = await readOrUndefined(join(root.folder, "etc/hosts"));
  if (hosts === undefined || old === undefined || old === "" || old === hostName) return;
  const renamed = hosts
    .split("\n")
    .map((line) =>
      line.startsWith("127.") || line.startsWith("::1")
        ? line.replaceAll(new RegExp(`(?<=\\s)${RegExp.escape(old)}(?=\\s|\\.|$)`, "g"), hostName)
        : line,
    )
    .join("\n");
  if (renamed !== hosts) await writeInside(root, "/etc/hosts", renamed);
}

async function systemIn(root: Root): Promise<"linux" | "windows" | undefined> {
  const has = async (name: string): Promise<boolean> =>
    (await lstatOrUndefined(join(root.folder, await asSpelt(root, name))))?.isDirectory() === true;
  if (await has("etc")) return "linux";
  return (await has("Windows")) ? "windows" : undefined;
}

async function withMounted<T>(
  programs: Programs,
  diskPath: string,
  partition: Partition,
  kind: FileSystemKind,
  use: (root: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "ingot-mount-"));
  try {
    return await withPartitionDevice(programs, diskPath, partition, async (device) => {
      await mount(programs, kind, device, folder, partition.number);
      try {
        return await use(folder);
      } finally {
        await runOrThrow(programs, "umount", [folder]);
      }
    });
  } finally {
    await rmdir(folder);
  }
}

async function mount(
  programs: Programs,
  kind: FileSystemKind,
  device: string,
  folder: string,
  number: number,
): Promise<void> {
  const said: string[] = [];
  for (const [program = "mount", ...args] of MOUNTS[kind]) {
    const result = await programs.run(program, [...args, device, folder]);
    if (result?.status === 0) return;
    said.push(result === undefined ? `no program ${program}` : (result.stderr.trim().split("\n")[0] ?? ""));
  }
  throw new AgentError(
    "injection",
    `partition ${number} (${kind}) cannot be mounted: ${said.join("; ") || "not a file system that is known"}`,
  );
}

async function lstatOrUndefined(path: string): Promise<Awaited<ReturnType<typeof lstat>> | undefined> {
  return ifThere(() => lstat(path));
}

async function readOrUndefined(path: string): Promise<string | undefined> {
  return ifThere(() => readFile(path, "utf8"));
}

async function ifThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  }
}
