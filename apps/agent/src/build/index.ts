import type { Command } from "commander";
import { bundleCommand } from "./bundle-command.ts";
import { buildCommand } from "./command.ts";

/** The commands that make what machines run. */
export function buildCommands(): readonly Command[] {
  return [buildCommand(), bundleCommand()];
}
