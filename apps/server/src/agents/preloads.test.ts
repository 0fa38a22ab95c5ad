import type { SeedOrder, SeedPart } from "@ingot/api";
import type { Preload } from "@ingot/control";
import { piecesOfPart } from "@ingot/swarm";
import { expect, test } from "vitest";
import { Preloads } from "./preloads.ts";

const MANIFEST = "ab".repeat(32);
const PIECES = 100;
const GIB = 2 ** 30;
const EIGHT = "abcdefgh".split("");

/** Preloads with jobs, seeds and a clock that the test moves. */
function room(share = 20) {
  const clock = { now: 0 };
  const jobs = [{ jobId: 7, image: { name: "debian", version: 3, manifestId: MANIFEST }, percent: share, waits: true }];
  const told: string[] = [];
  const scores = new Map<string, number>();
  const preloads = new Preloads({
    now: () => clock.now,
    jobs: {
      get preloads(): readonly Preload[] {
        return jobs;
      },
      sitesOf: async () => new Set(["berlin"]),
      hold: async (_job, reason) => void told.push(`waits: ${reason}`),
      letBegin: async (id, how) => {
        told.push(`begins: ${how}`);
        jobs.forEach((job) => Object.assign(job, { waits: job.jobId === id ? false : job.waits }));
      },
    },
    sizeOf: async () => ({ pieceCount: PIECES, plainBytes: GIB }),
    scoreOf: (fingerprint) => scores.get(fingerprint),
    site: "head",
    onError: (error) => {
      throw error;
    },
  });
  const held = new Map<string, number>();
  const say = (fingerprint: string, facts: { site?: string; freeBytes?: number } = {}): readonly SeedOrder[] => {
    const { site = "berlin", freeBytes = GIB } = facts;
    const pieces = held.get(fingerprint);
    const said = { freeBytes, held: pieces === undefined ? [] : [{ manifestId: MANIFEST, pieces }] };
    return preloads.heartbeat({ fingerprint, site }, said).orders;
  };
  const partOf = (name: string): SeedPart | undefined => say(name)[0]?.part;
  const piecesOf = (name: string): number[] => {
    const part = partOf(name);
    const set = part === undefined ? undefined : piecesOfPart(part, PIECES);
    return [...Array(PIECES).keys()].filter((piece) => set?.has(piece));
  };
  /** Time passes, in which these say that they are there. */
  const pass = async (ms: number, ...alive: string[]): Promise<void> => {
    for (const end = clock.now + ms; clock.now < end; clock.now += 1000) {
      for (const name of alive) say(name);
      await preloads.tick();
    }
  };
  return { preloads, clock, jobs, told, scores, held, say, piecesOf, pass };
}

test("seeds get parts of the first 20 % that have nothing in common, and the job begins when all are there", async () => {
  const { told, held, piecesOf, pass } = room();
  await pass(1000, "a", "b", "c");
  expect(told).toEqual(["waits: the first 20 % of the image goes to 3 seeds before it begins"]);
  const parts = ["a", "b", "c"].map(piecesOf);
  expect(parts.map((part) => part.length)).toEqual([7, 7, 6]);
  expect(parts.flat().toSorted((a, b) => a - b)).toEqual([...Array(20).keys()]);
  for (const name of ["a", "b"]) held.set(name, 7);
  await pass(5000, "a", "b", "c");
  expect(told).toHaveLength(1);
  held.set("c", 6);
  await pass(1000, "a", "b", "c");
  expect(told.at(-1)).toBe("begins: 3 seeds hold, each another part, the first 20 % of the image: 20 pieces");
});

test("a seed that dies is replaced by one that was not needed before, within half a minute", async () => {
  const { told, say, piecesOf, pass } = room();
  for (const name of EIGHT) say(name);
  say("spare", { freeBytes: GIB / 2 });
  await pass(1000);
  expect(piecesOf("spare")).toEqual([]);
  const lost = piecesOf("a");
  await pass(30_000, ...EIGHT.slice(1), "spare");
  expect(piecesOf("spare")).toEqual(lost);
  expect(told.filter((line) => line.startsWith("begins"))).toEqual([]);
});

test("without another the survivors take over what it had", async () => {
  const { piecesOf, pass } = room();
  await pass(1000, "a", "b");
  const both = [...piecesOf("a"), ...piecesOf("b")].toSorted((a, b) => a - b);
  await pass(30_000, "b");
  expect(piecesOf("b")).toEqual(both);
});

test("seeds without room are not asked; of the others those where the machines are come first, and the quick ones", async () => {
  const { say, scores, piecesOf, pass } = room();
  for (const name of EIGHT) say(name);
  for (const name of ["slow", "far", "full"]) scores.set(name, 1);
  say("slow");
  say("far", { site: "rome" });
  say("full", { freeBytes: 0.19 * GIB });
  await pass(1000);
  for (const name of ["slow", "far", "full"]) expect(piecesOf(name)).toEqual([]);
});

test("a job whose image nobody holds begins without, once those that were there before the server could have come back", async () => {
  const { told, pass } = room();
  await pass(5000);
  expect(told).toEqual([]);
  await pass(10_000);
  expect(told).toEqual(["begins: no machine lends itself as a seed (ingot agent seed); it begins without"]);
});

test("where nothing comes for a minute, a job begins with what is there", async () => {
  const { told, held, pass } = room();
  held.set("a", 5);
  await pass(90_000, "a");
  expect(told.at(-1)).toBe("begins: its seeds have 5 of 20 pieces and get no more; it begins with these");
});

test("a part is given up when no job wants it any more; two jobs of one image share the larger one", async () => {
  const { preloads, jobs, piecesOf, pass } = room();
  const [first] = jobs;
  if (first !== undefined) jobs.push({ ...first, jobId: 8, percent: 50 });
  await pass(2000, "a");
  expect(piecesOf("a")).toHaveLength(50);
  expect(preloads.partsOf(MANIFEST)).toEqual(new Map([["a", 50]]));
  jobs.length = 0;
  await pass(1000, "a");
  expect(piecesOf("a")).toEqual([]);
});
