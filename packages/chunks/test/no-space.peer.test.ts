import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DirectoryStore } from "../src/index.ts";
import { makeImage, sourceOf } from "../src/testing/index.ts";

const MIB = 2 ** 20;
const isRoot = process.getuid?.() === 0;
if (!isRoot && process.env["CI"] !== undefined) throw new Error("mounting a small tmpfs takes root");

it.skipIf(!isRoot)("is as before when a real file system was full (skipped without root: mounts a tmpfs)", async () => {
  const directory = await mkdtemp(join(tmpdir(), "ingot-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", directory]);
  try {
    await using store = await DirectoryStore.open(join(directory, "store"));
    const small = await store.importImage(sourceOf(makeImage([{ kind: "random", bytes: 5 * MIB, seed: 1 }])));
    const before = (await readdir(directory, { recursive: true })).filter((path) => path.includes(".")).sort();
    const big = makeImage([{ kind: "random", bytes: 24 * MIB, seed: 2 }]);
    await expect(store.importImage(sourceOf(big))).rejects.toMatchObject({ code: "no-space" });
    const after = (await readdir(directory, { recursive: true })).filter((path) => path.includes(".")).sort();
    expect(after).toEqual(before);
    expect(await store.verify()).toMatchObject({ ok: true });
    const other = await store.importImage(sourceOf(makeImage([{ kind: "random", bytes: 5 * MIB, seed: 3 }])));
    expect(await store.listManifests()).toEqual([small.manifestId, other.manifestId].sort());
  } finally {
    execFileSync("umount", [directory]);
    await rm(directory, { recursive: true });
  }
});
