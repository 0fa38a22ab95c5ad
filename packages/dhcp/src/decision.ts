import type { Ipv4, Mac } from "@ingot/wire";
import type { BootAnswer } from "./boot-answer.ts";
import type { BootFacts } from "./boot-facts.ts";
import type { Delivery } from "./delivery.ts";
import type { Lease } from "./lease.ts";
import type { RefusalReason } from "./lease-table.ts";
import type { MessageType } from "./message-type.ts";
import type { DhcpPacket } from "./packet.ts";

/** Why a message gets no answer. */
export type IgnoredReason =
  | "not-a-request"
  | "too-many-hops"
  | "unexpected-message-type"
  | "no-client-identity"
  | "no-subnet"
  | "no-address-asked"
  | "pool-exhausted"
  | "chose-another-server"
  | "unknown-lease"
  | "not-a-boot-client"
  | "no-boot-answer";

interface EventBase {
  readonly xid: number;
  /** `undefined` for interfaces other than Ethernet. */
  readonly mac: Mac | undefined;
  readonly messageType: MessageType | undefined;
  /** The relay, when there is one between. */
  readonly giaddr: Ipv4 | undefined;
}

/** One decision about one message, for logs and for the machine's boot timeline. */
export type DhcpEvent = EventBase &
  (
    | {
        readonly kind: "offer" | "ack";
        readonly address: Ipv4;
        readonly facts: BootFacts;
        readonly boot: BootAnswer | undefined;
      }
    | { readonly kind: "inform-ack"; readonly facts: BootFacts; readonly boot: BootAnswer | undefined }
    | { readonly kind: "proxy-offer" | "boot-server-ack"; readonly facts: BootFacts; readonly boot: BootAnswer }
    | { readonly kind: "nak"; readonly address: Ipv4; readonly reason: RefusalReason }
    | { readonly kind: "release" | "decline"; readonly address: Ipv4 }
    | {
        readonly kind: "ignored";
        readonly reason: IgnoredReason;
        /** The server it chose instead. */ readonly server?: Ipv4;
      }
  );

/** A message to send. */
export interface Reply {
  readonly packet: DhcpPacket;
  /** `sender`: back to the address and port that the request came from (port 4011). */
  readonly delivery: Delivery | "sender";
  /** From the client's option 57. */
  readonly maxMessageBytes: number;
}

/** What to do with one message: change the store first, then send the reply, then tell the event. */
export interface Decision {
  readonly store?:
    | { readonly kind: "save"; readonly lease: Lease }
    | { readonly kind: "delete"; readonly client: string };
  readonly reply?: Reply;
  readonly event: DhcpEvent;
}
