import { TftpError } from "./errors.ts";

const BACKSLASH = 0x5c;
const SLASH = 0x2f;
const PAD = 0xff;

/**
 * The file name of a request in one form: segments joined by `/`, none of them empty, `.` or `..`. What the name
 * means is the `TftpFiles` implementation's decision; this only takes away what no honest name has.
 *
 * @throws {TftpError} `nameInvalid`: empty, a `..` segment, a control character, or not UTF-8.
 */
export function parseFileName(bytes: Uint8Array): string {
  let end = bytes.length;
  // PXE clients that are given the boot file as DHCP option 67 alone append the 0xFF (end option) or the NUL that
  // follow it in the packet (seen with UniFi gateways and Kea).
  while (end > 0 && (bytes[end - 1] === PAD || bytes[end - 1] === 0)) {
    end -= 1;
  }
  // Windows Deployment Services' boot programs ask with backslashes.
  const slashed = bytes.slice(0, end).map((byte) => (byte === BACKSLASH ? SLASH : byte));
  const name = decodeUtf8(slashed);
  if (/\p{Cc}/u.test(name)) {
    throw new TftpError("nameInvalid", `file name ${JSON.stringify(name)} holds a control character`);
  }
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.length === 0) {
    throw new TftpError("nameInvalid", `file name ${JSON.stringify(name)} names no file`);
  }
  if (segments.includes("..")) {
    throw new TftpError("nameInvalid", `file name ${JSON.stringify(name)} leads upwards`);
  }
  return segments.join("/");
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new TftpError("nameInvalid", `file name of ${bytes.length} bytes is not UTF-8`, { cause });
  }
}
