import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

import { seededRandom } from "@ingot/testkit/link";
import { expect, onTestFinished, test } from "vitest";

import { smallImage } from "./small-image.ts";

const CHILD = path.join(import.meta.dirname, "deploy-kill-child-file.ts");

/** Starts a filler and kills it after so many lines; returns the lines. */
async function fillAndKill(file: string, lineCount: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, file, "1"], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(child, "close");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === lineCount) child.kill("SIGKILL");
  }
  await ended;
  return lines;
}

test("a process that fills a disk is killed again and again: what it had flushed is there, and the disk gets full", async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "ingot-deploy-kill-"));
  onTestFinished(() => fs.rmSync(directory, { recursive: true }));
  const file = path.join(directory, "disk");
  const image = smallImage(seededRandom(1), 400);
  fs.writeFileSync(file, Buffer.alloc(image.content.length, 0xcc));
  let held = 0;
  let rounds = 0;
  for (let isFinished = false; !isFinished; rounds++) {
    const lines = await fillAndKill(file, 3 + (rounds % 4) * 4);
    const resumed = Number(/^resumed (\d+)$/u.exec(lines[0] ?? "")?.[1]);
    expect(resumed).toBeGreaterThanOrEqual(held);
    for (const line of lines) held = Math.max(held, Number(/^held (\d+)$/u.exec(line)?.[1] ?? 0));
    isFinished = lines.includes("finished");
  }
  expect(rounds).toBeGreaterThan(3);
  expect(fs.readFileSync(file).equals(image.content)).toBe(true);
}, 120_000);
