import { DEFAULT_BLKSIZE, MAX_BLKSIZE, MAX_TIMEOUT_SECONDS, MAX_WINDOW_BYTES, MAX_WINDOWSIZE } from "./limits.ts";
import { MIN_BLKSIZE, MIN_TIMEOUT_SECONDS, MIN_WINDOWSIZE } from "./limits.ts";
import type { TftpLimits } from "./limits.ts";
import type { TftpOption } from "./packet.ts";

/** What a transfer runs with after negotiation. */
export interface TransferParameters {
  /** Data bytes per block. */
  readonly blksize: number;
  /** Blocks sent without an acknowledgement. */
  readonly windowsize: number;
  /** The interval the client chose, in milliseconds, or undefined: then ours, which grows. */
  readonly timeoutMs: number | undefined;
}

/** What comes of a request's options. */
export type Negotiation =
  | {
      readonly kind: "agreed";
      readonly parameters: TransferParameters;
      /** The options to acknowledge, in the order asked; empty means that no OACK is sent (RFC 2347). */
      readonly acknowledged: readonly TftpOption[];
    }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * Decides on the options of a read request. Only what was asked for is acknowledged (RFC 2347): an unasked `tsize`
 * makes UEFI clients fail. An option that is unknown, or whose value has no meaning, is left out as if it had not been
 * asked for; an option given twice is refused, because RFC 2347 allows each only once and says not which one counts.
 */
export function negotiateOptions(
  requested: readonly TftpOption[],
  sizeBytes: number,
  limits: Pick<TftpLimits, "maxBlksize" | "maxWindowsize">,
): Negotiation {
  const seen = new Map<string, string>();
  for (const { name, value } of requested) {
    const key = name.toLowerCase();
    if (seen.has(key)) {
      return { kind: "refused", reason: `option ${key} is given twice` };
    }
    seen.set(key, value);
  }
  const blksize = grantedBlksize(seen.get("blksize"), limits.maxBlksize);
  const windowsize = grantedWindowsize(seen.get("windowsize"), limits.maxWindowsize, blksize ?? DEFAULT_BLKSIZE);
  const timeoutSeconds = numberWithin(seen.get("timeout"), MIN_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS);
  const granted: Record<string, number | undefined> = {
    blksize,
    windowsize,
    timeout: timeoutSeconds,
    // RFC 2349: the request's value is 0 and means nothing; some clients send another number.
    tsize: numberWithin(seen.get("tsize"), 0, Number.MAX_SAFE_INTEGER) === undefined ? undefined : sizeBytes,
  };
  const acknowledged = requested.flatMap(({ name }): TftpOption[] => {
    const value = granted[name.toLowerCase()];
    return value === undefined ? [] : [{ name, value: String(value) }];
  });
  const parameters: TransferParameters = {
    blksize: blksize ?? DEFAULT_BLKSIZE,
    windowsize: windowsize ?? 1,
    timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
  };
  return { kind: "agreed", parameters, acknowledged };
}

/** RFC 2348: the server answers with the same or a smaller size. */
function grantedBlksize(value: string | undefined, maxBlksize: number): number | undefined {
  const asked = numberWithin(value, MIN_BLKSIZE, MAX_BLKSIZE);
  return asked === undefined ? undefined : Math.min(asked, maxBlksize);
}

/** RFC 7440 §3: the server answers with the same or a smaller window. */
function grantedWindowsize(value: string | undefined, maxWindowsize: number, blksize: number): number | undefined {
  const asked = numberWithin(value, MIN_WINDOWSIZE, MAX_WINDOWSIZE);
  return asked === undefined ? undefined : Math.min(asked, maxWindowsize, Math.floor(MAX_WINDOW_BYTES / blksize));
}

/** A decimal number between the bounds, or undefined. */
function numberWithin(text: string | undefined, minimum: number, maximum: number): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) {
    return undefined;
  }
  const value = Number(text);
  return value >= minimum && value <= maximum ? value : undefined;
}
