import { expect, test } from "vitest";
import { MemoryStore } from "./memory-store.ts";
import type { DontCareRange, ImageRange, ImageSource } from "./store.ts";
import { type ImagePart, makeImage, readBack, sourceOf } from "./testing/index.ts";

const MIB = 2 ** 20;
const SYSTEM: ImagePart = { kind: "compressible", bytes: 2 * MIB, seed: 11 };
const USER: ImagePart = { kind: "random", bytes: MIB, seed: 13 };

type AnyRange = ImageRange | DontCareRange;

async function* ranges(list: readonly AnyRange[]): AsyncGenerator<AnyRange, void> {
  yield* list;
}

test("keeps apart what nobody needs, and cuts what is left as ever", async () => {
  const store = new MemoryStore();
  const image = makeImage([SYSTEM, { kind: "zero", bytes: MIB }, USER, { kind: "zero", bytes: MIB + 512 }]);
  const free = SYSTEM.bytes + 1000 * 512;
  const source = (list: AnyRange[]): ImageSource => ({ sizeBytes: image.length, data: ranges(list) });
  const end = image.length - MIB - 512;
  const { manifestId, ...result } = await store.importImage(
    source([
      { offset: 0, bytes: image.subarray(0, SYSTEM.bytes) },
      // Rounded inwards to the grid; the second touches the first and joins it; the third is too short.
      { offset: SYSTEM.bytes + 512, dontCareLength: free - SYSTEM.bytes - 512 },
      { offset: free, dontCareLength: SYSTEM.bytes + MIB - free },
      { offset: SYSTEM.bytes + MIB, bytes: image.subarray(SYSTEM.bytes + MIB, end) },
      { offset: end, dontCareLength: 32_768 },
      { offset: end + 32_768, dontCareLength: image.length - end - 32_768 },
    ]),
  );
  const { extents } = await store.readManifest(manifestId);
  expect(extents.filter(({ kind }) => kind !== "chunk")).toEqual([
    { kind: "zero", offset: SYSTEM.bytes, length: 4096 },
    { kind: "dontCare", offset: SYSTEM.bytes + 4096, length: MIB - 4096 },
    { kind: "zero", offset: end, length: 32_768 },
    { kind: "dontCare", offset: end + 32_768, length: image.length - end - 32_768 },
  ]);
  expect(result).toMatchObject({ zeroBytes: 36_864, dontCareBytes: 2 * MIB + 512 - 36_864 });
  expect(Buffer.compare(await readBack(store, manifestId), image)).toBe(0);
  const plain = await store.importImage(sourceOf(image));
  expect([plain.manifestId === manifestId, plain.newChunkCount]).toEqual([false, 0]);
});

test("refuses don't-care ranges out of order and outside of the image", async () => {
  const store = new MemoryStore();
  for (const list of [
    [
      { offset: 4096, dontCareLength: MIB },
      { offset: 8192, bytes: new Uint8Array(512) },
    ],
    [
      { offset: 8192, bytes: new Uint8Array(512) },
      { offset: 0, dontCareLength: 4096 },
    ],
    [{ offset: 0, dontCareLength: 5 * MIB }],
  ]) {
    const importing = store.importImage({ sizeBytes: 4 * MIB, data: ranges(list) });
    await expect(importing).rejects.toMatchObject({ code: "invalid-source" });
  }
});
