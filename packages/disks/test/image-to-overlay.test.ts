import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { DirectoryStore } from "@ingot/chunks";
import { seededRandom } from "@ingot/testkit/link";
import { expect, test } from "vitest";

import { OsVolume } from "../src/os-volume-file.ts";
import { Overlay } from "../src/overlay.ts";
import { openRawImage } from "../src/raw-image-file.ts";
import { Replica } from "../src/replica.ts";

const MIB = 1024 * 1024;

test("a raw file, imported, read through an overlay over a replica, is the same file", async () => {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), "ingot-image-"));
  try {
    const random = seededRandom(1);
    const content = new Uint8Array(12 * MIB + 512);
    for (let at = 0; at < 7 * MIB; at += 4) content[at] = Math.floor(random() * 256);
    content.fill(3, 10 * MIB);
    const file = path.join(directory, "golden.raw");
    await fs.writeFile(file, content);
    const store = await DirectoryStore.open(path.join(directory, "store"));
    await using image = await openRawImage(file);
    const { manifestId } = await store.importImage(image);
    const manifest = await store.readManifest(manifestId);
    const volume = await OsVolume.open(path.join(directory, "replica"));
    const replica = await Replica.open({ volume, manifest, manifestId, reader: store });
    const base = replica;
    const own = await OsVolume.open(path.join(directory, "overlay"));
    const overlay = await Overlay.open({ volume: own, base, baseId: manifestId });
    for (let round = 0; round < 2; round++) {
      const bytes = new Uint8Array(content.length).fill(0xdd);
      await overlay.read(0, bytes);
      expect(Buffer.compare(bytes, content)).toBe(0);
    }
    await overlay.write(MIB + 512, new Uint8Array(512).fill(9));
    await overlay.close();
    expect(await replica.verify()).toEqual([]);
    expect(replica.stats().heldBytes).toBe(replica.stats().dataBytes);
    await replica.close();
    const again = await Replica.open({ volume, manifest, manifestId, reader: store });
    expect(again.stats().heldChunks).toBe(again.stats().chunkCount);
    const bytes = new Uint8Array(content.length);
    await again.read(0, bytes);
    expect(Buffer.compare(bytes, content)).toBe(0);
    await again.close();
    await store.close();
  } finally {
    await fs.rm(directory, { recursive: true });
  }
});
