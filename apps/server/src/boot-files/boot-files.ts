import { DEBIAN_BOOT_PROGRAMS } from "@ingot/netboot";
import { errorResponse, respondWithBootFile } from "./boot-file-response.ts";
import { openBootFile } from "./boot-file.ts";
import type { BootFile, BootFileDirectory } from "./boot-file.ts";

/** Where boot files are found over HTTP; the name follows. */
export const BOOT_FILES_PATH = "/boot/files/";

/** The boot programs that machines are sent to unless the operator says otherwise. */
export const BOOT_PROGRAMS: readonly string[] = [
  DEBIAN_BOOT_PROGRAMS.bios,
  DEBIAN_BOOT_PROGRAMS.biosKernel,
  DEBIAN_BOOT_PROGRAMS.x64.snponly,
  DEBIAN_BOOT_PROGRAMS.x64.ipxe,
];

/**
 * Where boot files come from, first match wins: the operator's own, then those of Debian's `ipxe` package, whose
 * `ipxe.efi` and `ipxe.lkrn` are links into `/boot`.
 *
 * @param operatorDirectory the `boot` directory of the data directory; it need not exist.
 */
export function defaultBootFileDirectories(operatorDirectory: string): readonly BootFileDirectory[] {
  return [
    { path: operatorDirectory, linksInto: [] },
    { path: "/usr/lib/ipxe", linksInto: ["/boot"] },
  ];
}

/**
 * The catalogue of boot files: what TFTP (`open` has the shape of `TftpFiles`) and HTTP (`fetch`) hand out. Names are
 * looked up at each request, so a file that the operator puts in place or renames counts from the next request on.
 */
export class BootFiles {
  readonly #directories: readonly BootFileDirectory[];

  /** @param directories in order of precedence, see `defaultBootFileDirectories`. */
  constructor(directories: readonly BootFileDirectory[]) {
    this.#directories = directories;
  }

  /**
   * Opens a file by its name, a single segment.
   *
   * @returns undefined when no directory has it; whoever gets a file closes it.
   * @throws the system's error when the first match cannot be opened: the next directory's file is not what the
   * operator meant.
   */
  async open(name: string): Promise<BootFile | undefined> {
    for (const directory of this.#directories) {
      const file = await openBootFile(directory, name);
      if (file !== undefined) {
        return file;
      }
    }
    return undefined;
  }

  /** The boot programs that no directory has; machines that need one of them cannot boot. */
  async missingPrograms(): Promise<readonly string[]> {
    const missing: string[] = [];
    for (const name of BOOT_PROGRAMS) {
      const file = await this.open(name);
      if (file === undefined) {
        missing.push(name);
      }
      await file?.close();
    }
    return missing;
  }

  /** Answers `GET` and `HEAD /boot/files/{name}`. A bound function: it can be handed to a router. */
  readonly fetch = async (request: Request): Promise<Response> => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      const headers = new Headers({ Allow: "GET, HEAD" });
      return errorResponse(405, "invalidRequest", `${request.method} is not possible here, GET and HEAD are`, headers);
    }
    const name = nameOf(new URL(request.url).pathname);
    const file = name === undefined ? undefined : await this.open(name);
    if (file === undefined) {
      return withoutBodyForHead(request, errorResponse(404, "notFound", "there is no such boot file"));
    }
    return withoutBodyForHead(request, await respondWithBootFile(request, file));
  };
}

function nameOf(pathname: string): string | undefined {
  if (!pathname.startsWith(BOOT_FILES_PATH)) {
    return undefined;
  }
  // A name that needs escapes is not servable, so none are decoded.
  return pathname.slice(BOOT_FILES_PATH.length);
}

function withoutBodyForHead(request: Request, response: Response): Response {
  return request.method === "HEAD" ? new Response(null, response) : response;
}
