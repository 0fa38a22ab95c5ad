import { expect, it, onTestFinished } from "vitest";
import { sha256 } from "./digest.ts";
import { CodecPool } from "./pool-worker.ts";
import { randomBytes } from "./testing/images.ts";

function openPool(threads: number): CodecPool {
  const pool = new CodecPool(threads);
  onTestFinished(() => pool.close());
  return pool;
}

it("answers every task, more of them than there are threads", async () => {
  const pool = openPool(2);
  const chunks = Array.from({ length: 20 }, (_, seed) => randomBytes(4096, seed));
  const expected = chunks.map(sha256);
  const answers = await Promise.all(chunks.map((bytes, i) => pool.run({ kind: "hash", bytes }, i % 3 === 0)));
  expect(answers.map(({ digest }) => digest)).toEqual(expected);
  expect(answers.every(({ bytes }) => bytes.length === 4096)).toBe(true);
});

it("moves whole buffers, and leaves a view's buffer where it is", async () => {
  const pool = openPool(1);
  const whole = randomBytes(4096, 1);
  const view = randomBytes(8192, 2).subarray(4096);
  const expected = sha256(view);
  await pool.run({ kind: "hash", bytes: whole });
  expect(whole.length).toBe(0);
  expect((await pool.run({ kind: "hash", bytes: view })).digest).toBe(expected);
  expect(view.length).toBe(4096);
});

it("reports damage as an answer", async () => {
  const pool = openPool(1);
  const bytes = randomBytes(512, 1);
  const digest = sha256(randomBytes(512, 2));
  const answer = await pool.run({ kind: "open", bytes, codec: 0, plainLength: 512, digest });
  expect(answer).toHaveProperty("damage");
});

it("fails with `closed` what waits when it is closed, and what comes later", async () => {
  const pool = openPool(1);
  const waiting = [1, 2, 3].map((seed) => pool.run({ kind: "hash", bytes: randomBytes(512, seed) }));
  const settled = Promise.allSettled(waiting);
  await pool.close();
  for (const result of await settled) expect(result).toMatchObject({ status: "rejected", reason: { code: "closed" } });
  await expect(pool.run({ kind: "hash", bytes: randomBytes(512, 1) })).rejects.toMatchObject({ code: "closed" });
  await pool.close();
});
