import type { LiveMessage } from "@ingot/api";

/** The names of the server-sent events that the console listens to. */
export const LIVE_MESSAGE_TYPES: readonly LiveMessage["type"][] = [
  "hello",
  "machine",
  "group",
  "disk",
  "image",
  "event",
  "status",
  "sessions",
  "job",
  "task",
  "removed",
];

/**
 * Reads the data of one server-sent event. The console comes from the same server and of the same version (`hello` says so),
 * so the message is taken at its word: checking 5,000 machines against schemas would cost more than drawing them.
 */
export function readLiveMessage(data: string): LiveMessage {
  return JSON.parse(data) as LiveMessage;
}
