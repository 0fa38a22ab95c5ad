import { NetbootError } from "./errors.ts";
import { MAX_ISCSI_NAME_BYTES, MAX_SHOWN_CHARACTERS } from "./limits.ts";

/*
 * iPXE splits a script line at white space, then takes `||`, `&&`, `;` and words that begin with `#` for its own, then
 * expands `${…}`; a backslash at the end joins lines. There is no quoting. So a value from outside is either shown,
 * and then cleaned to a set of characters that means nothing to iPXE, or acted on, and then checked against its own
 * grammar and refused.
 */

const NOT_SHOWABLE = /[^A-Za-z0-9._:/@+,=()-]/gu;

/**
 * Text for the screen: machine names, image names, descriptions from operators and from the network. Every character
 * outside of a plain set becomes `?`, white space becomes single spaces, long text is cut. Never empty.
 */
export function shown(text: string): string {
  const words = text
    .split(/\s+/u)
    // A word that begins with a dash could be read as an option by the command it stands behind.
    .map((word) => word.replaceAll(NOT_SHOWABLE, "?").replace(/^-+/, ""))
    .filter((word) => word !== "");
  const plain = words.join(" ") || "?";
  return plain.length > MAX_SHOWN_CHARACTERS ? `${plain.slice(0, MAX_SHOWN_CHARACTERS - 3)}...` : plain;
}

/**
 * An iSCSI name (RFC 3720 §3.2.6): `iqn.`, `eui.` or `naa.` and lower-case letters, digits, dots, dashes and colons.
 * Throws `NetbootError` `unsafe-value`.
 */
export function checkedIscsiName(name: string): string {
  if (name.length > MAX_ISCSI_NAME_BYTES || !/^(iqn|eui|naa)\.[a-z0-9.:-]+$/i.test(name)) {
    throw new NetbootError(
      "unsafe-value",
      `iSCSI name: got ${JSON.stringify(name)}, expected iqn., eui. or naa. and letters, digits, dots, dashes, colons`,
    );
  }
  return name;
}

/** A TCP port other than 0. Throws `NetbootError` `invalid-port`. */
export function checkedPort(port: number, what: string): number {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new NetbootError("invalid-port", `${what}: got port ${port}, expected 1 to 65535`);
  }
  return port;
}

/** The address of the agents' door: `https://`, an address or name, a port. Throws `NetbootError` `unsafe-value`. */
export function checkedAgentServer(url: string): string {
  if (!/^https:\/\/[a-z0-9.-]{1,253}:[1-9][0-9]{0,4}$/i.test(url)) {
    throw new NetbootError(
      "unsafe-value",
      `agents' server: got ${JSON.stringify(url)}, expected https://, a host and a port`,
    );
  }
  return url;
}

/** A key's fingerprint, 64 hexadecimal digits. Throws `NetbootError` `unsafe-value`. */
export function checkedPin(pin: string): string {
  if (!/^[0-9a-f]{64}$/.test(pin)) {
    throw new NetbootError("unsafe-value", `server's pin: got ${JSON.stringify(pin)}, expected 64 hexadecimal digits`);
  }
  return pin;
}

/** Lines to a script; throws `NetbootError` `unsafe-value` when a line holds a line break, which only a value that was not checked can bring in. */
export function scriptFrom(lines: readonly string[]): string {
  for (const line of lines) {
    if (/[\r\n\0\\]/u.test(line))
      throw new NetbootError(
        "unsafe-value",
        `boot script: a line holds a control character or backslash: ${JSON.stringify(line)}`,
      );
  }
  return `#!ipxe\n${lines.join("\n")}\n`;
}
