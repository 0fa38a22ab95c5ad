import { endianness } from "node:os";

/** <sys/socket.h> */
export const AF_INET = 2;

/** Bytes of a `struct sockaddr_in`. */
export const SOCKET_ADDRESS_BYTES = 16;

/** An IPv4 address and a UDP port. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** `struct sockaddr_in`: family in host order, port and address in network order, eight bytes of padding. */
export function encodeSocketAddress({ address, port }: SocketAddress): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SOCKET_ADDRESS_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, endianness() === "LE");
  view.setUint16(2, port);
  bytes.set(ipv4Bytes(address), 4);
  return bytes;
}

/** Address and port of a `struct sockaddr_in` that the kernel wrote. */
export function decodeSocketAddress(bytes: Uint8Array): SocketAddress {
  return {
    address: bytes.subarray(4, 8).join("."),
    port: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint16(2),
  };
}

/** The four bytes of an address. */
export function ipv4Bytes(address: string): number[] {
  return address.split(".").map(Number);
}
