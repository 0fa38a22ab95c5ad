import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { DirectoryStore, SigningKey, parseDigest, signManifest, verifyManifest } from "../src/index.ts";
import { makeImage, sourceOf } from "../src/testing/index.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl && process.env["CI"] !== undefined) throw new Error("needs openssl");

function openssl(...args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  return { status, output: `${stdout}${stderr}` };
}

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "ingot-signature-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

it.skipIf(!hasOpenssl)(
  "openssl verifies the signature that lies in a store, as the format's page says (skipped without openssl)",
  async () => {
    const directory = await scratch();
    const key = await SigningKey.createOrLoad(join(directory, "key"));
    await using store = await DirectoryStore.open(join(directory, "store"), { threads: 1 });
    const { manifestId } = await store.importImage(sourceOf(makeImage([{ kind: "random", bytes: 65_536 }])));
    await store.writeSignature(manifestId, signManifest(manifestId, key));
    const [publicKey, message] = [join(directory, "public.pem"), join(directory, "message")];
    expect(openssl("pkey", "-in", join(directory, "key"), "-pubout", "-out", publicKey)).toMatchObject({ status: 0 });
    const signature = join(directory, "store", "manifests", `${manifestId}.sig`);
    const verify = () =>
      openssl("pkeyutl", "-verify", "-pubin", "-inkey", publicKey, "-rawin", "-in", message, "-sigfile", signature);
    await writeFile(message, `ingot manifest v1\n${manifestId}`);
    expect(verify()).toMatchObject({ status: 0, output: "Signature Verified Successfully\n" });
    await writeFile(message, `ingot manifest v1\n${"0".repeat(64)}`);
    expect(verify().status).not.toBe(0);
  },
);

it.skipIf(!hasOpenssl)(
  "a key that openssl made signs, and its public half is the one that openssl names (skipped without openssl)",
  async () => {
    const directory = await scratch();
    const path = join(directory, "key");
    expect(openssl("genpkey", "-algorithm", "ed25519", "-out", path)).toMatchObject({ status: 0 });
    const key = await SigningKey.createOrLoad(path);
    const { output } = openssl("pkey", "-in", path, "-noout", "-text_pub");
    const [, hex = ""] = output.split("pub:");
    expect(hex.replaceAll(/[\s:]/g, "")).toBe(key.publicKey);
    const id = parseDigest("ab".repeat(32));
    expect(verifyManifest(id, signManifest(id, key), key.publicKey)).toBe(true);
  },
);
