import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { migrate } from "./migrations.ts";
import { openSqlite } from "./sqlite-file.ts";
import type { Database } from "./tables.ts";

const opened: Database[] = [];

afterEach(async () => {
  for (const db of opened.splice(0)) await db.destroy();
});

async function open(path = ":memory:"): Promise<Database> {
  const db = openSqlite(path);
  opened.push(db);
  await migrate(db);
  return db;
}

test("migrating twice changes nothing", async () => {
  const db = await open();
  await migrate(db);
  expect(await db.selectFrom("machines").selectAll().execute()).toEqual([]);
});

test("transactions that are begun at the same time run one after the other", async () => {
  const db = await open();
  await db.insertInto("settings").values({ key: "n", value: "0" }).execute();
  const increment = (): Promise<void> =>
    db.transaction().execute(async (trx) => {
      const { value } = await trx
        .selectFrom("settings")
        .select("value")
        .where("key", "=", "n")
        .executeTakeFirstOrThrow();
      await trx
        .updateTable("settings")
        .set({ value: String(Number(value) + 1) })
        .where("key", "=", "n")
        .execute();
    });
  await Promise.all(Array.from({ length: 50 }, increment));
  expect(await db.selectFrom("settings").select("value").executeTakeFirst()).toEqual({ value: "50" });
});

test("whoever waits for the connection gets it in the order of coming", async () => {
  const db = await open();
  const order: number[] = [];
  const indexes = Array.from({ length: 200 }, (_value, index) => index);
  await Promise.all(
    indexes.map((index) =>
      db.transaction().execute(async (trx) => {
        await trx.selectFrom("settings").selectAll().execute();
        order.push(index);
      }),
    ),
  );
  expect(order).toEqual(indexes);
});

test("a transaction that throws leaves nothing behind", async () => {
  const db = await open();
  const broken = db.transaction().execute(async (trx) => {
    await trx.insertInto("settings").values({ key: "a", value: "1" }).execute();
    throw new Error("enough");
  });
  await expect(broken).rejects.toThrow("enough");
  expect(await db.selectFrom("settings").selectAll().execute()).toEqual([]);
});

test("RETURNING, upserts and foreign keys work through the adapter", async () => {
  const db = await open();
  const { id } = await db
    .insertInto("events")
    .values({ at: "t", kind: "k", message: "m" })
    .returning("id")
    .executeTakeFirstOrThrow();
  expect(id).toBe(1);
  const upsert = (value: string): Promise<unknown> =>
    db
      .insertInto("settings")
      .values({ key: "a", value })
      .onConflict((conflict) => conflict.column("key").doUpdateSet({ value }))
      .execute();
  await upsert("1");
  await upsert("2");
  expect(await db.selectFrom("settings").select("value").execute()).toEqual([{ value: "2" }]);
  await expect(db.insertInto("macs").values({ mac: "m", machine_id: "nobody" }).execute()).rejects.toThrow(
    /FOREIGN KEY/,
  );
});

test("a closed database opens again with what was committed, sizes above 2^32 included", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ingot-control-"));
  try {
    const path = join(directory, "ingot.sqlite");
    const first = await open(path);
    await first
      .insertInto("images")
      .values({ name: "a", created_at: "t", last_version: 2 ** 40 })
      .execute();
    await first.destroy();
    const second = await open(path);
    expect(await second.selectFrom("images").select("last_version").execute()).toEqual([{ last_version: 2 ** 40 }]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
