import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryStore } from "@ingot/chunks";
import { ControlDoor, createIdentity, PieceMap, TrackerService, TransferEngine } from "@ingot/swarm";
import { expect, test } from "vitest";
import { Seeds } from "./seeds.ts";

const MIB = 2 ** 20;

/** Seeds of a server on loopback, over a store with one image. */
async function room() {
  const stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "ingot-seeds-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const store = await DirectoryStore.open(folder);
  stack.defer(() => store.close());
  const content = randomBytes(8 * MIB);
  const data = (async function* () {
    yield { offset: 0, bytes: content };
  })();
  const { manifestId } = await store.importImage({ sizeBytes: content.length, data });
  const identity = createIdentity();
  const [address, port] = ["127.0.0.1", 0];
  const engine = stack.use(
    await TransferEngine.start({ threads: 1, identity, listen: { address, port }, maxUploads: 4, cacheBytes: 0 }),
  );
  const door = await ControlDoor.start({ identity, address, port });
  stack.defer(() => door.close());
  const tracker = new TrackerService({ random: Math.random, now: Date.now, signTicket: () => new Uint8Array(1) });
  const damaged: (readonly string[])[] = [];
  const errors: unknown[] = [];
  const seeds = new Seeds({
    store,
    identity,
    ticketKey: "0".repeat(64),
    tracker,
    engine,
    door,
    address,
    site: "head",
    random: Math.random,
    onDamaged: (_id, chunks) => void damaged.push(chunks),
    onError: (error) => void errors.push(error),
  });
  stack.defer(() => seeds.close());
  await seeds.ensure(manifestId);
  const pieceMap = PieceMap.of(await store.readManifest(manifestId));
  return { stack, store, seeds, tracker, manifestId, pieceMap, damaged, errors };
}

test("a piece that is damaged in the store is told of once and not offered any more; one that is not stays", async () => {
  const { stack, store, seeds, tracker, manifestId, pieceMap, damaged, errors } = await room();
  await using _room = stack;
  const seed = () => tracker.membersOf(manifestId)[0];
  await expect.poll(seed).toMatchObject({ site: "head", isComplete: true });
  await seeds.doubt(manifestId, 0);
  expect(damaged).toEqual([]);

  const digest = pieceMap.digestOf(pieceMap.chunksOf(1).first);
  const { path, offset = 0 } = store.locate(digest) ?? {};
  const pack = readFileSync(path ?? "");
  pack.writeUInt8(pack.readUInt8(offset + 100) ^ 1, offset + 100);
  writeFileSync(path ?? "", pack);
  await Promise.all([seeds.doubt(manifestId, 1), seeds.doubt(manifestId, 1), seeds.doubt(manifestId, 1_000_000)]);
  await seeds.doubt(manifestId, 1);
  expect(damaged).toEqual([[digest]]);
  await expect.poll(seed).toMatchObject({ isComplete: false, heldPieces: pieceMap.pieceCount - 1 });
  expect(errors).toEqual([]);
});
