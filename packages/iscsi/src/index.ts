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
export { TargetAcceptor, takeBack } from "./acceptor-socket.ts";
export type { AcceptorCounters, TargetAcceptorOptions } from "./acceptor-socket.ts";
export { isClaimed } from "./handed-connection.ts";
export type { HandedConnection } from "./handed-connection.ts";
export type { Portal } from "./portal-socket.ts";
export { TargetServer } from "./server.ts";
export type { TargetServerOptions } from "./server.ts";
export { TargetHost } from "./target-host-socket.ts";
export type { TargetCounters, TargetHostOptions } from "./target-host-socket.ts";
