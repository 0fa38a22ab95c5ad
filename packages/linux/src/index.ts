export { SystemCallError } from "./errors.ts";
export { lockFile } from "./lock-file.ts";
export type { FileLock } from "./lock-file.ts";
export { punchHole, seekData, seekHole } from "./sparse-file.ts";
export { openUdpSocket } from "./udp-socket.ts";
export type { UdpSocketOptions } from "./udp-socket.ts";
