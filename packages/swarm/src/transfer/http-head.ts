/** What ends a head of HTTP/1.1. */
export const HEAD_END = "\r\n\r\n";

/** What matters of the head of a request. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** The connection ends with the answer. */
  readonly closes: boolean;
}

/** What matters of the head of an answer. */
export interface ResponseHead {
  readonly status: number;
  readonly contentLength: number;
  readonly closes: boolean;
}

const REQUEST_LINE = /^([A-Z]{1,16}) ([!-~]+) HTTP\/1\.1$/;
const STATUS_LINE = /^HTTP\/1\.1 ([1-5]\d\d)(?: [\t -~]*)?$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*$/;

/**
 * Reads the head of a request (RFC 9112 §3, §5), without the empty line at its end. `undefined` for anything but a request of HTTP/1.1
 * without a body and with a Host (§3.2).
 */
export function parseRequestHead(text: string): RequestHead | undefined {
  const [requestLine = "", ...lines] = text.split("\r\n");
  const [, method, target] = REQUEST_LINE.exec(requestLine) ?? [];
  const fields = parseFields(lines);
  if (method === undefined || target === undefined || fields?.has("host") !== true) return undefined;
  if (fields.has("content-length") || fields.has("transfer-encoding")) return undefined;
  return { method, target, closes: closes(fields) };
}

/**
 * Reads the head of an answer (RFC 9112 §4, §5), without the empty line at its end. `undefined` for anything but HTTP/1.1 with a
 * Content-Length and no Transfer-Encoding: no other framing is spoken between peers.
 */
export function parseResponseHead(text: string): ResponseHead | undefined {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const [, status] = STATUS_LINE.exec(statusLine) ?? [];
  const fields = parseFields(lines);
  const length = fields?.get("content-length");
  if (status === undefined || fields === undefined || length === undefined) return undefined;
  if (!/^\d{1,15}$/.test(length) || fields.has("transfer-encoding")) return undefined;
  return { status: Number(status), contentLength: Number(length), closes: closes(fields) };
}

/** The fields by their names in lower case; `undefined` where one has no right form, or a length or a host is there twice. */
function parseFields(lines: readonly string[]): ReadonlyMap<string, string> | undefined {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    const key = name.toLowerCase();
    if (fields.has(key) && (key === "content-length" || key === "host")) return undefined;
    fields.set(key, value);
  }
  return fields;
}

function closes(fields: ReadonlyMap<string, string>): boolean {
  return fields.get("connection")?.toLowerCase() === "close";
}
