export { duplicateDescriptor } from "./descriptor.ts";
export { SystemCallError } from "./errors.ts";
export { openRawIcmp6Socket } from "./icmp6-socket.ts";
export type { Icmp6Packet, Icmp6Socket, Icmp6SocketOptions } from "./icmp6-socket.ts";
export { lockFile } from "./lock-file.ts";
export type { FileLock } from "./lock-file.ts";
export { punchHole, seekData, seekHole } from "./sparse-file.ts";
export { openUdpSocket } from "./udp-socket.ts";
export type { UdpSocketOptions } from "./udp-socket.ts";
