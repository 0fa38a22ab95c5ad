import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { seededRandom } from "@ingot/testkit/link";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Deployment, type DeploymentOptions, type DeploymentProgress } from "../src/deployment.ts";
import { HAVE_COMMIT_MS } from "../src/limits.ts";
import { imageAfter, smallImage } from "./small-image.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "ingot-deployment-"));
  file = path.join(directory, "disk");
});

afterEach(() => {
  fs.rmSync(directory, { recursive: true });
});

const image = smallImage(seededRandom(1), 200);

function open(options: Partial<DeploymentOptions> = {}): Promise<Deployment> {
  const { manifest, manifestId } = image;
  return Deployment.open({ path: file, manifest, manifestId, random: seededRandom(2), ...options });
}

function content(): Buffer {
  return fs.readFileSync(file).subarray(0, image.content.length);
}

test("a file that does not exist is created, filled and finished", async () => {
  await using deployment = await open();
  expect(deployment.stats().missing).toEqual(deployment.stats().total);
  await deployment.fill(image.reader);
  await deployment.finish();
  expect(content().equals(image.content)).toBe(true);
  expect(fs.readdirSync(directory)).toEqual(["disk"]);
});

/** Damages one byte at a place of a chunk, or of any range. */
function flip(offset: number): void {
  const fd = fs.openSync(file, "r+");
  const byte = Buffer.alloc(1);
  fs.readSync(fd, byte, 0, 1, offset);
  fs.writeSync(fd, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, offset);
  fs.closeSync(fd);
}

async function fillAndFinish(deployment: Deployment, from = image): Promise<void> {
  await deployment.fill(from.reader);
  await deployment.finish();
}

test("what was filled before a stop is there after it, and is not fetched again", async () => {
  fs.writeFileSync(file, Buffer.alloc(image.content.length, 0xcc));
  let deployment = await open();
  const some = deployment.missingChunks().filter((chunk) => chunk % 3 === 0);
  for (const chunk of some) {
    const { digest, offsets } = deployment.plan.chunk(chunk);
    const bytes = image.reader.chunks.get(digest) ?? new Uint8Array();
    for (const offset of offsets) fs.writeSync(deployment.fd, bytes, 0, bytes.length, offset);
  }
  deployment.written(some);
  await deployment.close();
  deployment = await open();
  expect(deployment.stats()).toMatchObject({ resumed: { chunks: some.length }, sample: { wrong: 0 } });
  expect(deployment.missingChunks()).not.toEqual(expect.arrayContaining(some));
  for (const chunk of some) expect(deployment.has(chunk)).toBe(true);
  await fillAndFinish(deployment);
  await deployment.close();
  expect(content().equals(image.content)).toBe(true);
});

test("a map that lies is not believed: everything is hashed again", async () => {
  let deployment = await open();
  await deployment.fill(image.reader);
  await deployment.close();
  const chunk = deployment.plan.chunk(7);
  flip(chunk.offsets[0] ?? 0);
  deployment = await open();
  const { sample, inPlace, missing, total } = deployment.stats();
  expect(sample.wrong).toBe(1);
  expect([inPlace.chunks, missing.chunks]).toEqual([total.chunks - 1, 1]);
  await fillAndFinish(deployment);
  await deployment.close();
  expect(content().equals(image.content)).toBe(true);
});

test("an update fetches what is new and moves what has moved", async () => {
  await using first = await open();
  await fillAndFinish(first);
  await first.close();
  const next = imageAfter(seededRandom(9), image);
  const previous = { manifest: image.manifest, manifestId: image.manifestId };
  await using second = await open({ manifest: next.manifest, manifestId: next.manifestId, previous });
  const { moved, missing } = second.stats();
  expect(moved.chunks).toBeGreaterThan(20);
  const known = new Set(image.reader.chunks.keys());
  const fresh = [...next.reader.chunks.keys()].filter((digest) => !known.has(digest));
  // A few sources were overwritten by the map itself.
  expect(missing.chunks).toBeLessThanOrEqual(fresh.length + 2);
  await fillAndFinish(second, next);
  expect(fs.readFileSync(file).subarray(0, next.content.length).equals(next.content)).toBe(true);
});

test("a verification finds a flipped byte and a zero that is none, and the repair makes both right", async () => {
  await using deployment = await open();
  await fillAndFinish(deployment);
  const chunk = deployment.plan.chunk(5);
  const zero = image.manifest.extents.find(({ kind }) => kind === "zero")?.offset ?? 0;
  flip((chunk.offsets[0] ?? 0) + 100);
  flip(zero + 5);
  const report = await deployment.verify();
  expect(report.damaged).toEqual([5]);
  expect(report.places).toEqual([{ chunk: 5, offset: chunk.offsets[0], length: chunk.length, unreadable: false }]);
  expect(report.notZero).toEqual([{ offset: zero, length: 4096 - (zero % 4096) }]);
  expect(deployment.missingChunks()).toEqual([5]);
  await fillAndFinish(deployment);
  expect(await deployment.verify()).toMatchObject({ damaged: [], notZero: [] });
  expect(content().equals(image.content)).toBe(true);
});

