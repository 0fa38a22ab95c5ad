import { type Metric, one, type Sample } from "./metric.ts";
import type { ReplicaFacts, ServerFacts } from "./server-facts.ts";

const byImage =
  (read: (replica: ReplicaFacts) => number) =>
  ({ replicas, imageNames }: ServerFacts): readonly Sample[] =>
    replicas.map((replica) => ({
      labels: { image: imageNames.get(replica.manifestId) ?? replica.manifestId.slice(0, 12) },
      value: read(replica),
    }));

/** What is counted of disks, of the replicas under them, and of the images. */
export const DISK_METRICS: readonly Metric<ServerFacts>[] = [
  {
    name: "ingot_disks",
    type: "gauge",
    help: "Machines' disks: overlays with a version under them.",
    read: ({ status }) => one(status.counts.disks),
  },
  {
    name: "ingot_overlay_bytes",
    type: "gauge",
    help: "What all overlays take: the blocks that machines changed.",
    read: ({ status }) => one(status.store.overlayBytes),
  },
  {
    name: "ingot_replica_chunks",
    type: "gauge",
    help: "Chunks of the versions whose replica is open.",
    labels: ["image"],
    read: byImage(({ chunkCount }) => chunkCount),
  },
  {
    name: "ingot_replica_held_chunks",
    type: "gauge",
    help: "Those of them that the replica holds, verified.",
    labels: ["image"],
    read: byImage(({ heldChunks }) => heldChunks),
  },
  {
    name: "ingot_replica_bytes",
    type: "gauge",
    help: "Bytes of the chunks of the versions whose replica is open.",
    labels: ["image"],
    read: byImage(({ dataBytes }) => dataBytes),
  },
  {
    name: "ingot_replica_held_bytes",
    type: "gauge",
    help: "Bytes of the chunks that the replica holds.",
    labels: ["image"],
    read: byImage(({ heldBytes }) => heldBytes),
  },
  {
    name: "ingot_replica_fetched_chunks_total",
    type: "counter",
    help: "Chunks that were fetched from the store since the replica was opened.",
    labels: ["image"],
    read: byImage(({ fetchedChunks }) => fetchedChunks),
  },
  {
    name: "ingot_images",
    type: "gauge",
    help: "Images in the library.",
    read: ({ status }) => one(status.counts.images),
  },
  {
    name: "ingot_image_versions",
    type: "gauge",
    help: "Versions of all images.",
    read: ({ status }) => one(status.counts.imageVersions),
  },
  {
    name: "ingot_image_bytes",
    type: "gauge",
    help: "Data of all versions, as if nothing were shared.",
    read: ({ status }) => one(status.store.imageBytes),
  },
  {
    name: "ingot_store_chunks",
    type: "gauge",
    help: "Chunks in the chunk store.",
    read: ({ status }) => one(status.store.chunkCount),
  },
  {
    name: "ingot_store_chunk_bytes",
    type: "gauge",
    help: "Plain content of all chunks, each counted once; ingot_image_bytes over this is the gain by sharing.",
    read: ({ status }) => one(status.store.chunkBytes),
  },
  {
    name: "ingot_store_pack_bytes",
    type: "gauge",
    help: "What the packs of the chunk store take on the disk.",
    read: ({ status }) => one(status.store.packBytes),
  },
  {
    name: "ingot_store_free_bytes",
    type: "gauge",
    help: "Free room where the data directory is.",
    read: ({ status }) => one(status.store.freeBytes),
  },
];
