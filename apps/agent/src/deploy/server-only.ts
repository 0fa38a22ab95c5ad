import type { PeerContact, TrackerClient } from "@ingot/swarm";

/** A tracker that introduces nobody but the server itself: everything comes from there, and nobody else is asked. */
export function serverOnly(tracker: TrackerClient, serverFingerprint: string): TrackerClient {
  const onlyServer = (contacts: readonly PeerContact[]): readonly PeerContact[] =>
    contacts.filter(({ fingerprint }) => fingerprint === serverFingerprint);
  return {
    async join(request, signal) {
      const answer = await tracker.join(request, signal);
      return answer.state === "joined" ? { ...answer, neighbours: onlyServer(answer.neighbours) } : answer;
    },
    async report(request, signal) {
      const answer = await tracker.report(request, signal);
      return answer.state === "known" ? { ...answer, neighbours: onlyServer(answer.neighbours) } : answer;
    },
    leave: (signal) => tracker.leave(signal),
  };
}
