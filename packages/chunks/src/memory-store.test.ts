import { MemoryStore } from "./memory-store.ts";
import { describeStore } from "./testing/index.ts";

describeStore("MemoryStore", async () => {
  const store = new MemoryStore();
  return {
    store,
    damageChunk: async (digest) => store.damageChunk(digest),
    loseChunk: async (digest) => store.loseChunk(digest),
    close: async () => undefined,
  };
});
