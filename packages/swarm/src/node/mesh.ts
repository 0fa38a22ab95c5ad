import { SwarmError } from "../errors.ts";
import type { SwarmClock } from "./clock.ts";
import { type Call, Contacts } from "./contacts.ts";
import type { ControlConnection, DialOptions } from "./control-socket.ts";
import { ByeReason, type Hello } from "./frames.ts";
import { HANDSHAKE_MS, MAX_DIALS, MAX_LINKS, MAX_STRANGERS } from "./limits.ts";
import { Link } from "./link-socket.ts";
import type { PeerAddress, PeerContact } from "./tracker-client.ts";

/** A neighbour that is connected now, as far as the mesh has to know it. */
interface Connected {
  readonly instance: number;
}

/** What a mesh needs. */
export interface MeshDeps {
  readonly fingerprint: string;
  readonly pieceCount: number;
  readonly clock: SwarmClock;
  readonly random: () => number;
  readonly dial: (to: Pick<DialOptions, "address" | "fingerprint">, attempt: number) => Promise<ControlConnection>;
  /** Throws `SwarmError` `bad-ticket`. */
  readonly checkTicket: (ticket: Uint8Array, fingerprint: string) => void;
  /** Undefined as long as there is no ticket. */
  readonly hello: (isRemote: boolean) => Hello | undefined;
  /** `instance`: of its hello, once that is there. */
  readonly isBanned: (fingerprint: string, instance?: number) => boolean;
  readonly connected: (fingerprint: string) => Connected | undefined;
  readonly connectedCount: () => number;
  /** The other side has started anew: the connection before is dead. */
  readonly onReplaced: (fingerprint: string) => void;
  /** A connection is made, and both sides know each other. Its events are to be taken over at once. */
  readonly onConnected: (link: Link, hello: Hello, isRemote: boolean) => void;
  /** A peer could not be reached; it is tried again. */
  readonly onUnreachable: (address: PeerAddress, why: string) => void;
}

interface Stranger {
  readonly since: number;
  /** Set for a connection of our making. */
  readonly contact: PeerContact | undefined;
}

/**
 * Makes the connections between peers: dials whom the tracker names, lets in who shows a ticket, and sees to it that there is one
 * connection for each pair. Of two that are made at once, that of the peer with the lower fingerprint stays.
 */
export class Mesh {
  readonly #deps: MeshDeps;
  readonly #contacts: Contacts;
  readonly #strangers = new Map<Link, Stranger>();
  #isClosed = false;

  constructor(deps: MeshDeps) {
    this.#deps = deps;
    this.#contacts = new Contacts(deps.random);
  }

  introduce(contacts: readonly PeerContact[]): void {
    const { fingerprint, clock } = this.#deps;
    for (const contact of contacts) {
      if (contact.fingerprint !== fingerprint) this.#contacts.introduce(contact, clock.now());
    }
    this.#dialDue();
  }

  /** Somebody has come by the control door. */
  take(connection: ControlConnection): void {
    if (this.#isClosed || this.#strangers.size >= MAX_STRANGERS) {
      connection.socket.destroy();
      return;
    }
    this.#meet(connection, undefined);
  }

  /** A connection has ended; if the peer was named by the tracker, it is dialled again. */
  lost(fingerprint: string, reason?: ByeReason): void {
    const isOver = reason === ByeReason.leaving || reason === ByeReason.banned;
    if (isOver) this.#contacts.forget(fingerprint);
    else this.#contacts.retry(fingerprint, this.#deps.clock.now());
  }

  /** What time brings: to be called about twice a second. */
  tick(): void {
    const now = this.#deps.clock.now();
    for (const [link, { since, contact }] of this.#strangers) {
      if (now - since < HANDSHAKE_MS) continue;
      link.destroy();
      this.#endStranger(link, contact, false);
    }
    this.#dialDue();
  }

