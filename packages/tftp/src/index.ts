export { TftpError } from "./errors.ts";
export type { TftpErrorCode } from "./errors.ts";
export type { TftpClient, TftpCounts, TftpRefusal, TftpServerEvent } from "./events.ts";
export type { TftpFile, TftpFiles } from "./files.ts";
export type { TftpLimits } from "./limits.ts";
export { openTftpServer } from "./server.ts";
export type { TftpServer, TftpServerOptions } from "./server.ts";
export type { TransferFailure } from "./transfer.ts";
