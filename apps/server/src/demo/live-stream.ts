import { liveMessageSchema, type LiveMessage } from "@ingot/api";

/** Reads the messages of `GET /api/v1/events/stream` until the stream ends or `signal` aborts. */
export async function* readLiveStream(baseUrl: string, signal: AbortSignal): AsyncGenerator<LiveMessage> {
  const response = await fetch(`${baseUrl}/api/v1/events/stream`, { signal });
  const decoder = new TextDecoder();
  let pending = "";
  for await (const bytes of response.body ?? []) {
    pending += decoder.decode(bytes, { stream: true });
    const blocks = pending.split("\n\n");
    pending = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = block
        .split("\n")
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice("data:".length).trimStart())
        .join("\n");
      if (data !== "") yield liveMessageSchema.parse(JSON.parse(data));
    }
  }
}
