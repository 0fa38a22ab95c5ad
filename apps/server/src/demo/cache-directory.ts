import { homedir } from "node:os";
import { join } from "node:path";

/** Where the demo keeps what takes long to make: `$XDG_CACHE_HOME/ingot`, usually `~/.cache/ingot`. */
export function cacheDirectory(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ingot");
}
