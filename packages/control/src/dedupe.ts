import type { Digest, Manifest } from "@ingot/chunks";

/** How much content there is, and whose it is alone. */
export interface SharedContent {
  /** Plain content of all chunks, each counted once, in bytes. */
  readonly chunkBytes: number;
  /** By manifest: content that no other manifest has, in bytes. */
  readonly uniqueBytes: ReadonlyMap<Digest, number>;
}

const sharedByMany = -1;

/**
 * Counts over manifests, one in memory at a time. Chunks are told apart by 52 bits of their digest: with 10 million chunks
 * the odds of counting one of them wrongly are about one in a hundred, and nothing but a figure on a page depends on it.
 */
export async function countSharedContent(
  ids: Iterable<Digest>,
  readManifest: (id: Digest) => Promise<Manifest>,
): Promise<SharedContent> {
  const order = [...new Set(ids)];
  const ownerOf = new Map<number, number>();
  const uniqueBytes = order.map(() => 0);
  let chunkBytes = 0;
  for (const [owner, id] of order.entries()) {
    for (const extent of (await readManifest(id)).extents) {
      if (extent.kind !== "chunk") continue;
      const key = Number.parseInt(extent.digest.slice(0, 13), 16);
      const before = ownerOf.get(key);
      if (before === undefined) {
        ownerOf.set(key, owner);
        uniqueBytes[owner] = (uniqueBytes[owner] ?? 0) + extent.length;
        chunkBytes += extent.length;
      } else if (before !== owner && before !== sharedByMany) {
        ownerOf.set(key, sharedByMany);
        uniqueBytes[before] = (uniqueBytes[before] ?? 0) - extent.length;
      }
    }
  }
  return { chunkBytes, uniqueBytes: new Map(order.map((id, owner) => [id, uniqueBytes[owner] ?? 0])) };
}
