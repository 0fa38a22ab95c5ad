import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

/**
 * The manifests are the architecture: a package may depend only on packages of a lower tier.
 * The tiers stand in docs/architecture.md; this table is their executable form.
 */
const TIERS: Readonly<Record<string, number>> = {
  wire: 0,
  api: 0,
  linux: 0,
  dhcp: 1,
  tftp: 1,
  iscsi: 1,
  chunks: 1,
  "router-advert": 1,
  netboot: 2,
  disks: 2,
  swarm: 2,
  control: 3,
  server: 4,
  agent: 4,
  console: 4,
};

/** Where a tier allows more than the design wants: the console knows the contract and nothing else. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  console: ["api"],
  agent: ["api", "chunks", "disks", "swarm", "wire"],
};

/** For development and `ingot demo`; it stands beside the tiers. */
const TESTKIT = "testkit";

const FORBIDDEN_NAMES = ["common", "shared", "utils", "helpers", "core", "lib"];

const root = join(import.meta.dirname, "..");

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifests = ["packages", "apps"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => existsSync(join(root, folder, name, "package.json")))
    .map((name) => ({ folder: join(folder, name), short: name, manifest: readManifest(join(root, folder, name)) })),
);

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

function ours(dependencies: Readonly<Record<string, string>> | undefined): string[] {
  return Object.keys(dependencies ?? {})
    .filter((name) => name.startsWith("@ingot/"))
    .map((name) => name.slice("@ingot/".length));
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes("node_modules") && !path.includes("/dist/"));
}

describe.each(manifests)("$folder", ({ folder, short, manifest }) => {
  test("is named after its folder", () => {
    expect(manifest.name).toBe(`@ingot/${short}`);
  });

  test("depends on lower tiers only", () => {
    if (short === TESTKIT) return;
    const tier = TIERS[short];
    expect(tier, `${short} has no tier: add it to the table and to docs/architecture.md`).toBeDefined();
    for (const dependency of ours(manifest.dependencies)) {
      if (dependency === TESTKIT) {
        expect(short, "only the demo of apps/server may use the test kit").toBe("server");
        continue;
      }
      expect(TIERS[dependency], `${short} -> ${dependency}`).toBeLessThan(tier ?? 0);
      if (ONLY[short]) expect(ONLY[short]).toContain(dependency);
    }
  });

  test("needs nothing of the product for its tests but the test kit and what it depends on", () => {
    const allowed = new Set([TESTKIT, ...ours(manifest.dependencies)]);
    for (const dependency of ours(manifest.devDependencies)) expect(allowed).toContain(dependency);
  });

  test("imports other packages by their public face only", () => {
    for (const path of sourceFiles(join(root, folder))) {
      for (const [, name = ""] of readFileSync(path, "utf8").matchAll(/from "(@ingot\/[^"]+)"/g)) {
        expect(name, path).toMatch(/^@ingot\/[a-z-]+(\/(testing|crash|lab|link))?$/);
      }
      for (const [, up = ""] of readFileSync(path, "utf8").matchAll(/from "((?:\.\.\/)+(?:packages|apps)\/[^"]+)"/g)) {
        expect.unreachable(`${path} reaches into ${up}`);
      }
    }
  });
});

test("no folder is named after nothing in particular", () => {
  for (const { folder } of manifests) {
    const folders = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      // Below `files/` lies what goes into a golden image, at the places where Debian wants it.
      .filter((entry) => entry.isDirectory() && !/node_modules|\/files(\/|$)/.test(entry.parentPath))
      .map((entry) => entry.name);
    for (const name of folders) expect(FORBIDDEN_NAMES).not.toContain(name);
  }
});

test("clock and randomness enter the protocol packages as parameters", () => {
  const ambient = /\b(Date\.now|Math\.random|setTimeout|setInterval|randomBytes)\(/;
  for (const { folder, short } of manifests) {
    if (short === TESTKIT || !folder.startsWith("packages")) continue;
    for (const path of sourceFiles(join(root, folder, "src"))) {
      if (/(\.test|server|-socket|-file|-worker)\.tsx?$/.test(path) || path.includes("/testing")) continue;
      expect(readFileSync(path, "utf8"), path).not.toMatch(ambient);
    }
  }
});

test("the lock file records no download addresses", () => {
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  expect(lock).not.toMatch(/"resolved": "https?:/);
});
