import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { runCommand } from "./lab-process.ts";
import { LabError } from "./errors.ts";
import { findTool, requireTools } from "./tools.ts";

/** Where a machine mounts a program disk: the programs' own loader and libraries are found below it. */
const PROGRAM_DISK_MOUNT = "/run/programs";

/** What is typed into a machine's shell to have the programs of its only virtio disk in `PATH`. */
export const MOUNT_PROGRAM_DISK: string = [
  "modprobe virtio_blk",
  "while [ ! -e /dev/vda ]; do sleep 0.2; done",
  `mkdir -p ${PROGRAM_DISK_MOUNT}`,
  `mount -o ro /dev/vda ${PROGRAM_DISK_MOUNT}`,
  `export PATH=${PROGRAM_DISK_MOUNT}/bin:$PATH`,
].join(" && ");

/**
 * Writes a raw disk image with programs of this machine, the libraries they are linked with and the loader, so that a
 * machine can run them that has nothing of the kind installed; see `MOUNT_PROGRAM_DISK`.
 * Throws `LabError` "missingTool".
 */
export async function writeProgramDisk(file: string, programs: readonly string[]): Promise<void> {
  requireTools([...programs, "mke2fs", "ldd"]);
  const root = await mkdtemp(join(tmpdir(), "ingot-programs-"));
  try {
    await mkdir(join(root, "bin"));
    await mkdir(join(root, "lib"));
    const copied = new Set<string>();
    for (const name of programs) {
      const program = findTool(name) as string;
      const { loader, libraries } = await linkedWith(program);
      for (const library of [...libraries, loader, program]) {
        if (!copied.has(library)) await copyFile(library, join(root, "lib", basename(library)));
        copied.add(library);
      }
      const lib = `${PROGRAM_DISK_MOUNT}/lib`;
      const line = `exec ${lib}/${basename(loader)} --library-path ${lib} ${lib}/${basename(program)} "$@"`;
      await writeFile(join(root, "bin", name), `#!/bin/sh\n${line}\n`);
      await chmod(join(root, "bin", name), 0o755);
    }
    // mke2fs makes the file as large as asked, with holes where nothing is.
    await rm(file, { force: true });
    await runCommand("mke2fs", ["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", root, file, "512M"]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function linkedWith(program: string): Promise<{ loader: string; libraries: string[] }> {
  const { stdout } = await runCommand("ldd", [program]);
  const loader = /^\s*(\/\S*ld-linux\S*) \(/m.exec(stdout)?.[1];
  if (loader === undefined) throw new LabError("commandFailed", `ldd ${program}: no loader in its answer: ${stdout}`);
  return { loader, libraries: [...stdout.matchAll(/=> (\/\S+) \(/g)].map((found) => found[1] as string) };
}
