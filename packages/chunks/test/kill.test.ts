import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, inject, it, onTestFinished } from "vitest";
import { DirectoryStore } from "../src/index.ts";

const PROGRAM = fileURLToPath(new URL("./killed-importer.ts", import.meta.url));
const ROUNDS = inject("isThorough") ? 20 : 5;

/** Runs the importer until it has worked for a while, kills it, and returns what it had said. */
async function runAndKill(directory: string, seed: number, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [PROGRAM, directory, String(seed)], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  const { promise: started, resolve } = Promise.withResolvers<void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    resolve();
  });
  const closed = new Promise<void>((done) => void child.on("close", () => done()));
  await Promise.race([started, closed]);
  await sleep(afterMs);
  child.kill("SIGKILL");
  await closed;
  return said.split("\n").slice(0, -1);
}

it(`keeps what it acknowledged when it is killed, ${ROUNDS} times`, { timeout: 120_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "ingot-kill-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const promised = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const line of await runAndKill(directory, round * 1000, (round * 37) % 150)) {
      if (line.startsWith("+")) promised.add(line.slice(1));
      else promised.delete(line.slice(1));
    }
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    expect(store.problems).toEqual([]);
    expect(await store.verify()).toMatchObject({ ok: true });
    const manifests: readonly string[] = await store.listManifests();
    for (const id of promised) expect(manifests).toContain(id);
  }
  expect(promised.size).toBeGreaterThan(0);
});
