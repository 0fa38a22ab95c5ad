import { Command } from "commander";
import type { CommonOptions } from "./common-options.ts";

interface DemoOptions extends CommonOptions {
  readonly headless?: true;
}

/** `ingot demo` */
export function demoCommand(): Command {
  return new Command("demo")
    .description(
      "build a small Debian image, watch two machines boot it over the network, and a third be cloned from it",
    )
    .option("--headless", "end by itself; exit 0 only when everything was seen")
    .addHelpText(
      "after",
      `
Runs in a network namespace of its own, needs root, and takes three to four minutes on two processors (two more when the image
and the system that fills disks are built for the first time). What it makes is kept below the cache directory only; --data is not used.

Examples:
  ingot demo              then look around in the console; Ctrl-C ends it
  ingot demo --headless   for tests`,
    )
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  // The demo brings the virtual machines' code with it; the other commands start faster without.
  const { runDemo } = await import("../demo/run-demo.ts");
  await runDemo({ headless: options.headless === true, json: options.json === true });
}
