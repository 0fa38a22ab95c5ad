/** Bytes `first` to `last`, both included, counted from 0. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * What a Range header asks of a file (RFC 9110 §14.2): a range, `unsatisfiable` (416), or undefined when the header
 * is to be ignored: another unit, bad syntax, or several ranges, which a server need not serve.
 */
export function parseByteRange(header: string, sizeBytes: number): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header.trim());
  if (match === null) {
    return undefined;
  }
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") {
    return undefined;
  }
  if (first === "") {
    const suffixBytes = Math.min(Number(last), sizeBytes);
    return suffixBytes === 0 ? "unsatisfiable" : { first: sizeBytes - suffixBytes, last: sizeBytes - 1 };
  }
  if (last !== "" && Number(last) < Number(first)) {
    return undefined;
  }
  if (Number(first) >= sizeBytes) {
    return "unsatisfiable";
  }
  return { first: Number(first), last: last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1) };
}
