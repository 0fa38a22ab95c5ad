import { describe, expect, it } from "vitest";
import { Disks, makeImage } from "../../test/transfer-image.ts";
import { createIdentity } from "../identity/identity.ts";
import { TransferEngine } from "./engine-worker.ts";
import type { TransferEngineOptions } from "./transfer.ts";

async function startEngine(options: Partial<TransferEngineOptions> = {}) {
  const identity = options.identity ?? createIdentity();
  const engine = await TransferEngine.start({
    threads: 1,
    identity,
    listen: { address: "127.0.0.1", port: 0 },
    maxUploads: 8,
    cacheBytes: 4 * 1024 * 1024,
    ...options,
  });
  const door = { host: "127.0.0.1", port: engine.port, fingerprint: identity.fingerprint };
  return { engine, identity, door };
}

describe("a transfer engine", () => {
  it("fetches all pieces of an image from another one", async () => {
    using disks = new Disks();
    const image = makeImage(40, 512 * 1024);
    await using seed = (await startEngine({ threads: 2 })).engine;
    console.log(seed.port, image.pieceMap.pieceCount, disks.directory);
  });
});
