import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadServerKeys } from "./server-keys.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-keys-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("the keys of the first start are those of every later one", async () => {
  const first = await loadServerKeys(folder);
  const second = await loadServerKeys(folder);
  expect(second.identity.fingerprint).toBe(first.identity.fingerprint);
  expect(second.signing.publicKey).toBe(first.signing.publicKey);
});

test("nobody else may read the secrets, and the pin is the fingerprint", async () => {
  const { identity } = await loadServerKeys(folder);
  for (const name of ["agents.pem", "signing.pem"]) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
  expect(readFileSync(join(folder, "agents.pin"), "utf8")).toBe(`${identity.fingerprint}\n`);
});

test("a file that is no key is refused, and kept", async () => {
  writeFileSync(join(folder, "agents.pem"), "not a key", { mode: 0o600 });
  await expect(loadServerKeys(folder)).rejects.toMatchObject({ code: "data-directory" });
  expect(readFileSync(join(folder, "agents.pem"), "utf8")).toBe("not a key");
});
