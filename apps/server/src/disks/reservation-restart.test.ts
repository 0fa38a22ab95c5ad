import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TargetServer } from "@ingot/iscsi";
import { expect, test } from "vitest";
import { SmallInitiator } from "../../test/small-initiator.ts";
import { openReservationFile } from "./reservation-file.ts";

const TARGET = "iqn.2026-11.org.ingot:disk";
const NODE_1 = "iqn.1991-05.com.microsoft:node1";
const NODE_2 = "iqn.1991-05.com.microsoft:node2";

/** PERSISTENT RESERVE OUT of a node whose key is 7. */
function reserveOut(serviceAction: number, type: number, key: number, serviceKey: number): [number[], Uint8Array] {
  const list = new Uint8Array(24);
  list[7] = key;
  list[15] = serviceKey;
  list[20] = 0x01; // APTPL
  return [[0x5f, serviceAction, type, 0, 0, 0, 0, 0, 24, 0], list];
}

/** A target as after a start of the server: nothing in memory. */
function start(path: string): Promise<TargetServer> {
  const bytes = new Uint8Array(65_536);
  return TargetServer.listen({
    address: "127.0.0.1",
    port: 0,
    directory: {
      credentials: async () => undefined,
      resolve: async () => ({
        kind: "disk",
        id: "disk",
        reservations: openReservationFile(path),
        device: {
          sizeBytes: bytes.length,
          read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
          write: (offset, from) => bytes.set(from, offset),
          flush: async () => undefined,
          discard: (offset, length) => void bytes.fill(0, offset, offset + length),
        },
      }),
      list: async () => [],
    },
  });
}

test("a reservation holds over a restart; a torn file lets nobody in and stays as it is", async () => {
  const directory = await mkdtemp(join(tmpdir(), "ingot-reservations-"));
  const path = join(directory, "reservations");
  let server = await start(path);
  try {
    const owner = await SmallInitiator.login(server.address.port, TARGET, NODE_1);
    await owner.send(...reserveOut(6, 0, 0, 7));
    await owner.send(...reserveOut(1, 1, 7, 0));
    const stored = await readFile(path);
    await server.close();

    server = await start(path);
    const other = await SmallInitiator.login(server.address.port, TARGET, NODE_2);
    await expect(other.write(0, new Uint8Array(512))).rejects.toThrow("status 24");
    const again = await SmallInitiator.login(server.address.port, TARGET, NODE_1);
    await again.write(0, new Uint8Array(512));
    await server.close();

    for (const torn of [stored.subarray(0, 40), Buffer.alloc(stored.length), Buffer.alloc(0)]) {
      await writeFile(path, torn);
      server = await start(path);
      for (const name of [NODE_1, NODE_2]) {
        await expect(SmallInitiator.login(server.address.port, TARGET, name)).rejects.toThrow("0300");
      }
      expect(await readFile(path)).toEqual(torn);
      await server.close();
    }
  } finally {
    await server.close();
    await rm(directory, { recursive: true });
  }
});
