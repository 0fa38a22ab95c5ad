import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join, relative } from "node:path";
import { AgentError } from "../errors.ts";
import type { FileTree } from "./file-tree.ts";

interface PackageManifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Tests, and what only compilers and people read. */
const OF_OURS_LEFT_OUT = /(\.test\.ts|\/__snapshots__\/.*|\/src\/(testing|simulator)\/.*|\.md)$/;
const OF_OTHERS_LEFT_OUT = /(\.d\.[cm]?ts|\.map|\.md|\.cts|\.mts|\.flow)$|^\/(src|test|tests|docs|examples)\//;

/**
 * Adds a package and all that it depends on at run time, from the checkout at `checkout` to `into`, in the layout of the checkout.
 * Our own files lose their types here and keep their names, so that the machine does not have to begin with
 * parsing TypeScript; `files/plain-typescript.mjs` tells its Node so.
 */
export function addSourceTrees(tree: FileTree, checkout: string, start: string, into: string): void {
  const done = new Set<string>();
  const addPackage = (directory: string): void => {
    if (done.has(directory)) return;
    done.add(directory);
    const place = placeOf(directory);
    const isOurs = !place.split("/").includes("node_modules");
    for (const path of filesBelow(directory)) {
      const inside = path.slice(directory.length);
      const wanted = isOurs ? /^\/(package\.json|src\/)/.test(inside) : true;
      if (wanted && !(isOurs ? OF_OURS_LEFT_OUT : OF_OTHERS_LEFT_OUT).test(inside)) {
        if (isOurs && path.endsWith(".ts")) tree.addFile(join(place, inside), withoutTypes(path));
        else tree.copyFile(join(place, inside), path);
      }
    }
    const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as PackageManifest;
    for (const name of Object.keys(manifest.dependencies ?? {})) addDependency(directory, name);
  };
  const addDependency = (from: string, name: string): void => {
    const found = findDependency(from, name, checkout);
    const real = realpathSync(found);
    if (real !== found) tree.addLink(placeOf(found), relative(dirname(placeOf(found)), placeOf(real)));
    addPackage(real);
  };
  const placeOf = (path: string): string => join(into, relative(checkout, path));
  addPackage(start);
  tree.addFile(join(into, "package.json"), '{ "private": true, "type": "module" }\n');
}

/** What stands in place of types are spaces: lines and columns in a stack stay true. */
function withoutTypes(path: string): string {
  return stripTypeScriptTypes(readFileSync(path, "utf8"), { mode: "strip" });
}

/** Where Node finds a package's dependency: in `node_modules` of its folder or of one above it. Links are not followed. */
function findDependency(from: string, name: string, checkout: string): string {
  for (let folder = from; folder.startsWith(checkout); folder = dirname(folder)) {
    const path = join(folder, "node_modules", name);
    if (existsSync(path)) return path;
  }
  throw new AgentError("surroundings", `${from} needs the package ${name}, which is not installed`);
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory)
    .toSorted()
    .filter((name) => name !== "node_modules")
    .map((name) => join(directory, name))
    .flatMap((path) => {
      const facts = lstatSync(path);
      return facts.isDirectory() ? filesBelow(path) : facts.isFile() ? [path] : [];
    });
}
