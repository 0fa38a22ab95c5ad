import { DecodeError, Reader, Writer } from "@ingot/wire";

/** ICMPv6 types of router discovery (RFC 4861 §4.1, §4.2). */
export const MessageType = { routerSolicitation: 133, routerAdvertisement: 134 } as const;

/** A message of router discovery as it was received, beginning with its type; its checksum is verified already. */
export interface ReceivedMessage {
  readonly message: Uint8Array;
  /** 16 bytes. */
  readonly source: Uint8Array;
  readonly hopLimit: number;
}

/** What a valid message says, as far as anybody here wants to know. */
export type RouterMessage =
  | { readonly kind: "solicitation"; /** The sender has no address yet. */ readonly isAnonymous: boolean }
  | { readonly kind: "advertisement"; /** Zero: not a default router. */ readonly lifetimeSeconds: number };

/** A packet that a router passed on has a lower one (RFC 4861 §3.1). */
const NEIGHBOUR_HOP_LIMIT = 255;

const SOURCE_LINK_LAYER_ADDRESS = 1;

/**
 * Reads a solicitation by RFC 4861 §6.1.1, an advertisement by §6.1.2. Throws `DecodeError` for a message that breaks a rule
 * there, or is of another type.
 */
export function decodeRouterMessage({ message, source, hopLimit }: ReceivedMessage): RouterMessage {
  const reader = new Reader(message, "router discovery message");
  const type = reader.u8();
  const code = reader.u8();
  reader.skip(2);
  if (hopLimit !== NEIGHBOUR_HOP_LIMIT) return invalid(`hop limit is ${hopLimit}, expected ${NEIGHBOUR_HOP_LIMIT}`);
  if (code !== 0) return invalid(`code is ${code}, expected 0`);
  switch (type) {
    case MessageType.routerSolicitation: {
      reader.skip(4);
      const isAnonymous = source.every((byte) => byte === 0);
      if (readOptionTypes(reader).includes(SOURCE_LINK_LAYER_ADDRESS) && isAnonymous)
        return invalid("link-layer address without a source address");
      return { kind: "solicitation", isAnonymous };
    }
    case MessageType.routerAdvertisement: {
      reader.skip(2);
      const lifetimeSeconds = reader.u16();
      reader.skip(8);
      readOptionTypes(reader);
      if (source[0] !== 0xfe || ((source[1] ?? 0) & 0xc0) !== 0x80)
        return invalid("router's address is not link-local");
      return { kind: "advertisement", lifetimeSeconds };
    }
    default:
      return invalid(`type is ${type}, expected 133 or 134`);
  }
}

/**
 * The advertisement that says nothing (RFC 4861 §4.2): router lifetime 0 (not a default router), no flags (no DHCPv6), no
 * prefix, and zero for "unspecified" in the hop limit and both times. Sixteen bytes; the checksum is left to the kernel.
 */
export function encodeEmptyAdvertisement(): Uint8Array {
  return new Writer(16).u8(MessageType.routerAdvertisement).zeros(15).finish();
}

/** A solicitation without options (RFC 4861 §4.1); the checksum is left to the kernel. */
export function encodeSolicitation(): Uint8Array {
  return new Writer(8).u8(MessageType.routerSolicitation).zeros(7).finish();
}

/** Types of the options, whose length counts units of 8 bytes with type and length in it (RFC 4861 §4.6). */
function readOptionTypes(reader: Reader): readonly number[] {
  const types: number[] = [];
  while (reader.remaining > 0) {
    types.push(reader.u8());
    const units = reader.u8();
    if (units === 0) return invalid("option of length 0");
    reader.skip(units * 8 - 2);
  }
  return types;
}

function invalid(message: string): never {
  throw new DecodeError("invalid", message, { what: "router discovery message", offset: 0 });
}
