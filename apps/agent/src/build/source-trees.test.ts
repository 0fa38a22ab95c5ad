import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FileTree } from "./file-tree.ts";
import { addSourceTrees } from "./source-trees.ts";

const checkout = join(import.meta.dirname, "..", "..", "..", "..");

function agentTree(): FileTree {
  const tree = new FileTree();
  addSourceTrees(tree, checkout, join(checkout, "apps", "agent"), "/ingot");
  return tree;
}

test("the agent comes with what it needs at run time, in the layout of the checkout", () => {
  const tree = agentTree();
  for (const path of ["apps/agent/src/main.ts", "packages/wire/src/index.ts", "packages/swarm/package.json"]) {
    expect(tree.has(`/ingot/${path}`), path).toBe(true);
  }
  expect(tree.has("/ingot/apps/agent/node_modules/commander")).toBe(true);
  const paths = tree.entries().map((entry) => entry.path);
  expect(paths.filter((path) => /\.test\.ts$|\.d\.ts$|vitest|fast-check|testkit|packages\/iscsi/.test(path))).toEqual(
    [],
  );
});

test("links lead to what is in the tree", () => {
  const entries = agentTree().entries();
  const paths = new Set(entries.map((entry) => entry.path));
  for (const entry of entries) {
    if (entry.kind === "link") expect(paths.has(join(entry.path, "..", entry.target)), entry.path).toBe(true);
  }
});

test("our files have no types left, and stay at their lines", () => {
  const source = readFileSync(join(import.meta.dirname, "cpio.ts"), "utf8");
  const packed = agentTree()
    .entries()
    .find((entry) => entry.path === "ingot/apps/agent/src/build/cpio.ts");
  const text = packed?.kind === "file" ? Buffer.from(packed.bytes).toString() : "";
  expect(text).not.toMatch(/readonly |: Uint8Array\[\]/);
  const lineOf = (each: string): number =>
    each.split("\n").findIndex((line) => line.startsWith("export function cpio"));
  expect(lineOf(text)).toBe(lineOf(source));
});
