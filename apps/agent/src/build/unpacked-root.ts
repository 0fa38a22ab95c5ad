import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AgentError } from "../errors.ts";
import { runOrThrow, type Programs } from "../system/programs.ts";
import type { FileTree } from "./file-tree.ts";

const LOADER = "/lib64/ld-linux-x86-64.so.2";
const PROGRAM_FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const LIBRARY_FOLDERS = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu/systemd"];
/** Loaded by name while a program runs, so no program says that it needs them; taken where the release has them. */
const LOADED_LATER = ["libkmod.so.2", "libgcc_s.so.1"];

/** Debian packages unpacked side by side: files are found in it, and its programs run here with its own libraries. */
export class UnpackedRoot {
  readonly path: string;
  readonly #programs: Programs;

  constructor(path: string, programs: Programs) {
    this.path = path;
    this.#programs = programs;
  }

  /** The file on this machine that an absolute path of the root leads to; links are followed inside the root. Undefined where there is none. */
  find(path: string): string | undefined {
    let place = path;
    for (let hops = 0; hops < 16; hops++) {
      const here = join(this.path, place);
      const facts = lstatSync(here, { throwIfNoEntry: false });
      if (facts === undefined) return undefined;
      if (!facts.isSymbolicLink()) return here;
      const target = readlinkSync(here);
      place = target.startsWith("/") ? target : join(dirname(place), target);
    }
    return undefined;
  }

  /** As `find`; throws `surroundings` where there is none. */
  get(path: string): string {
    const found = this.find(path);
    if (found === undefined) throw new AgentError("surroundings", `Debian's packages have no ${path}`);
    return found;
  }

  /** All files below a folder of the root, sorted, as absolute paths of the root; a file stands for itself. */
  filesBelow(folder: string): string[] {
    const start = join(this.path, folder);
    const facts = lstatSync(start, { throwIfNoEntry: false });
    if (facts?.isDirectory() !== true) return facts === undefined ? [] : [folder];
    return readdirSync(start, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.path.length))
      .toSorted();
  }

  /** Adds a program, by name or place, and the libraries that it is linked with. */
  async addProgram(tree: FileTree, name: string): Promise<void> {
    const places = name.startsWith("/") ? [name] : PROGRAM_FOLDERS.map((folder) => join(folder, name));
    const place = places.find((each) => this.find(each) !== undefined);
    if (place === undefined) throw new AgentError("surroundings", `Debian's packages have no program ${name}`);
    const file = this.get(place);
    tree.copyFile(place, file, 0o755);
    await this.addLibraries(tree, file);
  }

  /** Adds the libraries that a program is linked with, the loader, and those that are loaded later. */
  async addLibraries(tree: FileTree, program: string): Promise<void> {
    tree.copyFile(LOADER, this.get(LOADER), 0o755);
    const listed = await this.#load(["--list", program]);
    for (const [, name = "", library = ""] of listed.matchAll(/^\s*(\S+) => (.*?)(?: \(0x[0-9a-f]+\))?$/gm)) {
      if (name.includes("/ld-linux")) continue;
      // The loader goes on with this machine's own folders, which the new system does not have.
      if (!library.startsWith(this.path)) {
        throw new AgentError("surroundings", `${basename(program)} needs ${name}, which Debian's packages do not have`);
      }
      this.#addLibrary(tree, library.slice(this.path.length));
    }
    for (const name of LOADED_LATER) {
      const path = LIBRARY_FOLDERS.map((folder) => join(folder, name)).find((each) => this.find(each) !== undefined);
      if (path !== undefined) this.#addLibrary(tree, path);
    }
  }

  /** Runs a program of the root on this machine. */
  run(program: string, name: string, args: readonly string[]): Promise<string> {
    return this.#load(["--argv0", name, this.get(program), ...args]);
  }

  #addLibrary(tree: FileTree, path: string): void {
    tree.copyFile(path, this.get(path), 0o755);
  }

  #load(args: readonly string[]): Promise<string> {
    const folders = LIBRARY_FOLDERS.map((folder) => join(this.path, folder)).join(":");
    return runOrThrow(this.#programs, this.get(LOADER), ["--library-path", folders, ...args]);
  }
}
