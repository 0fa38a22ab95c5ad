import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeServerKey } from "../../test/server-key.ts";
import { SwarmError } from "../errors.ts";
import { TICKET_BYTES, signTicket, verifyTicket } from "./ticket.ts";

const server = makeServerKey();
const SWARM = "ab".repeat(32);
const FINGERPRINT = "cd".repeat(32);
const TICKET = { swarm: SWARM, peer: 7, fingerprint: FINGERPRINT, expiresMs: 2000 };
const CHECK = { swarm: SWARM, fingerprint: FINGERPRINT, nowMs: 1999 };

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof SwarmError) return error.code;
    throw error;
  }
  return undefined;
}

describe("a ticket", () => {
  it("is these bytes in front of its signature", () => {
    const bytes = signTicket(TICKET, server);
    expect(bytes.length).toBe(TICKET_BYTES);
    expect(bytes.subarray(0, 92).toHex()).toBe(
      Buffer.from("ingot ticket v1\n").toString("hex") + // what it is
        SWARM + // manifest id
        "00000007" + // member
        FINGERPRINT + // its key
        "00000000000007d0", // 2000 ms after 1970
    );
  });

  it("comes back as it was signed", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (peer, expiresMs) => {
        const ticket = { ...TICKET, peer, expiresMs: expiresMs + 2000 };
        expect(verifyTicket(signTicket(ticket, server), server.publicKey, CHECK)).toEqual(ticket);
      }),
      { numRuns: 50 },
    );
  });

  it("is worth nothing with any bit changed", () => {
    const good = signTicket(TICKET, server);
    fc.assert(
      fc.property(fc.nat(TICKET_BYTES * 8 - 1), (bit) => {
        const bad = good.slice();
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(codeOf(() => verifyTicket(bad, server.publicKey, CHECK))).toBe("bad-ticket");
      }),
    );
  });

  it.each([
    ["of another swarm", { swarm: "00".repeat(32) }],
    ["of another key", { fingerprint: "00".repeat(32) }],
    ["that has expired", { nowMs: 2000 }],
  ])("%s is refused", (_name, change) => {
    const bytes = signTicket(TICKET, server);
    expect(codeOf(() => verifyTicket(bytes, server.publicKey, { ...CHECK, ...change }))).toBe("bad-ticket");
  });

  it("of another server is refused", () => {
    const other = makeServerKey();
    expect(codeOf(() => verifyTicket(signTicket(TICKET, other), server.publicKey, CHECK))).toBe("bad-ticket");
  });

  it.each([0, 1, 16, 91, TICKET_BYTES - 1, TICKET_BYTES + 1])("of %d bytes is refused", (length) => {
    const bytes = new Uint8Array(length);
    bytes.set(signTicket(TICKET, server).subarray(0, length));
    expect(codeOf(() => verifyTicket(bytes, server.publicKey, CHECK))).toBe("bad-ticket");
  });
});
