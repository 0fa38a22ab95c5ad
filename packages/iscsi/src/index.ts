export type { BlockDevice } from "./block-device.ts";
export type {
  DiscoveredTarget,
  LoginParties,
  RefusalReason,
  ReservationStore,
  Resolution,
  TargetDirectory,
  TargetLogin,
} from "./directory.ts";
export { IscsiError } from "./errors.ts";
export type { IscsiErrorCode } from "./errors.ts";
export type { ChapRequirement } from "./iscsi/chap.ts";
export { LoginStatus, nameOfLoginStatus } from "./iscsi/login-pdu.ts";
export type { SessionParameters } from "./iscsi/negotiation.ts";
export type { SessionCounters, SessionInfo } from "./iscsi/session-info.ts";
export type { EndReason, IscsiEvent } from "./iscsi/target.ts";
export { TargetServer } from "./server.ts";
export type { TargetCounters, TargetServerOptions } from "./server.ts";
