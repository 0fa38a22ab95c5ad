/**
 * A stream of numbers in [0, 1) that depends on the seed alone (mulberry32), so that a test which prints its
 * seed can be run again exactly. Not for secrets.
 */
export type SeededRandom = () => number;

/** Makes the stream of `seed` (taken modulo 2^32). Two streams of one seed are equal on every machine. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
