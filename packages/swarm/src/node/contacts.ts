import { MAX_DIAL_DELAY_MS, MAX_DIAL_FAILURES, MIN_DIAL_DELAY_MS } from "./limits.ts";
import type { PeerAddress, PeerContact } from "./tracker-client.ts";

/** A peer that is to be dialled now. */
export interface Call {
  readonly contact: PeerContact;
  /** Which of its addresses to try, and the count of tries, by which the own address may be chosen. */
  readonly address: PeerAddress;
  readonly attempt: number;
}

interface Entry {
  contact: PeerContact;
  attempt: number;
  failures: number;
  dueAt: number;
  isDialling: boolean;
}

/** Whom the tracker has named, and when each is to be dialled: at once, then less and less often, at last no more until it is named again. */
export class Contacts {
  readonly #entries = new Map<string, Entry>();
  readonly #random: () => number;
  #dialling = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Connections that are being dialled. */
  get dialling(): number {
    return this.#dialling;
  }

  isDialling(fingerprint: string): boolean {
    return this.#entries.get(fingerprint)?.isDialling === true;
  }

  /** The tracker names a peer. */
  introduce(contact: PeerContact, now: number): void {
    const entry = this.#entries.get(contact.fingerprint);
    const fresh = { contact, attempt: 0, failures: 0, dueAt: now, isDialling: false };
    if (entry === undefined) this.#entries.set(contact.fingerprint, fresh);
    else Object.assign(entry, { ...fresh, isDialling: entry.isDialling });
  }

  /** Those that are due and for which `isWanted`, at most `count`; they count as being dialled until `ended`. */
  due(now: number, count: number, isWanted: (fingerprint: string) => boolean): Call[] {
    const calls: Call[] = [];
    for (const [fingerprint, entry] of this.#entries) {
      if (calls.length >= count) break;
      if (entry.isDialling || entry.dueAt > now || !isWanted(fingerprint)) continue;
      const { addresses } = entry.contact;
      const attempt = entry.attempt++;
      const address = addresses[attempt % addresses.length];
      if (address === undefined) continue;
      entry.isDialling = true;
      this.#dialling++;
      calls.push({ contact: entry.contact, address, attempt });
    }
    return calls;
  }

  /** Dialling has come to its end: well, or not, and then it is tried again later. */
  ended(fingerprint: string, isConnected: boolean, now: number): void {
    const entry = this.#entries.get(fingerprint);
    if (entry?.isDialling === true) {
      entry.isDialling = false;
      this.#dialling--;
    }
    if (entry === undefined) return;
    if (isConnected) entry.failures = 0;
    else this.retry(fingerprint, now);
  }

  /** The peer has connected of its own accord. */
  reached(fingerprint: string): void {
    const entry = this.#entries.get(fingerprint);
    if (entry !== undefined) entry.failures = 0;
  }

  /** A connection did not come about, or ended: the peer is dialled again after a while. */
  retry(fingerprint: string, now: number): void {
    const entry = this.#entries.get(fingerprint);
    if (entry === undefined) return;
    entry.failures++;
    if (entry.failures > MAX_DIAL_FAILURES) {
      this.forget(fingerprint);
      return;
    }
    const delay = Math.min(MAX_DIAL_DELAY_MS, MIN_DIAL_DELAY_MS * 2 ** (entry.failures - 1));
    entry.dueAt = now + delay * (0.5 + this.#random());
  }

  /** The peer is not dialled any more, unless it is named again. */
  forget(fingerprint: string): void {
    if (this.#entries.get(fingerprint)?.isDialling === true) this.#dialling--;
    this.#entries.delete(fingerprint);
  }
}
