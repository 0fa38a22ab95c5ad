/** DHCP message types, option 53 (RFC 2132 §9.6). */
export const MessageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** One of the values of `MessageType`. */
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(MessageType).map(([name, code]) => [code, name]));

/** `discover`, `request`, …; or `type N` for a value that RFC 2132 does not define. */
export function nameOfMessageType(type: number): string {
  return NAMES.get(type) ?? `type ${type}`;
}
