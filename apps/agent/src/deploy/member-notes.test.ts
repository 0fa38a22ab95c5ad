import { expect, test } from "vitest";
import { memberNotes } from "./member-notes.ts";
import type { MemberEvent } from "./swarm-member.ts";

const FINGERPRINT = "ab".repeat(32);

test("people hear of what holds a machine up, and not of who comes and goes", () => {
  const events: MemberEvent[] = [
    { kind: "connected", fingerprint: FINGERPRINT, host: "10.0.0.7" },
    { kind: "banned", fingerprint: FINGERPRINT, reason: "wrong-bytes", why: "piece 4: chunk 17" },
    { kind: "no-multicast", why: "nothing was heard for 5 s" },
    { kind: "starved", missing: 3, unheld: 2, neighbours: 7 },
    { kind: "fed" },
    { kind: "tracker", isReached: false },
  ];
  const notes: string[] = [];
  events.forEach(memberNotes((text) => notes.push(text)));
  expect(notes).toEqual([
    "banned a peer, abababababab: piece 4: chunk 17",
    "without multicast: nothing was heard for 5 s",
    "waits: nothing comes any more. 3 pieces are missing, 2 of them with none of its 7 neighbours",
    "goes on: what is missing comes again",
  ]);
});
