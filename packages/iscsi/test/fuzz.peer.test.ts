import { expect, test } from "vitest";
import { fuzzFrom } from "./fuzz/run.ts";

const RUN_MS = 30_000;

test("odd initiators for half a minute: no rule is broken that they cannot break", async () => {
  const seed = Date.now() >>> 0;
  const endMs = performance.now() + RUN_MS;
  const executions = await fuzzFrom(seed, () => performance.now() > endMs);
  process.stdout.write(`fuzz: ${executions} executions from seed ${seed} on\n`);
  expect(executions).toBeGreaterThan(10);
});
