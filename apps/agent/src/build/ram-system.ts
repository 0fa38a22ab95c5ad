import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../errors.ts";
import type { Programs } from "../system/programs.ts";
import { bundleAgent } from "./bundle.ts";
import { downloadPackages, unpackPackages, type DebianPackage } from "./debian-packages.ts";
import { FileTree } from "./file-tree.ts";
import { kernelRelease } from "./kernel-modules.ts";
import { withoutSymbols } from "./node-program.ts";
import { PartCache, replaceFile, sha256 } from "./part-cache.ts";
import { COMPRESSION_LEVEL, PACKAGES } from "./recipe.ts";
import { systemTree } from "./system-tree.ts";
import { UnpackedRoot } from "./unpacked-root.ts";

/** Options of a build. */
export interface RamSystemOptions {
  /** Where `vmlinuz`, `initrd` and `packages.txt` go. */
  readonly output: string;
  /** Kept between builds: downloaded packages, compressed parts. */
  readonly cache: string;
  readonly programs: Programs;
  /** zstd's level, default 19; a test that builds twice has no time for that. */
  readonly compressionLevel?: number | undefined;
  /** Called with one line of text per step. */
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was built. */
export interface RamSystem {
  readonly kernelRelease: string;
  readonly kernelBytes: number;
  readonly initrdBytes: number;
  /** Hexadecimal SHA-256 of both files. */
  readonly kernelSha256: string;
  readonly initrdSha256: string;
  readonly packages: readonly string[];
}

const FILES = join(import.meta.dirname, "files");

/**
 * Builds the system that a machine runs from memory while its disk is worked on: Debian's kernel, and an initial RAM disk of three
 * archives that the kernel unpacks one after the other: tools and modules, Node, the agent. Each is compressed
 * once and kept until its content changes, so that a build after a change of the agent takes seconds. Needs no root; runs
 * nothing of the packages but their `kmod` and loader. The same packages and sources give the same bytes.
 * Errors: `surroundings`, `program-failed`.
 */
export async function buildRamSystem(options: RamSystemOptions): Promise<RamSystem> {
  const { output, programs, signal } = options;
  const tell = options.onProgress ?? (() => undefined);
  if (process.arch !== "x64") {
    throw new AgentError(
      "surroundings",
      `the agent's system is made for x86-64 on x86-64, this machine is ${process.arch}`,
    );
  }
  const parts = await PartCache.open(join(options.cache, "parts"), options.compressionLevel ?? COMPRESSION_LEVEL, tell);
  // The longest step; it goes on beside the others.
  const nodePart = parts.archive(nodeTree(), "Node");
  nodePart.catch(() => undefined);
  const downloads = join(options.cache, "packages");
  tell("downloading Debian packages");
  const packages = await downloadPackages({ packages: PACKAGES, directory: downloads, programs, signal });
  const system = await systemPart(options, parts, packages, downloads);
  const node = await nodePart;
  signal?.throwIfAborted();
  const agent = await parts.archive(await agentTree(), "the agent");

  await mkdir(output, { recursive: true });
  const initrd = Buffer.concat([system.archive, node, agent]);
  const names = packages.map(({ file }) => decodeURIComponent(file));
  await replaceFile(join(output, "vmlinuz"), system.kernel);
  await replaceFile(join(output, "initrd"), initrd);
  await replaceFile(join(output, "packages.txt"), `${names.join("\n")}\n`);
  return {
    kernelRelease: system.release,
    kernelBytes: system.kernel.length,
    initrdBytes: initrd.length,
    kernelSha256: sha256(system.kernel),
    initrdSha256: sha256(initrd),
    packages: names,
  };
}

/** Kernel, modules and tools. */
interface SystemPart {
  readonly release: string;
  readonly kernel: Uint8Array;
  readonly archive: Uint8Array;
}

/** Follows from the packages and this folder's code, which together name it in the cache: nothing is unpacked when it is there. */
async function systemPart(
  { cache, programs, signal, compressionLevel, onProgress }: RamSystemOptions,
  parts: PartCache,
  packages: readonly DebianPackage[],
  downloads: string,
): Promise<SystemPart> {
  const key = sha256(JSON.stringify([packages, ownSources(), compressionLevel]));
  const [release, kernel, archive] = await Promise.all(
    ["release", "kernel", "system"].map((name) => parts.get(`${name}-${key}`)),
  );
  if (release !== undefined && kernel !== undefined && archive !== undefined) {
    return { release: release.toString(), kernel, archive };
  }
  removeAbandoned(cache);
  const scratch = await mkdtemp(join(cache, `building-${process.pid}-`));
  try {
    onProgress?.(`unpacking ${packages.length} packages`);
    const root = new UnpackedRoot(join(scratch, "root"), programs);
    await unpackPackages(packages, downloads, root.path, programs);
    signal?.throwIfAborted();
    const made = {
      archive: await parts.archive(
        await systemTree(root, programs, join(scratch, "modules")),
        "tools and kernel modules",
      ),
      kernel: readFileSync(root.get(`/boot/vmlinuz-${kernelRelease(root)}`)),
      release: kernelRelease(root),
    };
    await parts.put(`system-${key}`, made.archive);
    await parts.put(`kernel-${key}`, made.kernel);
    await parts.put(`release-${key}`, Buffer.from(made.release));
    return made;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Folders of builds whose process is gone. */
function removeAbandoned(cache: string): void {
  for (const name of readdirSync(cache)) {
    const pid = /^building-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(cache, name), { recursive: true, force: true });
  }
}

/** What the code of this folder is, so that a change of it makes a new system. */
function ownSources(): readonly string[] {
  return readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
    .map((entry) => readFileSync(join(import.meta.dirname, entry.name), "utf8"))
    .toSorted();
}

function nodeTree(): FileTree {
  const tree = new FileTree();
  tree.addFile("/usr/bin/node", withoutSymbols(readFileSync(process.execPath)), 0o755);
  return tree;
}

/** The agent, and the scripts that start it: what changes most often. */
async function agentTree(): Promise<FileTree> {
  const tree = new FileTree();
  tree.copyFile("/init", join(FILES, "init"), 0o755);
  tree.copyFile("/usr/share/udhcpc/default.script", join(FILES, "udhcpc.script"), 0o755);
  tree.copyFile("/usr/bin/ingot", join(FILES, "ingot"), 0o755);
  for (const [name, code] of await bundleAgent()) tree.addFile(join("/ingot", name), code);
  return tree;
}
