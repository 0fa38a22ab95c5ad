import type { TransferFailure } from "./transfer.ts";

/** The client of a request. */
export interface TftpClient {
  /** IP address as text. */
  readonly address: string;
  /** UDP port, the client's transfer identifier (RFC 1350 §4). */
  readonly port: number;
}

/** Why a request was not served. */
export type TftpRefusal =
  /** No such file (ERROR 1). */
  | "notFound"
  /** The file name is not acceptable (ERROR 2). */
  | "nameInvalid"
  /** The client wanted to write (ERROR 2). */
  | "writeRefused"
  /** A mode other than octet (ERROR 0). */
  | "modeRefused"
  /** Options that contradict each other (ERROR 8). */
  | "optionsRefused"
  /** The file could not be opened (ERROR 0). */
  | "openFailed"
  /** Too many transfers; not answered, so that the client asks again. */
  | "busy"
  /** The server could not open a socket, or the file's owner broke its contract; not answered. */
  | "internal";

interface TransferEnd {
  readonly client: TftpClient;
  readonly filename: string;
  /** Bytes that the client acknowledged. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly retransmittedBlocks: number;
}

/** What happens, in the words of a machine's boot timeline. */
export type TftpServerEvent =
  | {
      readonly kind: "requested";
      readonly client: TftpClient;
      readonly filename: string;
      readonly sizeBytes: number;
      readonly blksize: number;
      readonly windowsize: number;
    }
  | ({ readonly kind: "completed" } & TransferEnd)
  /** The client has learned the size (tsize) and ended the transfer, as UEFI does before each download. Not a failure. */
  | ({ readonly kind: "probed" } & TransferEnd)
  | ({ readonly kind: "failed"; readonly reason: TransferFailure; readonly message: string } & TransferEnd)
  | {
      readonly kind: "refused";
      readonly client: TftpClient;
      /** Undefined when the name is not acceptable. */
      readonly filename: string | undefined;
      readonly reason: TftpRefusal;
      readonly message: string;
    }
  /** A packet that is not TFTP, or makes no sense where it came. It is not answered. */
  | { readonly kind: "garbage"; readonly client: TftpClient; readonly message: string };

/** How often each kind of event has happened. */
export type TftpCounts = Readonly<Record<TftpServerEvent["kind"], number>>;
