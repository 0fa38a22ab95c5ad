import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ip } from "../test/messages.ts";
import { LeaseFile } from "./lease-file.ts";
import type { Lease, LeaseStore } from "./lease.ts";
import { MemoryLeaseStore } from "./memory-lease-store.ts";

function lease(client: string, address: string, expiresAtMs = 1): Lease {
  return { client, address: ip(address), expiresAtMs, hostName: undefined };
}

const stores: readonly (readonly [string, () => Promise<LeaseStore>])[] = [
  ["MemoryLeaseStore", () => Promise.resolve(new MemoryLeaseStore())],
  ["LeaseFile", openLeaseFile],
];

async function openLeaseFile(): Promise<LeaseStore> {
  const directory = await mkdtemp(join(tmpdir(), "ingot-leases-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return LeaseFile.open(join(directory, "leases"));
}

describe.each(stores)("%s keeps the contract of LeaseStore", (_name, open) => {
  test("it begins empty", async () => {
    expect(await (await open()).load()).toEqual([]);
  });

  test("a lease replaces the client's former one", async () => {
    const store = await open();
    await store.save(lease("a", "10.0.0.1"));
    await store.save(lease("a", "10.0.0.2", 7));
    expect(await store.load()).toEqual([lease("a", "10.0.0.2", 7)]);
  });

  test("a lease replaces the one of another client for the same address", async () => {
    const store = await open();
    await store.save(lease("a", "10.0.0.1"));
    await store.save(lease("b", "10.0.0.1"));
    expect(await store.load()).toEqual([lease("b", "10.0.0.1")]);
  });

  test("the lease changed last comes last", async () => {
    const store = await open();
    for (const client of ["a", "b", "a"]) await store.save(lease(client, client === "a" ? "10.0.0.1" : "10.0.0.2"));
    expect((await store.load()).map(({ client }) => client)).toEqual(["b", "a"]);
  });

  test("deleting what is not there is no error", async () => {
    const store = await open();
    await store.save(lease("a", "10.0.0.1"));
    await store.delete("b");
    await store.delete("a");
    await store.delete("a");
    expect(await store.load()).toEqual([]);
  });

  test("many saves at once all take effect, in order", async () => {
    const store = await open();
    await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        store.save(lease(`c${i % 200}`, `10.0.${i % 200 > 99 ? 1 : 0}.${i % 100}`, i)),
      ),
    );
    const leases = await store.load();
    expect(leases.length).toBe(200);
    expect(leases.find(({ client }) => client === "c0")?.expiresAtMs).toBe(200);
  });
});
