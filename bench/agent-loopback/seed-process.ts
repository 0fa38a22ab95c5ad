/** A seed in a process of its own: gives one image out of a store, or from a disk, to one receiver. Started by bench/agent-loopback.ts. */
import { closeSync, openSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { DirectoryStore, parseDigest } from "@ingot/chunks";
import { PieceMap, TransferEngine, createIdentity } from "@ingot/swarm";

enableCompileCache();
const [storeDirectory = "", id = "", disk = "", threads = "1", allowed = ""] = process.argv.slice(2);
const manifestId = parseDigest(id);
const store = await DirectoryStore.open(storeDirectory);
const pieceMap = PieceMap.of(await store.readManifest(manifestId));
const identity = createIdentity();
const engine = await TransferEngine.start({
  threads: Number(threads),
  identity,
  listen: { address: "127.0.0.1", port: 0 },
  maxUploads: 64,
  cacheBytes: 64 * 1024 * 1024,
});
engine.allow(allowed, manifestId);
const fd = disk === "" ? undefined : openSync(disk, "r");
await engine.open({
  manifestId,
  pieceMap,
  source:
    fd === undefined
      ? { kind: "store", locate: (digest) => store.locate(digest) }
      : { kind: "disk", fd, offset: 0, held: "all" },
});
process.on("message", () => {
  process.send?.(process.cpuUsage());
});
process.on("disconnect", () => {
  void engine.close().then(() => (fd === undefined ? undefined : closeSync(fd)));
  void store.close();
});
process.send?.({ port: engine.port, fingerprint: identity.fingerprint });
