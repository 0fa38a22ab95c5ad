import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";

/**
 * The kernel's own files (`/sys`, `/proc`, `/dev`), as far as the inventory reads them.
 * What is not there, or what the kernel refuses to tell (many attributes answer EINVAL or EACCES), is `undefined`:
 * for facts about hardware both mean "not known".
 */
export interface SystemFiles {
  /** The text without white space around it. */
  readText(path: string): string | undefined;
  readBytes(path: string): Uint8Array | undefined;
  /** Names, sorted; empty where there is no such folder. */
  list(path: string): readonly string[];
  exists(path: string): boolean;
  /** Where a link leads, as a path under the same root. */
  resolve(path: string): string | undefined;
}

/** Files under `root`: `/` on a machine, a folder with a copied tree in tests. */
export class RootedFiles implements SystemFiles {
  readonly #root: string;

  constructor(root = "/") {
    this.#root = root === "/" ? root : realpathSync(root);
  }

  readText(path: string): string | undefined {
    const bytes = this.readBytes(path);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes).replaceAll("\0", "").trim();
  }

  readBytes(path: string): Uint8Array | undefined {
    return known(() => readFileSync(join(this.#root, path)));
  }

  list(path: string): readonly string[] {
    return known(() => readdirSync(join(this.#root, path)).toSorted()) ?? [];
  }

  exists(path: string): boolean {
    return existsSync(join(this.#root, path));
  }

  resolve(path: string): string | undefined {
    const real = known(() => realpathSync(join(this.#root, path)));
    if (real === undefined || this.#root === "/") return real;
    return real.startsWith(`${this.#root}/`) ? real.slice(this.#root.length) : undefined;
  }
}

/** Errors of the system are "not known"; anything else is a fault of ours. */
function known<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "errno" in error) return undefined;
    throw error;
  }
}
