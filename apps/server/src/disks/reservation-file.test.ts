import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openReservationFile } from "./reservation-file.ts";

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "ingot-reservations-"));
  path = join(directory, "machine-1.reservations");
});

afterEach(() => rm(directory, { recursive: true }));

test("nothing was saved, nothing is there", async () => {
  expect(await openReservationFile(path).load()).toBeUndefined();
});

test("what was saved last comes back, and no other file stays", async () => {
  const store = openReservationFile(path);
  await store.save(Uint8Array.of(1, 2, 3));
  await store.save(Uint8Array.of(4));
  expect(await openReservationFile(path).load()).toEqual(Uint8Array.of(4));
  expect(await readdir(directory)).toEqual(["machine-1.reservations"]);
});

test("a new file that a crash left is not looked at, and the next change overwrites it", async () => {
  const store = openReservationFile(path);
  await store.save(Uint8Array.of(1, 2, 3));
  await writeFile(`${path}.new`, Uint8Array.of(9, 9, 9, 9, 9));
  expect(await store.load()).toEqual(Uint8Array.of(1, 2, 3));
  await store.save(Uint8Array.of(5));
  expect(await readFile(path)).toEqual(Buffer.of(5));
});

test("a file that is no such file is refused and stays", async () => {
  await writeFile(path, "");
  await truncate(path, 1_000_000);
  await expect(openReservationFile(path).load()).rejects.toThrow(/1000000 bytes, at most 65536/);
  expect((await readFile(path)).length).toBe(1_000_000);
});

test("a directory that is gone fails the change", async () => {
  await expect(openReservationFile(join(directory, "none", "x")).save(Uint8Array.of(1))).rejects.toMatchObject({
    code: "ENOENT",
  });
});
