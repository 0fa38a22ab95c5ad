import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../errors.ts";
import { runOrThrow, type Programs } from "../system/programs.ts";
import { sha256 } from "./part-cache.ts";

/** One package in the cache. */
export interface DebianPackage {
  /** `kmod_30+20221128-1_amd64.deb`, as apt names it. */
  readonly file: string;
  /** Hexadecimal SHA-256 of the file. */
  readonly sha256: string;
}

/** What is downloaded, and where to. */
export interface DownloadOptions {
  readonly packages: readonly string[];
  /** Kept between builds. */
  readonly directory: string;
  readonly programs: Programs;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Downloads packages with all that they depend on, whatever is installed on this machine, from the machine's own package
 * sources; apt checks signatures. Does not need root. Returns them sorted by name.
 * Errors: `surroundings` without apt, `program-failed` with apt's words.
 */
export async function downloadPackages(options: DownloadOptions): Promise<readonly DebianPackage[]> {
  const { directory, programs, signal } = options;
  await mkdir(join(directory, "partial"), { recursive: true });
  // An empty status file: nothing counts as installed.
  const settings = [
    "Dir::State::status=/dev/null",
    `Dir::Cache::archives=${directory}`,
    "Debug::NoLocking=1",
    "APT::Sandbox::User=root",
    "Acquire::Languages=none",
  ].flatMap((setting) => ["-o", setting]);
  const install = [...settings, "install", "--yes", "--no-install-recommends"];
  // What is in the cache already is not listed: the list is made as if there were none.
  const listing = [...install, "--print-uris", "-o", `Dir::Cache::archives=${join(directory, "none")}`];
  const listed = await runOrThrow(programs, "apt-get", [...listing, ...options.packages], { signal });
  await runOrThrow(programs, "apt-get", [...install, "--download-only", ...options.packages], { signal });
  const files = [...listed.matchAll(/^'[^']*' (\S+\.deb) \d+/gm)].map((found) => found[1] ?? "");
  if (files.length === 0) {
    throw new AgentError("program-failed", "apt-get names no package to download: run apt-get update");
  }
  return Promise.all(
    files.toSorted().map(async (file) => ({ file, sha256: sha256(await readFile(join(directory, file))) })),
  );
}

/** Unpacks packages into one folder, as files; nothing of them is run. */
export async function unpackPackages(
  packages: readonly DebianPackage[],
  directory: string,
  into: string,
  programs: Programs,
): Promise<void> {
  for (const { file } of packages) await runOrThrow(programs, "dpkg-deb", ["-x", join(directory, file), into]);
}
