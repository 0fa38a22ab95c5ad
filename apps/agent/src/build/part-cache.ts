import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import { cpioArchive } from "./cpio.ts";
import type { FileTree } from "./file-tree.ts";
import { BUILD_TIME } from "./recipe.ts";

const compress = promisify(zstdCompress);

/** How long a part that no build has used is kept, in milliseconds. */
const KEPT_MS = 14 * 24 * 3600 * 1000;

/** Compressed archives from earlier builds, by what they hold. */
export class PartCache {
  readonly #directory: string;
  readonly #level: number;
  readonly #tell: (line: string) => void;

  private constructor(directory: string, level: number, tell: (line: string) => void) {
    this.#directory = directory;
    this.#level = level;
    this.#tell = tell;
  }

  /** Makes the directory when there is none; parts that nobody has used for two weeks go. `level` is zstd's. */
  static async open(directory: string, level: number, tell: (line: string) => void): Promise<PartCache> {
    await mkdir(directory, { recursive: true });
    const now = Date.now();
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      if (now - (await stat(path)).mtimeMs > KEPT_MS) await rm(path, { force: true });
    }
    return new PartCache(directory, level, tell);
  }

  /** What was put under this name; undefined when nothing was. */
  async get(name: string): Promise<Buffer | undefined> {
    const path = join(this.#directory, name);
    try {
      const bytes = await readFile(path);
      const now = new Date();
      await utimes(path, now, now);
      return bytes;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await replaceFile(join(this.#directory, name), bytes);
  }

  /** The tree as a compressed archive that the kernel can unpack. The same tree is compressed once. */
  async archive(tree: FileTree, what: string): Promise<Buffer> {
    const plain = Buffer.concat(cpioArchive(tree.entries(), BUILD_TIME));
    const name = `archive-${this.#level}-${sha256(plain)}`;
    const kept = await this.get(name);
    if (kept !== undefined) return kept;
    this.#tell(`compressing ${what}: ${(plain.length / 1e6).toFixed(1)} MB`);
    const packed = await compress(plain, { params: { [constants.ZSTD_c_compressionLevel]: this.#level } });
    await this.put(name, packed);
    return packed;
  }
}

/** Hexadecimal. */
export function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Writes a file beside its place and puts it there: who reads the old one goes on reading it. */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  await writeFile(beside, content);
  await rename(beside, path);
}
