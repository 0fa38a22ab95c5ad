import { DecodeError, crc32c, parseIpv4 } from "@ingot/wire";
import type { Lease } from "./lease.ts";

/** The lease log's first line. The number is the format's version. */
export const LEASE_LOG_HEADER = "ingot-leases 1\n";

/** One change of the lease log: a client's lease is this from now on, or there is none. */
export type LeaseRecord =
  | { readonly kind: "save"; readonly lease: Lease }
  | { readonly kind: "delete"; readonly client: string };

/**
 * One line: CRC-32C of the JSON text as eight hex digits, a space, the JSON text, a line feed (see `docs/formats/leases.md`).
 * The line is decoded again before it is returned.
 */
export function encodeLeaseRecord(record: LeaseRecord): string {
  const json = JSON.stringify(record.kind === "save" ? record.lease : { client: record.client, deleted: true });
  const line = `${checksumOf(json)} ${json}\n`;
  decodeLeaseRecord(line.slice(0, -1));
  return line;
}

/** Reads a line without its line feed; throws `DecodeError` `invalid` when it is torn, damaged or not a record. */
export function decodeLeaseRecord(line: string): LeaseRecord {
  const json = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksumOf(json)) fail("the checksum does not match");
  const value = parseJson(json);
  const { client, address, expiresAtMs, hostName, deleted } = value;
  if (typeof client !== "string") fail("client is not text");
  if (deleted === true) return { kind: "delete", client };
  if (typeof address !== "string") fail("address is not text");
  if (typeof expiresAtMs !== "number" || !Number.isSafeInteger(expiresAtMs)) fail("expiresAtMs is not a whole number");
  if (hostName !== undefined && typeof hostName !== "string") fail("hostName is not text");
  return { kind: "save", lease: { client, address: parseIpv4(address), expiresAtMs, hostName } };
}

function checksumOf(json: string): string {
  return crc32c(new TextEncoder().encode(json)).toString(16).padStart(8, "0");
}

function parseJson(
  json: string,
): Partial<Record<"client" | "address" | "expiresAtMs" | "hostName" | "deleted", unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new DecodeError("invalid", `not JSON: ${String(cause)}`, { what: "lease record", offset: 9 });
  }
  if (typeof value !== "object" || value === null) fail("not an object");
  return value;
}

function fail(message: string): never {
  throw new DecodeError("invalid", message, { what: "lease record", offset: 0 });
}
