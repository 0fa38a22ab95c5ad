import { createSocket } from "node:dgram";
import { PacketCodec, PacketMemory } from "./packet.ts";
import type { MulticastPlan } from "./plan.ts";
import { keyOf } from "./plan.ts";

/** Whether an authentic packet of a session is heard on the interface with this address within `timeoutMs`: the sender has to be there, begun or not. */
export async function probeMulticast(options: {
  readonly plan: MulticastPlan;
  readonly interfaceAddress: string;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}): Promise<boolean> {
  const { plan, interfaceAddress, timeoutMs = 5000, signal } = options;
  const codec = new PacketCodec(plan.session, keyOf(plan));
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  const heard = Promise.withResolvers<boolean>();
  const giveUp = (): void => heard.resolve(false);
  const timer = setTimeout(giveUp, timeoutMs);
  signal?.addEventListener("abort", giveUp);
  socket.on("message", (bytes) => {
    // A copy: Node may hand out views of memory that others share.
    if (typeof codec.decode(new PacketMemory(Uint8Array.from(bytes)), 0, bytes.length) !== "string")
      heard.resolve(true);
  });
  socket.on("error", heard.reject);
  socket.bind(plan.port, plan.group, () => {
    try {
      socket.addMembership(plan.group, interfaceAddress);
    } catch (error) {
      heard.reject(error);
    }
  });
  try {
    return await heard.promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
    socket.close();
  }
}
