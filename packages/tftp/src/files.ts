/** Where the server's files come from. The server itself knows neither directories nor paths. */
export interface TftpFiles {
  /**
   * Opens a file by the name that was asked for: segments joined by `/`, none of them empty, `.` or `..`.
   *
   * @returns undefined when there is no such file; that is answered with ERROR 1 at once.
   * @throws any error when the file is there but cannot be opened; that is answered with ERROR 0.
   */
  open(name: string): Promise<TftpFile | undefined>;
}

/** An open file that does not change while it is open. */
export interface TftpFile {
  readonly sizeBytes: number;
  /**
   * Reads from `offset` until `into` is full. The range MUST be within the size. Calls do not overlap.
   *
   * @throws any error when the bytes cannot be had; the transfer ends with ERROR 0.
   */
  read(offset: number, into: Uint8Array): void | Promise<void>;
  /** Called once, when the transfer is over and no `read` is under way. */
  close(): void | Promise<void>;
}
