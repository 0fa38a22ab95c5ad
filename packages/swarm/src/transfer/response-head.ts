/** What ends a head of HTTP/1.1. */
export const HEAD_END = "\r\n\r\n";

/** What matters of the head of an answer. */
export interface ResponseHead {
  readonly status: number;
  readonly contentLength: number;
  /** The connection ends with this answer. */
  readonly closes: boolean;
}

const STATUS_LINE = /^HTTP\/1\.1 ([1-5]\d\d)(?: [\t -~]*)?$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*$/;

/**
 * Reads the head of an answer (RFC 9112 §4, §5), without the empty line at its end. `undefined` for anything but HTTP/1.1 with exactly one
 * Content-Length and no Transfer-Encoding: no other framing is spoken between peers.
 */
export function parseResponseHead(text: string): ResponseHead | undefined {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const [, status] = STATUS_LINE.exec(statusLine) ?? [];
  if (status === undefined) return undefined;
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    const key = name.toLowerCase();
    if (key === "content-length" && fields.has(key)) return undefined;
    fields.set(key, value);
  }
  const length = fields.get("content-length");
  if (length === undefined || !/^\d{1,15}$/.test(length) || fields.has("transfer-encoding")) return undefined;
  const closes = fields.get("connection")?.toLowerCase() === "close";
  return { status: Number(status), contentLength: Number(length), closes };
}
