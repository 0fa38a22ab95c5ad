import { join } from "node:path";
import { runOrThrow, type Programs } from "../system/programs.ts";
import { FileTree } from "./file-tree.ts";
import { addKernelModules } from "./kernel-modules.ts";
import { LEFT_OUT, MODULES, MODULES_LEFT_OUT, PACKAGE_FILES, PROGRAM_LINKS, PROGRAMS } from "./recipe.ts";
import type { UnpackedRoot } from "./unpacked-root.ts";

const FOLDERS = ["/dev", "/etc", "/mnt", "/proc", "/root", "/run", "/sys", "/tmp", "/var/lib"];

const SMALL_FILES: Readonly<Record<string, string>> = {
  "/etc/group": "root:x:0:\ntty:x:5:\ndisk:x:6:\n",
  "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
  "/etc/nsswitch.conf": "hosts: files dns\n",
  "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
};

/**
 * Tools and kernel modules out of unpacked packages, by the recipe.
 *
 * @param scratch a folder for intermediate files; it need not exist.
 */
export async function systemTree(root: UnpackedRoot, programs: Programs, scratch: string): Promise<FileTree> {
  const tree = new FileTree();
  tree.addMergedFolders();
  FOLDERS.forEach((folder) => tree.addDirectory(folder));
  tree.addLink("/var/run", "/run");
  tree.addLink("/etc/mtab", "/proc/self/mounts");
  for (const [path, text] of Object.entries(SMALL_FILES)) tree.addFile(path, text);

  tree.copyFile("/bin/busybox", root.get("/bin/busybox"), 0o755);
  for (const program of PROGRAMS) await root.addProgram(tree, program);
  // Debian's C library is newer than what Node asks for, and there can be only one.
  await root.addLibraries(tree, process.execPath);
  for (const [path, target] of Object.entries(PROGRAM_LINKS)) tree.addLink(path, target);
  for (const path of PACKAGE_FILES.flatMap((each) => root.filesBelow(each))) {
    if (!LEFT_OUT.test(path)) tree.copyFile(path, root.get(path));
  }
  for (const applet of (await runOrThrow(programs, root.get("/bin/busybox"), ["--list"])).split("\n")) {
    const places = ["/usr/bin", "/usr/sbin"].map((folder) => join(folder, applet));
    if (applet !== "" && !places.some((place) => tree.has(place))) tree.addLink(join("/usr/bin", applet), "busybox");
  }
  await addKernelModules(tree, root, { wanted: MODULES, leftOut: MODULES_LEFT_OUT }, scratch);
  return tree;
}
