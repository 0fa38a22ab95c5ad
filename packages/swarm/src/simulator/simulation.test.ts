import { seededRandom } from "@ingot/testkit/link";
import { describe, expect, test } from "vitest";
import { distributionBound } from "../bound.ts";
import { type SimulatedMachine, Simulation, type SimulationOptions } from "./simulation.ts";

const RATE = 125e6;
const PIECE_BYTES = 4 * 1_048_576;

function room(count: number, facts: (index: number) => Partial<SimulatedMachine> = () => ({})): SimulatedMachine[] {
  const seed = { site: "school", isSeed: true, upload: RATE, download: RATE };
  const machine = { site: "school", upload: RATE, download: RATE };
  return [seed, ...Array.from({ length: count }, (_unused, index) => ({ ...machine, ...facts(index) }))];
}

function run(machines: readonly SimulatedMachine[], pieceCount: number, options: Partial<SimulationOptions> = {}) {
  const common = { pieceBytes: PIECE_BYTES, latency: 0.0003, deathNoticedAfter: 1, random: seededRandom(7) };
  const result = Simulation.run({ machines, pieceCount, ...common, ...options });
  const receivers = machines.filter(({ isSeed }) => isSeed !== true);
  const bound = distributionBound({ imageBytes: pieceCount * PIECE_BYTES, seedUpload: RATE, receivers });
  return { ...result, overBound: (result.completed.at(-1) ?? Infinity) / bound };
}

describe("simulated", () => {
  test("a room of 48 is complete soon after the bound, and nearly nothing is sent twice", () => {
    const { completed, overBound, transfers } = run(room(48), 400);
    expect(completed).toHaveLength(48);
    expect(overBound).toBeLessThan(1.1);
    expect(transfers).toBeLessThan(48 * 400 * 1.01);
  });

  test("deaths that are noticed late cost the others little", () => {
    const seconds = (300 * PIECE_BYTES) / RATE;
    const machines = room(50, (index) => (index % 10 === 0 ? { diesAt: (index / 50) * seconds } : {}));
    const { incomplete, overBound } = run(machines, 300, { deathNoticedAfter: 8 });
    expect(incomplete).toBe(0);
    expect(overBound).toBeLessThan(1.12);
  });

  test("a tenth of the machines dies on the way: the others are complete", () => {
    const machines = room(60, (index) => (index % 10 === 0 ? { diesAt: (index / 60) * 3 } : {}));
    const { completed, incomplete } = run(machines, 100);
    expect([completed.length, incomplete]).toEqual([54, 0]);
  });

  test("the only seed dies when everything has left it: the others finish without it", () => {
    const [seed, ...receivers] = room(30);
    const machines = [{ ...(seed as SimulatedMachine), diesAt: 4.5 }, ...receivers];
    expect(run(machines, 100).incomplete).toBe(0);
  });

  test("a machine with a slow link does not slow the others", () => {
    const slow = room(24, (index) => (index === 0 ? { upload: RATE / 5, download: RATE / 5 } : {}));
    const last = (times: readonly number[], index: number): number => times.at(index) ?? Infinity;
    const [alone, beside] = [run(room(24), 150), run(slow, 150)];
    expect(last(beside.completed, -2)).toBeLessThan(last(alone.completed, -1) * 1.1);
  });

  test("over slow lines between sites each piece goes little more than once", () => {
    const machines = [
      ...room(20),
      ...Array.from({ length: 40 }, (_unused, index) => ({
        site: `branch ${index % 2}`,
        upload: RATE,
        download: RATE,
      })),
    ];
    const siteRates = new Map(["school", "branch 0", "branch 1"].map((site) => [site, RATE / 10]));
    const { incomplete, crossings } = run(machines, 60, { siteRates });
    expect(incomplete).toBe(0);
    expect(crossings).toBeLessThan(60 * 2 * 2.5);
  });

  test("sites behind lines of a tenth are complete soon after their lines could have brought everything", () => {
    const branch = (index: number): SimulatedMachine => ({ site: `${index % 4}`, upload: RATE, download: RATE });
    const machines = [{ ...branch(0), isSeed: true }, ...Array.from({ length: 40 }, (_unused, index) => branch(index))];
    const siteRates = new Map(["0", "1", "2", "3"].map((site) => [site, RATE / 10]));
    const { incomplete, crossings, overBound } = run(machines, 500, { siteRates, lineLatency: 0.01 });
    expect(incomplete).toBe(0);
    expect(overBound / 10).toBeLessThan(1.07);
    expect(crossings).toBeLessThan(500 * 3 * 1.03);
  });

  test("one seed of chance gives one course of things", () => {
    expect(run(room(20), 50).completed).toEqual(run(room(20), 50).completed);
  });
});
