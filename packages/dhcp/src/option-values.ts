import { DecodeError, Reader, Writer, concatBytes, ipv4FromBytes, ipv4ToBytes } from "@ingot/wire";
import type { Ipv4 } from "@ingot/wire";
import { nameOfOption } from "./option-code.ts";
import type { OptionMap } from "./options.ts";

/*
 * Options by the shape of their value. A reader returns `undefined` when the option is absent and throws
 * `DecodeError` `invalid` or `truncated` when it is there but malformed: the two are different things.
 */

/** One byte (RFC 2132 §9.6 and others). */
export function readU8Option(options: OptionMap, code: number): number | undefined {
  return readWith(options, code, (reader) => reader.u8());
}

/** Two bytes. */
export function readU16Option(options: OptionMap, code: number): number | undefined {
  return readWith(options, code, (reader) => reader.u16());
}

/** Four bytes: times in seconds. */
export function readU32Option(options: OptionMap, code: number): number | undefined {
  return readWith(options, code, (reader) => reader.u32());
}

/** One address. */
export function readIpv4Option(options: OptionMap, code: number): Ipv4 | undefined {
  return readWith(options, code, (reader) => ipv4FromBytes(reader.bytes(4)));
}

/** One or more addresses. */
export function readIpv4ListOption(options: OptionMap, code: number): readonly Ipv4[] | undefined {
  return readWith(options, code, (reader) => {
    const list: Ipv4[] = [ipv4FromBytes(reader.bytes(4))];
    while (reader.remaining > 0) list.push(ipv4FromBytes(reader.bytes(4)));
    return list;
  });
}

/**
 * Text, one character per byte. A closing NUL is dropped: RFC 2132 §2 tells senders to leave it out and receivers to
 * cope, and Intel's PXE ROMs send it. So is a closing 0xff, which old PXE clients copy from the end option.
 */
export function readTextOption(options: OptionMap, code: number): string | undefined {
  return readWith(options, code, (reader) => {
    let value = reader.rest();
    while (value.length > 0 && (value.at(-1) === 0 || value.at(-1) === 0xff)) value = value.subarray(0, -1);
    return String.fromCharCode(...value);
  });
}

/** The value of an option that is one byte. */
export function u8Value(value: number): Uint8Array {
  return new Writer(1).u8(value).finish();
}

/** The value of an option that is an unsigned 32-bit number: seconds, for example. */
export function u32Value(value: number): Uint8Array {
  return new Writer(4).u32(value).finish();
}

/** The value of an option that is one address or a list of them. */
export function ipv4Value(...addresses: readonly Ipv4[]): Uint8Array {
  return concatBytes(addresses.map(ipv4ToBytes));
}

/** ASCII text without a closing NUL (RFC 2132 §2); anything else is a `RangeError`. */
export function textValue(text: string): Uint8Array {
  return new Writer(text.length).ascii(text).finish();
}

function readWith<T>(options: OptionMap, code: number, read: (reader: Reader) => T): T | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  const reader = new Reader(value, `DHCP option ${code} (${nameOfOption(code)})`);
  const result = read(reader);
  reader.end();
  return result;
}

/** The message type (option 53); throws `DecodeError` `invalid` when the option is missing, because then it is BOOTP. */
export function requireU8Option(options: OptionMap, code: number): number {
  const value = readU8Option(options, code);
  if (value === undefined) {
    throw new DecodeError("invalid", `option ${code} (${nameOfOption(code)}) is missing`, {
      what: "DHCP packet",
      offset: 0,
    });
  }
  return value;
}
