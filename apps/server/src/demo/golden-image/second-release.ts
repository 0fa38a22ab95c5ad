import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LabError, requireTools, runCommand } from "@ingot/testkit/lab";
import { exists, type BuildOptions, type GoldenImage } from "./build.ts";
import { rootPartition, sectorBytes } from "./disk-layout.ts";
import { sourceDateEpoch } from "./recipe.ts";

const text = "golden image, release 2\n";

/**
 * The next release of a golden image: the same disk with another `/etc/ingot-release`, made in seconds without mounting it.
 * Shows what an update costs and that machines get it at their next boot. Kept in the cache beside the first.
 */
export async function buildSecondRelease(first: GoldenImage, options: BuildOptions): Promise<GoldenImage> {
  const { cacheDir, onProgress = () => undefined, signal } = options;
  const path = first.path.replace(/\.img$/, "-release2.img");
  const { recipeHash } = first;
  if (await exists(path)) return { path, recipeHash, built: false };
  requireTools(["debugfs"]);
  onProgress("making release 2 of the golden image");
  const releaseFile = join(cacheDir, `release-${process.pid}`);
  const unfinished = `${path}.${process.pid}`;
  const run = signal === undefined ? {} : { signal };
  try {
    await writeFile(releaseFile, text);
    await runCommand("cp", ["--sparse=always", "--reflink=auto", first.path, unfinished], run);
    const device = `${unfinished}?offset=${rootPartition.start * sectorBytes}`;
    const env = { E2FSPROGS_FAKE_TIME: String(sourceDateEpoch), DEBUGFS_PAGER: "cat" };
    const commands = `rm /etc/ingot-release\nwrite ${releaseFile} /etc/ingot-release\n`;
    await runCommand("debugfs", ["-w", "-f", "-", device], { ...run, env, input: commands });
    // debugfs ends with status 0 whatever happened.
    const { stdout } = await runCommand("debugfs", ["-R", "cat /etc/ingot-release", device], { ...run, env });
    if (stdout !== text)
      throw new LabError("commandFailed", `debugfs did not write /etc/ingot-release in ${unfinished}`);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
    await rm(releaseFile, { force: true });
  }
  return { path, recipeHash, built: true };
}