  close(): void {
    this.#isClosed = true;
    for (const link of this.#strangers.keys()) link.destroy();
    this.#strangers.clear();
  }

  #dialDue(): void {
    if (this.#isClosed) return;
    const { clock, connected, isBanned } = this.#deps;
    const isWanted = (fingerprint: string): boolean => connected(fingerprint) === undefined && !isBanned(fingerprint);
    const room = MAX_DIALS - this.#contacts.dialling;
    for (const call of this.#contacts.due(clock.now(), room, isWanted)) void this.#dial(call);
  }

  async #dial({ contact, address, attempt }: Call): Promise<void> {
    const { fingerprint, isRemote } = contact;
    try {
      const connection = await this.#deps.dial({ address, fingerprint }, attempt);
      const hello = this.#deps.hello(isRemote);
      if (this.#isClosed || hello === undefined) {
        connection.socket.destroy();
        this.#dialled(fingerprint, false);
        return;
      }
      this.#meet(connection, contact).send(hello);
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      this.#deps.onUnreachable(address, error.message);
      this.#dialled(fingerprint, false);
    }
  }

  #dialled(fingerprint: string, isConnected: boolean): void {
    this.#contacts.ended(fingerprint, isConnected, this.#deps.clock.now());
    this.#dialDue();
  }

  /** Waits for the other side's hello. */
  #meet(connection: ControlConnection, contact: PeerContact | undefined): Link {
    const { clock, pieceCount } = this.#deps;
    const { fingerprint } = connection;
    const now = (): number => clock.now();
    const options = { ...connection, isDialled: contact !== undefined, pieceCount, now };
    const link = Link.open(options, {
      onMessage: (message) => {
        if (message.type === "hello") {
          this.#admit(link, message, contact);
          return;
        }
        // Not banned, whatever it is: who has shown no ticket comes again with another key.
        link.destroy();
        this.#endStranger(link, contact, false);
        if (message.type === "bye" && contact !== undefined) this.lost(fingerprint, message.reason);
      },
      onEnd: () => this.#endStranger(link, contact, false),
    });
    this.#strangers.set(link, { since: clock.now(), contact });
    return link;
  }

  #admit(link: Link, hello: Hello, contact: PeerContact | undefined): void {
    const { fingerprint } = link;
    const objection = this.#objectionTo(link, hello);
    const isRemote = contact?.isRemote ?? hello.isRemote;
    const answer = link.isDialled ? undefined : this.#deps.hello(isRemote);
    if (objection !== undefined || (answer === undefined && !link.isDialled)) {
      link.end(objection ?? ByeReason.badTicket);
      this.#endStranger(link, contact, false);
      return;
    }
    if (this.#deps.connected(fingerprint) !== undefined) this.#deps.onReplaced(fingerprint);
    if (answer !== undefined) link.send(answer);
    this.#endStranger(link, contact, true);
    this.#contacts.reached(fingerprint);
    this.#deps.onConnected(link, hello, isRemote);
  }

  #objectionTo(link: Link, hello: Hello): ByeReason | undefined {
    const { fingerprint } = link;
    const deps = this.#deps;
    if (deps.isBanned(fingerprint, hello.instance)) return ByeReason.banned;
    try {
      deps.checkTicket(hello.ticket, fingerprint);
    } catch (error) {
      if (error instanceof SwarmError) return ByeReason.badTicket;
      throw error;
    }
    const before = deps.connected(fingerprint);
    if (fingerprint === deps.fingerprint || before?.instance === hello.instance) return ByeReason.duplicate;
    const isOursComing = !link.isDialled && this.#contacts.isDialling(fingerprint);
    if (isOursComing && deps.fingerprint < fingerprint) return ByeReason.duplicate;
    return before === undefined && deps.connectedCount() >= MAX_LINKS ? ByeReason.full : undefined;
  }

  #endStranger(link: Link, contact: PeerContact | undefined, isConnected: boolean): void {
    this.#strangers.delete(link);
    if (contact !== undefined) this.#dialled(contact.fingerprint, isConnected);
  }
}