test("a verification that is stopped keeps nothing, and the next one finds everything", async () => {
  await using filled = await open();
  await fillAndFinish(filled);
  await filled.close();
  flip(filled.plan.chunk(3).offsets[0] ?? 0);
  flip(filled.plan.chunk(90).offsets[0] ?? 0);
  const abort = new AbortController();
  const seen: DeploymentProgress[] = [];
  const onProgress = (progress: DeploymentProgress): void => {
    seen.push(progress);
    abort.abort(new Error("stopped"));
  };
  await using stopped = await open({ readOnly: true, onProgress });
  await expect(stopped.verify({ signal: abort.signal })).rejects.toThrow("stopped");
  await stopped.close();
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.every(({ step, doneBytes, totalBytes }) => step === "verifying" && doneBytes < totalBytes)).toBe(true);
  await using again = await open({ readOnly: true });
  expect((await again.verify()).damaged).toEqual([3, 90]);
});

test("a read-only deployment changes nothing and knows everything after a verification", async () => {
  await using filled = await open();
  await fillAndFinish(filled);
  await filled.close();
  flip(filled.plan.chunk(3).offsets[0] ?? 0);
  const before = fs.readFileSync(file);
  await using deployment = await open({ readOnly: true });
  expect((await deployment.verify()).damaged).toEqual([3]);
  expect(deployment.missingChunks()).toEqual([3]);
  await deployment.close();
  expect(fs.readFileSync(file).equals(before)).toBe(true);
});

test("don't-care extents keep what they held only when that is allowed", async () => {
  const dontCare = image.manifest.extents.find(({ kind, length }) => kind === "dontCare" && length === 4096);
  for (const leaveDontCare of [true, false]) {
    fs.writeFileSync(file, Buffer.alloc(image.content.length + 65_536, 0xcc));
    await using deployment = await open({ leaveDontCare });
    expect(deployment.stats().map).toBe("onTarget");
    await fillAndFinish(deployment);
    expect(content()[dontCare?.offset ?? 0]).toBe(leaveDontCare ? 0xcc : 0);
  }
});

test("an image without room for the map has it in a file beside the target, which is gone in the end", async () => {
  const full = smallImage(() => 0.5, 30);
  await using deployment = await open({ manifest: full.manifest, manifestId: full.manifestId });
  expect(deployment.stats().map).toBe("beside");
  expect(fs.readdirSync(directory)).toEqual(["disk", "disk.ingot"]);
  await fillAndFinish(deployment, full);
  expect(fs.readdirSync(directory)).toEqual(["disk"]);
});

test("a finish with chunks missing is refused; a target that is too small, a directory, one in use", async () => {
  await using deployment = await open();
  await expect(deployment.finish()).rejects.toMatchObject({ code: "not-complete" });
  await expect(open()).rejects.toMatchObject({ code: "in-use" });
  await expect(open({ path: directory })).rejects.toMatchObject({ code: "not-a-disk" });
  await expect(open({ path: `${directory}/none`, readOnly: true })).rejects.toMatchObject({ code: "not-found" });
});

test("opening can be stopped, and is taken up again", async () => {
  fs.writeFileSync(file, image.content);
  const abort = new AbortController();
  const onProgress = (): void => abort.abort(new Error("stopped"));
  await expect(open({ signal: abort.signal, onProgress })).rejects.toThrow("stopped");
  await using deployment = await open();
  expect(deployment.isComplete).toBe(true);
});

test("an opening that was stopped writes nothing later, when its descriptor may have become another file's", async () => {
  fs.writeFileSync(file, image.content);
  const abort = new AbortController();
  const onProgress = ({ doneBytes, totalBytes }: DeploymentProgress): void => {
    if (doneBytes > totalBytes / 2) abort.abort(new Error("stopped"));
  };
  await expect(open({ signal: abort.signal, onProgress })).rejects.toThrow("stopped");
  const others = Array.from({ length: 10 }, (_unused, i) => fs.openSync(path.join(directory, `other ${i}`), "w+"));
  const { length } = image.content;
  for (const fd of others) fs.ftruncateSync(fd, length);
  await delay(HAVE_COMMIT_MS + 300);
  for (const fd of others) {
    const bytes = Buffer.alloc(length, 1);
    fs.readSync(fd, bytes, 0, length, 0);
    fs.closeSync(fd);
    expect(bytes.equals(Buffer.alloc(length))).toBe(true);
  }
});

test("the repair of a disk in use touches nothing but what is damaged of its chunks", async () => {
  await using filled = await open();
  await fillAndFinish(filled);
  await filled.close();
  const zero = image.manifest.extents.find(({ kind }) => kind === "zero")?.offset ?? 0;
  fs.appendFileSync(file, Buffer.alloc(65_536, 0xaa));
  flip(zero);
  const used = fs.readFileSync(file);
  flip(filled.plan.chunk(4).offsets[0] ?? 0);
  await using deployment = await open({ repairOnly: true });
  expect((await deployment.verify()).damaged).toEqual([4]);
  const { digest, offsets } = deployment.plan.chunk(4);
  const bytes = image.reader.chunks.get(digest) ?? new Uint8Array();
  await deployment.rewrite(offsets.map((offset) => ({ offset, bytes })));
  await deployment.close();
  expect(fs.readFileSync(file).equals(used)).toBe(true);
});
