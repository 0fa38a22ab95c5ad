import { expect, test } from "vitest";
import { fuzzFrom } from "../../test/fuzz/run.ts";

test("a hundred odd initiators, always the same ones, break no rule", async () => {
  expect(await fuzzFrom(1, (executions) => executions === 100)).toBe(100);
});
