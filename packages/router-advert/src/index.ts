export { decodeRouterMessage, encodeEmptyAdvertisement, encodeSolicitation, MessageType } from "./message.ts";
export type { ReceivedMessage, RouterMessage } from "./message.ts";
export { ALL_NODES, ALL_ROUTERS, Responder } from "./responder.ts";
export type { Decision, SilenceReason } from "./responder.ts";
export { startRouterAdvertServer } from "./server.ts";
export type { RouterAdvertCounters, RouterAdvertOptions, RouterAdvertServer } from "./server.ts";
