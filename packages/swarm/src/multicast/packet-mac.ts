// oxlint-disable-next-line import/no-nodejs-modules -- computes, does no I/O
import { hash } from "node:crypto";
import { KEY_BYTES, MAC_BYTES, PACKET_BYTES } from "./limits.ts";

/**
 * The authenticator of a packet: the first 16 bytes of SHA-256(key ‖ packet). What was cut off keeps a longer packet from being
 * forged out of a known one, for which HMAC would hash twice. It tells strangers' packets from the job's; everybody in the job
 * has the key, so it is the chunks' own hashes that decide what is written.
 */
export class PacketMac {
  /** The key, then the packet: one call hashes both. */
  readonly #input = new Uint8Array(KEY_BYTES + PACKET_BYTES);
  /** What is hashed of a packet of full length, as nearly all are. */
  readonly #inputOfFull: Uint8Array = this.#input.subarray(0, KEY_BYTES + PACKET_BYTES - MAC_BYTES);

  /** RangeError for a key that has not 32 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== KEY_BYTES) throw new RangeError(`multicast key of ${key.length} bytes: expected ${KEY_BYTES}`);
    this.#input.set(key);
  }

  /** Writes the authenticator of `bytes[start, end)` behind it. At most `PACKET_BYTES - MAC_BYTES` bytes. */
  sign(bytes: Uint8Array, start: number, end: number): void {
    const digest = this.#digestOf(bytes, start, end);
    for (let index = 0; index < MAC_BYTES; index++) bytes[end + index] = digest.charCodeAt(index);
  }

  /** Whether the 16 bytes behind `bytes[start, end)` are its authenticator. */
  verify(bytes: Uint8Array, start: number, end: number): boolean {
    const digest = this.#digestOf(bytes, start, end);
    let difference = 0;
    for (let index = 0; index < MAC_BYTES; index++) difference |= digest.charCodeAt(index) ^ (bytes[end + index] ?? -1);
    return difference === 0;
  }

  /** As a string of byte values, which costs half of what a buffer costs. */
  #digestOf(bytes: Uint8Array, start: number, end: number): string {
    this.#input.set(bytes.subarray(start, end), KEY_BYTES);
    const inputBytes = KEY_BYTES + end - start;
    const isFull = inputBytes === this.#inputOfFull.length;
    return hash("sha256", isFull ? this.#inputOfFull : this.#input.subarray(0, inputBytes), "latin1");
  }
}
