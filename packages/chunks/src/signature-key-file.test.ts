import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { parseDigest } from "./digest.ts";
import { SigningKey } from "./signature-key-file.ts";
import { signManifest, verifyManifest } from "./signature.ts";

const ID = parseDigest("ab".repeat(32));

async function keyPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "ingot-key-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return join(directory, "signing.pem");
}

it("makes a key that only its owner may read, and finds it again", async () => {
  const path = await keyPath();
  const made = await SigningKey.createOrLoad(path);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(path, ".."))).toEqual(["signing.pem"]);
  const loaded = await SigningKey.createOrLoad(path);
  expect(loaded.publicKey).toBe(made.publicKey);
  expect(verifyManifest(ID, signManifest(ID, loaded), made.publicKey)).toBe(true);
});

it("gives all that make a key at the same moment the same one", async () => {
  const path = await keyPath();
  const keys = await Promise.all(Array.from({ length: 8 }, () => SigningKey.createOrLoad(path)));
  expect(new Set(keys.map(({ publicKey }) => publicKey)).size).toBe(1);
  expect(await readdir(join(path, ".."))).toEqual(["signing.pem"]);
});

it.each([0o640, 0o604, 0o620, 0o601])("refuses a key of mode %o", async (mode) => {
  const path = await keyPath();
  await SigningKey.createOrLoad(path);
  await chmod(path, mode);
  await expect(SigningKey.createOrLoad(path)).rejects.toMatchObject({ code: "invalid-key", path });
});

const rsa = (): string => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
};

it.each([
  ["nothing", ""],
  ["text", "no key"],
  ["another kind of key", rsa()],
  ["far too much", "x".repeat(10_000)],
])("refuses a file that holds %s, and leaves it as it is", async (_what, content) => {
  const path = await keyPath();
  await writeFile(path, content, { mode: 0o600 });
  await expect(SigningKey.createOrLoad(path)).rejects.toMatchObject({ code: "invalid-key", path });
  expect(await readFile(path, "utf8")).toBe(content);
});

it("says where it could not make one", async () => {
  const path = join(await keyPath(), "no", "directory");
  await expect(SigningKey.createOrLoad(path)).rejects.toMatchObject({ code: "io", path });
});
