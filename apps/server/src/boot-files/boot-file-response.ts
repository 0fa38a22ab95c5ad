import type { ApiErrorBody, ApiErrorCode } from "@ingot/api";
import type { BootFile } from "./boot-file.ts";
import { parseByteRange } from "./byte-range.ts";
import type { ByteRange } from "./byte-range.ts";

/** Bytes read from the file at a time. */
const CHUNK_BYTES = 262_144;

/**
 * UEFI HTTP boot decides by media type, then by extension, what it has downloaded (UEFI 2.10 §24.7.1); a browser shows
 * the scripts.
 */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  efi: "application/efi",
  iso: "application/vnd.efi-iso",
  img: "application/vnd.efi-img",
  ipxe: "text/plain; charset=utf-8",
};

/**
 * The answer to GET or HEAD of a boot file (RFC 9110 §13 to 15). Always with a Content-Length, and never chunked:
 * EDK2's HTTP boot wants to know the size first. Takes over `file` and closes it, at the latest with the body.
 */
export async function respondWithBootFile(request: Request, file: BootFile): Promise<Response> {
  const headers = new Headers({ ETag: file.etag, "Accept-Ranges": "bytes" });
  if (matchesAny(request.headers.get("If-None-Match"), file.etag)) {
    await file.close();
    return new Response(null, { status: 304, headers });
  }
  const range = rangeOf(request, file);
  if (range === "unsatisfiable") {
    await file.close();
    headers.set("Content-Range", `bytes */${file.sizeBytes}`);
    return errorResponse(416, "invalidRequest", `the range is outside of the ${file.sizeBytes} bytes`, headers);
  }
  headers.set("Content-Type", MEDIA_TYPES[file.name.split(".").at(-1) ?? ""] ?? "application/octet-stream");
  const { first, last } = range ?? { first: 0, last: file.sizeBytes - 1 };
  headers.set("Content-Length", String(last - first + 1));
  if (range !== undefined) {
    headers.set("Content-Range", `bytes ${first}-${last}/${file.sizeBytes}`);
  }
  const status = range === undefined ? 200 : 206;
  if (request.method === "HEAD" || last < first) {
    await file.close();
    return new Response(null, { status, headers });
  }
  return new Response(streamOf(file, first, last), { status, headers });
}

/** An answer that is not a file: the API's error body, with its length. */
export function errorResponse(
  status: number,
  code: ApiErrorCode,
  message: string,
  headers: Headers = new Headers(),
): Response {
  const body: ApiErrorBody = { error: { code, message } };
  const bytes = new TextEncoder().encode(`${JSON.stringify(body)}\n`);
  headers.set("Content-Type", "application/json");
  headers.set("Content-Length", String(bytes.length));
  return new Response(bytes, { status, headers });
}

/** RFC 9110 §14.2: Range has a meaning for GET alone. §13.1.5: If-Range holds for a strong, equal entity tag. */
function rangeOf(request: Request, file: BootFile): ByteRange | "unsatisfiable" | undefined {
  const header = request.headers.get("Range");
  const condition = request.headers.get("If-Range");
  if (header === null || request.method !== "GET" || (condition !== null && condition.trim() !== file.etag)) {
    return undefined;
  }
  return parseByteRange(header, file.sizeBytes);
}

/** RFC 9110 §13.1.2: a list of entity tags, compared weakly, or `*`. */
function matchesAny(header: string | null, etag: string): boolean {
  if (header === null) {
    return false;
  }
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes("*") || tags.includes(etag);
}

function streamOf(file: BootFile, first: number, last: number): ReadableStream<Uint8Array> {
  let offset = first;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const chunk = new Uint8Array(Math.min(CHUNK_BYTES, last - offset + 1));
          await file.read(offset, chunk);
          controller.enqueue(chunk);
          offset += chunk.length;
        } catch (cause) {
          // The connection is cut, so that the client sees a short body and not a whole file with wrong bytes.
          await file.close();
          controller.error(cause);
          return;
        }
        if (offset > last) {
          await file.close();
          controller.close();
        }
      },
      cancel: () => file.close(),
    },
    // Nothing is read before somebody reads the body.
    { highWaterMark: 0 },
  );
}
