import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { LabError } from "./errors.ts";

/** Debian package of every program that the lab starts. */
export const debianPackageOf: Readonly<Record<string, string>> = {
  ip: "iproute2",
  "qemu-system-x86_64": "qemu-system-x86",
  mmdebstrap: "mmdebstrap",
  debugfs: "e2fsprogs",
  e2fsck: "e2fsprogs",
  fio: "fio",
  ldd: "libc-bin",
  mke2fs: "e2fsprogs",
  sfdisk: "fdisk",
  mformat: "mtools",
  mmd: "mtools",
  mcopy: "mtools",
  "grub-mkimage": "grub-common",
};

const extraDirectories = ["/usr/sbin", "/sbin"];

/** Full path of a program in `PATH` or the administrator's directories; undefined when it is not installed. */
export function findTool(name: string): string | undefined {
  const directories = [...(process.env["PATH"] ?? "").split(":"), ...extraDirectories];
  for (const directory of directories) {
    if (directory === "") continue;
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
  return undefined;
}

/** Throws `LabError` "missingTool" naming every absent program and its Debian package. */
export function requireTools(names: readonly string[]): void {
  const missing = names.filter((name) => findTool(name) === undefined);
  if (missing.length === 0) return;
  const packages = new Set(missing.map((name) => debianPackageOf[name] ?? name));
  throw new LabError(
    "missingTool",
    `not installed: ${missing.join(", ")}; install with: apt-get install ${[...packages].join(" ")}`,
  );
}

function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "EACCES" || code === "ENOTDIR";
}
