import { DecodeError } from "./decode-error.ts";

/** An IPv4 address in dotted form without leading zeros: `10.0.0.1`. */
export type Ipv4 = string & { readonly __brand: "Ipv4" };

/** An address together with the length of its network's prefix, e.g. an interface's `10.0.0.1/24`. */
export interface Ipv4Network {
  readonly address: Ipv4;
  /** 0 to 32. */
  readonly prefixLength: number;
}

/** Reads four decimal bytes; leading zeros are refused because some programs read them as octal. */
export function parseIpv4(text: string): Ipv4 {
  const parts = text.split(".");
  const valid = parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
  if (!valid) {
    throw new DecodeError("invalid", `got ${JSON.stringify(text)}, expected an address like 10.0.0.1`, {
      what: "IPv4 address",
      offset: 0,
    });
  }
  return text as Ipv4;
}

/** From exactly four bytes. */
export function ipv4FromBytes(bytes: Uint8Array): Ipv4 {
  if (bytes.length !== 4) {
    throw new DecodeError("invalid", `got ${bytes.length} bytes, expected 4`, { what: "IPv4 address", offset: 0 });
  }
  return bytes.join(".") as Ipv4;
}

/** The four bytes, as they stand in a packet. */
export function ipv4ToBytes(address: Ipv4): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(address.split("."), Number);
}

/** The address as an unsigned 32-bit number, for ranges and masks. */
export function ipv4ToNumber(address: Ipv4): number {
  return new DataView(ipv4ToBytes(address).buffer).getUint32(0);
}

/** The opposite of `ipv4ToNumber`; of a number with more bits, the lowest 32 count. */
export function ipv4FromNumber(value: number): Ipv4 {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff].join(".") as Ipv4;
}

/** Reads `10.0.0.1/24`. */
export function parseIpv4Network(text: string): Ipv4Network {
  const [address = "", prefix = "", ...more] = text.split("/");
  if (more.length > 0 || !/^(0|[1-9][0-9]?)$/.test(prefix) || Number(prefix) > 32) {
    throw new DecodeError("invalid", `got ${JSON.stringify(text)}, expected a network like 10.0.0.1/24`, {
      what: "IPv4 network",
      offset: 0,
    });
  }
  return { address: parseIpv4(address), prefixLength: Number(prefix) };
}

/** The mask that goes with the prefix length: `255.255.255.0` for /24. */
export function netmaskOf(network: Ipv4Network): Ipv4 {
  return ipv4FromNumber(maskBits(network));
}

/** The network's highest address; for a /31 or /32 there is none that is special, and the result is merely the highest. */
export function broadcastOf(network: Ipv4Network): Ipv4 {
  return ipv4FromNumber((ipv4ToNumber(network.address) | ~maskBits(network)) >>> 0);
}

/** Whether an address is in the network, its lowest and highest address included. */
export function networkContains(network: Ipv4Network, address: Ipv4): boolean {
  const mask = maskBits(network);
  return (ipv4ToNumber(network.address) & mask) === (ipv4ToNumber(address) & mask);
}

function maskBits(network: Ipv4Network): number {
  // A shift by 32 is a shift by 0 in JavaScript, so /0 needs its own case.
  return network.prefixLength === 0 ? 0 : (0xffff_ffff << (32 - network.prefixLength)) >>> 0;
}
