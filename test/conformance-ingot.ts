import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore } from "@ingot/chunks";
import { OsVolume, Overlay, RawDisk, Replica } from "@ingot/disks";
import { type BlockDevice, TargetServer } from "@ingot/iscsi";
import type { Contestant, DiskNeeds } from "./conformance-run.ts";

/** The disks that a machine of ours may have. */
export const DISK_KINDS = ["thin overlay", "persistent overlay", "raw file"] as const;
/** One of `DISK_KINDS`. */
export type DiskKind = (typeof DISK_KINDS)[number];

/** Large enough for everything that the suite does, small enough to be sanitized often. */
const SIZE_BYTES = 64 * 1_048_576;

/** What a disk of `slowWrites` does in a second. */
const SLOW_BYTES_PER_MS = 7_340;

/** A device with the way to give it up. */
interface OpenDevice {
  readonly device: BlockDevice;
  close(): Promise<void>;
}

/** A disk of one test: open while it has sessions. */
interface TestDisk {
  readonly needs: DiskNeeds;
  open(): Promise<OpenDevice>;
  current: Promise<OpenDevice> | undefined;
  sessions: number;
}

/** Our target on two portals, with disks of one kind over one shared replica of an image, in files. */
export async function startIngot(kind: DiskKind): Promise<Contestant> {
  const directory = await mkdtemp(join(tmpdir(), "ingot-conformance-"));
  const root = await OsVolume.open(directory);
  const { replica, manifestId } = await openReplica(root);
  const disks = new Map<string, TestDisk>();
  const server = await TargetServer.listen({
    portals: [
      { address: "127.0.0.1", port: 0 },
      { address: "127.0.0.1", port: 0 },
    ],
    directory: {
      credentials: async () => undefined,
      resolve: async ({ targetName }) => {
        const disk = disks.get(targetName);
        if (disk === undefined) return { kind: "refused", reason: "notFound" };
        disk.sessions++;
        disk.current ??= disk.open();
        const { device } = await disk.current;
        const { physicalBlockBytes = 4096, readOnly = false } = disk.needs;
        const hasPoweredOn = disk.sessions === 1;
        const closed = (): Promise<void> => release(disk);
        return { kind: "disk", device, id: targetName, physicalBlockBytes, readOnly, hasPoweredOn, closed };
      },
      list: async () => [...disks.keys()].map((targetName) => ({ targetName })),
    },
  });
  return {
    async openDisk(test, needs) {
      const name = test.toLowerCase().replace(".", "-");
      const targetName = `iqn.2026-11.org.ingot:${name}`;
      const volume = await root.subdirectory(name);
      const base = { base: replica, baseId: manifestId };
      if (kind === "persistent overlay") await leaveChanges(await Overlay.open({ volume, ...base }));
      const open = async (): Promise<OpenDevice> => {
        const device = kind === "raw file" ? await openRaw(volume) : await Overlay.open({ volume, ...base });
        return { device: needs.slowWrites === true ? slowed(device) : device, close: () => device.close() };
      };
      disks.set(targetName, { needs, open, current: undefined, sessions: 0 });
      const [first, second] = server.portals.map(({ port }) => `iscsi://127.0.0.1:${port}/${targetName}/0`);
      return [first ?? "", second ?? ""];
    },
    async close() {
      await server.close();
      await replica.close();
      await rm(directory, { recursive: true });
    },
  };

  /** A disk that is kept is closed with its last session and opened again for the next; the others stay as they are for the whole test. */
  async function release(disk: TestDisk): Promise<void> {
    if (--disk.sessions > 0) return;
    const { current } = disk;
    disk.current = undefined;
    await (await current)?.close();
  }
}

/**
 * An image whose chunks are fetched when they are first read: 8 MiB of data, a hole, and a little at the end. The first blocks are zeros:
 * `MultipathIO.CompareAndWrite` zeros blocks 0 to 255 and then expects to find zeros in 256 too.
 */
async function openReplica(root: OsVolume): Promise<{ replica: Replica; manifestId: string }> {
  const store = new MemoryStore();
  const { manifestId } = await store.importImage({
    sizeBytes: SIZE_BYTES,
    data: (async function* () {
      yield { offset: 1_048_576, bytes: pattern(8 * 1_048_576) };
      yield { offset: SIZE_BYTES - 65_536, bytes: pattern(65_536) };
    })(),
  });
  const manifest = await store.readManifest(manifestId);
  const volume = await root.subdirectory("replica");
  return { replica: await Replica.open({ volume, manifest, manifestId, reader: store }), manifestId };
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 12)) & 0xff);
}

/** What an earlier boot has left: blocks written, and blocks given back. */
async function leaveChanges(overlay: Overlay): Promise<void> {
  await overlay.write(0, new Uint8Array(262_144));
  await overlay.write(2 * 1_048_576, pattern(1_048_576));
  await overlay.discard(4 * 1_048_576, 1_048_576);
  await overlay.write(SIZE_BYTES - 4096, pattern(4096));
  await overlay.close();
}

async function openRaw(volume: OsVolume): Promise<RawDisk> {
  const names = await volume.list();
  const file = await volume.open("disk.raw", names.includes("disk.raw") ? "existing" : "create");
  await file.truncate(SIZE_BYTES);
  return RawDisk.open(file);
}

function slowed(device: BlockDevice): BlockDevice {
  return {
    sizeBytes: device.sizeBytes,
    read: (offset, into) => device.read(offset, into),
    async write(offset, bytes) {
      await new Promise((resolve) => setTimeout(resolve, bytes.length / SLOW_BYTES_PER_MS));
      await device.write(offset, bytes);
    },
    flush: () => device.flush(),
    discard: (offset, length) => device.discard(offset, length),
    ...(device.isAllocated === undefined ? {} : { isAllocated: device.isAllocated.bind(device) }),
  };
}
