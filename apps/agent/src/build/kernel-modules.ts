import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AgentError } from "../errors.ts";
import type { FileTree } from "./file-tree.ts";
import type { UnpackedRoot } from "./unpacked-root.ts";

/** Which modules are taken. */
export interface ModuleChoice {
  /** Folders, or modules without their ending, below `kernel/`. */
  readonly wanted: readonly string[];
  readonly leftOut: RegExp;
}

/** The release of the one kernel in the root: `6.1.0-50-amd64`. Throws `surroundings` where there is none. */
export function kernelRelease(root: UnpackedRoot): string {
  const kernel = root.filesBelow("/boot").find((path) => /\/vmlinuz-/.test(path));
  if (kernel === undefined) throw new AgentError("surroundings", "Debian's packages have no kernel");
  return basename(kernel).slice("vmlinuz-".length);
}

/**
 * Adds the kernel's modules that are chosen and what they depend on, with indexes made for them alone.
 *
 * @param scratch an empty folder for the indexes.
 */
export async function addKernelModules(
  tree: FileTree,
  root: UnpackedRoot,
  choice: ModuleChoice,
  scratch: string,
): Promise<void> {
  const release = kernelRelease(root);
  const folder = `/lib/modules/${release}`;
  const modulesAt = dirname(root.get(`${folder}/modules.order`));
  await root.run("/sbin/depmod", "depmod", ["-b", dirname(dirname(dirname(modulesAt))), release]);
  const read = (name: string): string => readFileSync(join(modulesAt, name), "utf8");
  const chosen = withDependencies(choose(read("modules.dep"), choice), read("modules.dep"), read("modules.softdep"));

  const into = join(scratch, folder);
  for (const path of [...chosen, "modules.builtin", "modules.builtin.modinfo", "modules.order"]) {
    mkdirSync(dirname(join(into, path)), { recursive: true });
    copyFileSync(join(modulesAt, path), join(into, path));
  }
  await root.run("/sbin/depmod", "depmod", ["-b", scratch, release]);
  for (const path of chosen) tree.copyFile(`${folder}/${path}`, join(into, path));
  for (const name of [
    "alias.bin",
    "builtin",
    "builtin.alias.bin",
    "builtin.bin",
    "builtin.modinfo",
    "dep",
    "dep.bin",
  ]) {
    tree.copyFile(`${folder}/modules.${name}`, join(into, `modules.${name}`));
  }
  for (const name of ["devname", "order", "softdep", "symbols.bin"])
    tree.copyFile(`${folder}/modules.${name}`, join(into, `modules.${name}`));
}

/** The modules of `modules.dep` that are chosen, as paths `kernel/…`. */
export function choose(modulesDep: string, { wanted, leftOut }: ModuleChoice): readonly string[] {
  return [...dependenciesOf(modulesDep).keys()].filter((path) => {
    const name = path.replace(/^kernel\//, "").replace(/\.ko(\.\w+)?$/, "");
    return wanted.some((each) => name === each || name.startsWith(`${each}/`)) && !leftOut.test(`/${name}`);
  });
}

/** Modules with all that they depend on, softly too, sorted. */
export function withDependencies(
  modules: readonly string[],
  modulesDep: string,
  modulesSoftdep: string,
): readonly string[] {
  const hard = dependenciesOf(modulesDep);
  const soft = softDependenciesOf(modulesSoftdep);
  const byName = new Map([...hard.keys()].map((path) => [moduleName(path), path]));
  const all = new Set<string>();
  const add = (path: string): void => {
    if (all.has(path)) return;
    all.add(path);
    const softly = (soft.get(moduleName(path)) ?? []).map((name) => byName.get(name));
    for (const next of [...(hard.get(path) ?? []), ...softly]) if (next !== undefined) add(next);
  };
  modules.forEach(add);
  return [...all].toSorted();
}

function dependenciesOf(modulesDep: string): ReadonlyMap<string, readonly string[]> {
  const lines = modulesDep.split("\n").filter((line) => line.includes(":"));
  return new Map(
    lines.map((line) => {
      const [path = "", after = ""] = line.split(":");
      return [path, after.split(" ").filter((each) => each !== "")];
    }),
  );
}

/** Lines `softdep NAME pre: A B post: C`. */
function softDependenciesOf(modulesSoftdep: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [, name = "", list = ""] of modulesSoftdep.matchAll(/^softdep (\S+) (.*)$/gm)) {
    const names = list.split(/\s+/).filter((each) => each !== "" && !each.endsWith(":"));
    found.set(moduleName(name), [...(found.get(moduleName(name)) ?? []), ...names.map(moduleName)]);
  }
  return found;
}

/** The kernel takes `-` and `_` in a module's name for the same. */
function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.\w+)?$/, "")
    .replaceAll("-", "_");
}
