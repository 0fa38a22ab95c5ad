import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BUNDLE_MAIN, bundleAgent } from "./bundle.ts";

test("a bundle has all that it starts and imports, and nothing that only a checkout has", async () => {
  const files = await bundleAgent();
  expect([...files.keys()]).toEqual(
    expect.arrayContaining([BUNDLE_MAIN, "transfer-worker.mjs", "deploy-worker.mjs", "receiver-worker.mjs"]),
  );
  for (const [name, code] of files) {
    expect(code, name).not.toMatch(/new URL\("[^"]*\.ts"/);
    for (const [, imported = ""] of code.matchAll(/(?:from|import\(?) ?"([^"\n]+)"/g)) {
      const isThere = imported.startsWith("./") ? files.has(imported.slice(2)) : imported.startsWith("node:");
      expect(isThere, `${name} imports ${imported}`).toBe(true);
    }
    expect(code, name).not.toMatch(/mmdebstrap|dpkg-deb/);
  }
});

test("a bundle runs where there is nothing else", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ingot-bundle-"));
  try {
    for (const [name, code] of await bundleAgent()) writeFileSync(join(directory, name), code);
    const help = execFileSync(process.execPath, [join(directory, BUNDLE_MAIN), "--help"], { encoding: "utf8" });
    expect(help).toMatch(/pull .*\n.*serve .*\n.*run /s);
    expect(help).not.toMatch(/ build /);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("two bundles are the same to the byte", async () => {
  expect(await bundleAgent()).toEqual(await bundleAgent());
});
