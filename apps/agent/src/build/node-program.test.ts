import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withoutSymbols } from "./node-program.ts";

test("Node without its symbols is a good deal smaller and runs", () => {
  const directory = mkdtempSync(join(tmpdir(), "ingot-node-"));
  try {
    const whole = readFileSync(process.execPath);
    const stripped = withoutSymbols(whole);
    expect(stripped.length).toBeLessThan(whole.length * 0.85);
    const path = join(directory, "node");
    writeFileSync(path, stripped, { mode: 0o755 });
    const answer = execFileSync(path, ["-p", "process.version"], { encoding: "utf8" });
    expect(answer.trim()).toBe(process.version);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each([
  ["nothing", new Uint8Array()],
  ["a script", Buffer.from(`#!/bin/sh\n${"#".repeat(100)}`)],
  ["32-bit ELF", Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 1]), Buffer.alloc(100)])],
])("%s is refused", (_what, bytes) => {
  expect(() => withoutSymbols(bytes)).toThrow(expect.objectContaining({ code: "surroundings" }));
});
