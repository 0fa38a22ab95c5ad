import { type Mac, macToBytes } from "@ingot/wire";

/** Where cards look for it does not matter to them; this is the "discard" port, which everybody else uses too. */
export const WAKE_PORT: number = 9;

/** What a sleeping network card starts its machine by: six bytes of ones, then its address sixteen times (AMD, "Magic Packet Technology", 1995). 102 bytes. */
export function magicPacket(mac: Mac): Uint8Array<ArrayBuffer> {
  const repeats = 16;
  const address = macToBytes(mac);
  const packet = new Uint8Array(6 + repeats * address.length).fill(0xff);
  for (let count = 0; count < repeats; count += 1) packet.set(address, 6 + count * address.length);
  return packet;
}
