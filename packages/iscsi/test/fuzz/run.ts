import { fuzzLogin } from "./login-fuzz.ts";
import { Random } from "./random.ts";
import { CountingPool, fuzzSession } from "./session-fuzz.ts";

/** A rule that was broken, with the seed that breaks it again. */
export class Finding extends Error {
  override readonly name = "Finding";

  constructor(seed: number, cause: unknown) {
    super(
      `seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)} (again: node packages/iscsi/test/fuzz.ts --only ${seed})`,
      {
        cause,
      },
    );
  }
}

/** One execution; `pool` may be that of the one before. Throws a `Finding`. */
export async function fuzzOnce(seed: number, pool: CountingPool = new CountingPool()): Promise<void> {
  const random = new Random(seed);
  try {
    const kind = random.below(10);
    if (kind < 2) await fuzzLogin(random);
    else await fuzzSession(random, kind < 7, pool);
  } catch (cause) {
    throw new Finding(seed, cause);
  }
}

/** Executions one after the other from `firstSeed` on, until `isDone` says so. Returns how many there were. */
export async function fuzzFrom(firstSeed: number, isDone: (executions: number) => boolean): Promise<number> {
  const pool = new CountingPool();
  let executions = 0;
  for (; !isDone(executions); executions++) await fuzzOnce((firstSeed + executions) >>> 0, pool);
  return executions;
}
