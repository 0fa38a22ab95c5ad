import type { Ipv4 } from "@ingot/wire";
import { bootFieldsOf } from "./boot-answer.ts";
import type { DecideBoot } from "./boot-answer.ts";
import { bootClassOf, bootFactsOf } from "./boot-facts.ts";
import type { Decision, Reply } from "./decision.ts";
import { deliveryOf } from "./delivery.ts";
import { eventBaseOf, ignored, messageTypeOf, refuseAtTheDoor } from "./ignore.ts";
import { MessageType } from "./message-type.ts";
import type { DhcpPacket } from "./packet.ts";
import { maxMessageBytesOf, replyTo } from "./reply.ts";

/** What the proxy and the boot server decide with. */
export interface ProxyDeps {
  readonly serverAddress: Ipv4;
  readonly decideBoot: DecideBoot;
}

/**
 * The proxyDHCP decision about one message on port 67 (PXE 2.1 §2.2): a DISCOVER of a boot client gets an offer
 * without an address, beside the one of the real DHCP server; everything else is that server's business.
 * Throws `DecodeError` for a malformed message.
 */
export function decideProxy(request: DhcpPacket, deps: ProxyDeps): Decision {
  return decideBootReply(request, deps, {
    kind: "proxy-offer",
    asks: (type) => type === MessageType.discover,
    type: MessageType.offer,
    delivery: deliveryOf(request, MessageType.offer),
  });
}

/**
 * The boot server's decision about one message on port 4011 (PXE 2.1 §2.2): the client, which has its address by now,
 * asks for its boot file and is answered at the address and port it asked from.
 * Throws `DecodeError` for a malformed message.
 */
export function decideBootServer(request: DhcpPacket, deps: ProxyDeps): Decision {
  return decideBootReply(request, deps, {
    kind: "boot-server-ack",
    // Firmware sends REQUEST; PXE 2.1 §2.2 also knows INFORM here.
    asks: (type) => type === MessageType.request || type === MessageType.inform,
    type: MessageType.ack,
    delivery: "sender",
  });
}

/** What tells the two ports apart: who is answered, with which message, and where to. */
interface BootReply {
  readonly kind: "proxy-offer" | "boot-server-ack";
  readonly asks: (type: MessageType | undefined) => boolean;
  readonly type: MessageType;
  readonly delivery: Reply["delivery"];
}

function decideBootReply(request: DhcpPacket, deps: ProxyDeps, reply: BootReply): Decision {
  const refusal = refuseAtTheDoor(request);
  if (refusal !== undefined) return refusal;
  const type = messageTypeOf(request);
  if (!reply.asks(type)) return ignored(request, type, "unexpected-message-type");
  const facts = bootFactsOf(request);
  const bootClass = bootClassOf(facts);
  if (bootClass === undefined) return ignored(request, type, "not-a-boot-client");
  const boot = deps.decideBoot(facts);
  if (boot === undefined) return ignored(request, type, "no-boot-answer");
  const packet = replyTo(request, {
    type: reply.type,
    serverAddress: deps.serverAddress,
    ...bootFieldsOf(boot, request, bootClass, reply.kind),
  });
  return {
    reply: { packet, delivery: reply.delivery, maxMessageBytes: maxMessageBytesOf(request) },
    event: { ...eventBaseOf(request, type), kind: reply.kind, facts, boot },
  };
}
