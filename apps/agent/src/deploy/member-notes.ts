import type { MemberEvent } from "./swarm-member.ts";

/** Tells people of what they should know of a machine's part in a swarm, as remarks. */
export function memberNotes(note: (text: string) => void): (event: MemberEvent) => void {
  return (event) => {
    const text = wordsOf(event);
    if (text !== undefined) note(text);
  };
}

function wordsOf(event: MemberEvent): string | undefined {
  switch (event.kind) {
    case "banned":
      return `banned a peer, ${event.fingerprint.slice(0, 12)}: ${event.why}`;
    case "no-multicast":
      return `without multicast: ${event.why}`;
    case "starved":
      return `waits: nothing comes any more. ${event.missing} pieces are missing, ${event.unheld} of them with none of its ${event.neighbours} neighbours`;
    case "fed":
      return "goes on: what is missing comes again";
    case "connected":
    case "lost":
    case "failed-fetch":
    case "unreachable":
    case "tracker":
    case "refused":
      return undefined;
  }
}
