import { TftpError } from "./errors.ts";
import type { TftpRefusal } from "./events.ts";
import { parseFileName } from "./file-name.ts";
import type { TftpFile, TftpFiles } from "./files.ts";
import type { TftpLimits } from "./limits.ts";
import { negotiateOptions } from "./options.ts";
import { ErrorCode } from "./packet.ts";
import type { RequestPacket, TftpOption } from "./packet.ts";
import type { TransferPlan } from "./transfer.ts";

/** What a request leads to. */
export type RequestDecision =
  | {
      readonly kind: "serve";
      readonly filename: string;
      /** Open; whoever gets the decision closes it. */
      readonly file: TftpFile;
      readonly plan: TransferPlan;
      readonly acknowledged: readonly TftpOption[];
    }
  | {
      readonly kind: "refuse";
      readonly filename: string | undefined;
      readonly reason: Exclude<TftpRefusal, "busy" | "internal">;
      /** ERROR packet's code and text. */
      readonly code: number;
      readonly message: string;
      /** For the log, where it may say more than the client is told. */
      readonly detail: string;
    };

/**
 * Decides on a request: only reads, only in octet mode, only names that `files` knows.
 *
 * netascii is refused instead of translated: every file here is a program, and a client that asks in netascii (the
 * default of tftp-hpa's command line) would turn its CR LF into LF and store a broken program without noticing.
 */
export async function decideRequest(
  request: RequestPacket,
  files: TftpFiles,
  limits: Pick<TftpLimits, "maxBlksize" | "maxWindowsize">,
): Promise<RequestDecision> {
  let filename: string;
  try {
    filename = parseFileName(request.filename);
  } catch (cause) {
    if (!(cause instanceof TftpError)) {
      throw cause;
    }
    return refuse(undefined, "nameInvalid", ErrorCode.accessViolation, "Not an acceptable file name", cause.message);
  }
  if (request.kind === "wrq") {
    return refuse(filename, "writeRefused", ErrorCode.accessViolation, "This server only lets files be read");
  }
  if (request.mode !== "octet") {
    return refuse(filename, "modeRefused", ErrorCode.undefined, "Only octet (binary) mode is served");
  }
  let file: TftpFile | undefined;
  try {
    file = await files.open(filename);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    return refuse(filename, "openFailed", ErrorCode.undefined, "The file could not be opened", detail);
  }
  if (file === undefined) {
    return refuse(filename, "notFound", ErrorCode.fileNotFound, "File not found");
  }
  const { sizeBytes } = file;
  const negotiation = negotiateOptions(request.options, sizeBytes, limits);
  if (negotiation.kind === "refused") {
    await file.close();
    return refuse(filename, "optionsRefused", ErrorCode.optionNegotiation, negotiation.reason);
  }
  const { parameters, acknowledged } = negotiation;
  const tsizeAsked = acknowledged.some(({ name }) => name.toLowerCase() === "tsize");
  const plan: TransferPlan = { sizeBytes, parameters, oack: acknowledged.length > 0, tsizeAsked };
  return { kind: "serve", filename, file, plan, acknowledged };
}

function refuse(
  filename: string | undefined,
  reason: Exclude<TftpRefusal, "busy" | "internal">,
  code: number,
  message: string,
  detail: string = message,
): RequestDecision {
  return { kind: "refuse", filename, reason, code, message, detail };
}
