import { type Signer, verifySignature } from "@ingot/chunks";
import { DecodeError, Reader, Writer } from "@ingot/wire";
import { SwarmError } from "../errors.ts";

/** What the server says of a member of a swarm, so that the others need not ask it. */
export interface Ticket {
  /** Manifest id of the swarm's image. */
  readonly swarm: string;
  /** Number of the member in the swarm. */
  readonly peer: number;
  /** The member's key. */
  readonly fingerprint: string;
  /** Milliseconds since 1970; not valid from then on. */
  readonly expiresMs: number;
}

/** What a ticket has to fit. */
export interface TicketCheck {
  readonly swarm: string;
  /** The key that the other side of the connection has proved to have. */
  readonly fingerprint: string;
  readonly nowMs: number;
}

const CONTEXT = "ingot ticket v1\n";
const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** Bytes of every ticket. */
export const TICKET_BYTES: number = CONTEXT.length + HASH_BYTES + 4 + HASH_BYTES + 8 + SIGNATURE_BYTES;

/**
 * The ticket in bytes, signed with an Ed25519 key (RFC 8032).
 *
 * ```
 *   0  16  "ingot ticket v1\n", which no other statement signed with that key begins with
 *  16  32  manifest id
 *  48   4  number of the member
 *  52  32  fingerprint
 *  84   8  expiry, ms since 1970
 *  92  64  signature of bytes 0-91
 * ```
 */
export function signTicket(ticket: Ticket, key: Signer): Uint8Array<ArrayBuffer> {
  const statement = new Writer(TICKET_BYTES)
    .ascii(CONTEXT)
    .bytes(Uint8Array.fromHex(ticket.swarm))
    .u32(ticket.peer)
    .bytes(Uint8Array.fromHex(ticket.fingerprint))
    .u64(BigInt(ticket.expiresMs))
    .finish();
  const signature = key.sign(statement);
  const bytes = new Uint8Array(statement.length + signature.length);
  bytes.set(statement);
  bytes.set(signature, statement.length);
  return bytes;
}

/**
 * The ticket, if it is the server's (whose Ed25519 key is `publicKey`, 64 lower-case hex digits), for this swarm and this key, and not expired; else throws
 * `SwarmError` `bad-ticket`.
 */
export function verifyTicket(bytes: Uint8Array, publicKey: string, check: TicketCheck): Ticket {
  const ticket = decodeTicket(bytes);
  const statement = bytes.subarray(0, TICKET_BYTES - SIGNATURE_BYTES);
  if (!verifySignature(statement, bytes.subarray(TICKET_BYTES - SIGNATURE_BYTES), publicKey)) {
    throw badTicket("not signed by this server");
  }
  if (ticket.swarm !== check.swarm) throw badTicket(`for swarm ${ticket.swarm}, expected ${check.swarm}`);
  if (ticket.fingerprint !== check.fingerprint) {
    throw badTicket(`for key ${ticket.fingerprint}, shown by ${check.fingerprint}`);
  }
  if (ticket.expiresMs <= check.nowMs) throw badTicket(`expired ${check.nowMs - ticket.expiresMs} ms ago`);
  return ticket;
}

function decodeTicket(bytes: Uint8Array): Ticket {
  const reader = new Reader(bytes, "ticket");
  try {
    if (new TextDecoder().decode(reader.bytes(CONTEXT.length)) !== CONTEXT) reader.fail("not a ticket");
    const swarm = reader.bytes(HASH_BYTES).toHex();
    const peer = reader.u32();
    const fingerprint = reader.bytes(HASH_BYTES).toHex();
    const expires = reader.u64();
    if (expires > BigInt(Number.MAX_SAFE_INTEGER)) reader.fail(`expiry ${expires}`);
    reader.skip(SIGNATURE_BYTES);
    reader.end();
    return { swarm, peer, fingerprint, expiresMs: Number(expires) };
  } catch (error) {
    if (error instanceof DecodeError) throw badTicket(error.message, error);
    throw error;
  }
}

function badTicket(why: string, cause?: unknown): SwarmError {
  return new SwarmError("bad-ticket", `ticket: ${why}`, { cause });
}
