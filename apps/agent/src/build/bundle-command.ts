import { mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { BUNDLE_MAIN, bundleAgent } from "./bundle.ts";
import { replaceFile } from "./part-cache.ts";

/** `ingot agent bundle` */
export function bundleCommand(): Command {
  return new Command("bundle")
    .description("write the agent as a folder of JavaScript files, for machines with Node 26 and nothing else of ours")
    .requiredOption("--output <directory>", "where they go; other .mjs files that lie there are deleted")
    .addHelpText(
      "after",
      `
Examples:
  ingot agent bundle --output /srv/ingot-agent
  node /srv/ingot-agent/${BUNDLE_MAIN} pull win11-lab --to win11.img --server https://10.0.0.1:8472 --pin 3f8a…`,
    )
    .action(async ({ output }: { readonly output: string }) => writeBundle(resolve(output)));
}

/** At every moment a whole bundle lies there: each file takes its place at once, the one that is started last, and old ones go after that. */
async function writeBundle(directory: string): Promise<void> {
  const files = await bundleAgent();
  await mkdir(directory, { recursive: true });
  for (const [name, code] of files) if (name !== BUNDLE_MAIN) await replaceFile(join(directory, name), code);
  await replaceFile(join(directory, BUNDLE_MAIN), files.get(BUNDLE_MAIN) ?? "");
  const old = (await readdir(directory)).filter((name) => name.endsWith(".mjs") && !files.has(name));
  await Promise.all(old.map((name) => rm(join(directory, name), { force: true })));
}
