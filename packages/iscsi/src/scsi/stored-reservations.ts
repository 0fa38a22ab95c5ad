import { concatBytes, crc32c, Reader, Writer } from "@ingot/wire";
import { MAX_PARAMETER_BYTES, MAX_REGISTRATIONS } from "../limits.ts";
import { isAllRegistrants, isReservationType } from "./persistent-reservations.ts";
import type { Reservation } from "./persistent-reservations.ts";

const MAGIC = "INGOTRES";
const VERSION = 1;
const CHECKSUM_BYTES = 4;

/** What survives power loss: docs/formats/reservations.md. */
export interface StoredReservations {
  /** Nexuses and their keys, in the order they registered. */
  readonly registrations: ReadonlyMap<string, bigint>;
  readonly reservation: Reservation | undefined;
}

/** The file's bytes; decodes to the same. */
export function encodeReservations({ registrations, reservation }: StoredReservations): Uint8Array {
  const writer = new Writer().ascii(MAGIC).u16(VERSION);
  writer.u8(reservation?.type ?? 0).u8(registrations.size);
  putName(writer, reservation?.holder ?? "");
  for (const [port, key] of registrations) putName(writer.u64(key), port);
  const body = writer.finish();
  return concatBytes([body, new Writer().u32(crc32c(body)).finish()]);
}

/** Throws `DecodeError` for what `encodeReservations` cannot have written: torn, damaged, another version. */
export function decodeReservations(bytes: Uint8Array): StoredReservations {
  const reader = new Reader(bytes, "stored reservations");
  if (bytes.length > MAX_PARAMETER_BYTES) reader.fail(`${bytes.length} bytes, at most ${MAX_PARAMETER_BYTES}`);
  const magic = new TextDecoder().decode(reader.bytes(MAGIC.length));
  if (magic !== MAGIC) reader.fail(`begins with ${JSON.stringify(magic)}, not ${MAGIC}`);
  const version = reader.u16();
  if (version !== VERSION) reader.fail(`version ${version}, only ${VERSION} is known`);
  requireChecksum(reader, bytes);
  const type = reader.u8();
  const count = reader.u8();
  if (count > MAX_REGISTRATIONS) reader.fail(`${count} registrations, at most ${MAX_REGISTRATIONS}`);
  const holder = takeName(reader);
  const registrations = new Map<string, bigint>();
  for (let i = 0; i < count; i++) {
    const key = reader.u64();
    const port = takeName(reader);
    if (key === 0n || port === "" || registrations.has(port))
      reader.fail(`registration ${i} has no key, no port or one that was there`);
    registrations.set(port, key);
  }
  reader.skip(CHECKSUM_BYTES);
  reader.end();
  return { registrations, reservation: reservationOf(reader, type, holder, registrations) };
}

function requireChecksum(reader: Reader, bytes: Uint8Array): void {
  const end = bytes.length - CHECKSUM_BYTES;
  const stored = new Reader(bytes.subarray(end)).u32();
  const computed = crc32c(bytes.subarray(0, end));
  if (stored !== computed) reader.fail(`checksum ${stored.toString(16)}, computed ${computed.toString(16)}`);
}

function reservationOf(
  reader: Reader,
  type: number,
  holder: string,
  registrations: ReadonlyMap<string, bigint>,
): Reservation | undefined {
  if (type === 0 && holder === "") return undefined;
  if (!isReservationType(type)) return reader.fail(`reservation of type ${type} held by ${JSON.stringify(holder)}`);
  const isHeld = isAllRegistrants(type) ? registrations.size > 0 : registrations.has(holder);
  if (!isHeld) reader.fail(`reservation of type ${type} without a registered holder`);
  return { type, holder };
}

function putName(writer: Writer, name: string): void {
  const bytes = new TextEncoder().encode(name);
  writer.u16(bytes.length).bytes(bytes);
}

function takeName(reader: Reader): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(reader.bytes(reader.u16()));
}
