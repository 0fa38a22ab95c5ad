import { Reader } from "@ingot/wire";

/**
 * Reads option 77 in both forms that are in use.
 *
 * RFC 3004 §4 says a list of (length, text). iPXE, Windows and dhclient's common configuration send one bare text
 * instead. A value whose lengths add up exactly is a list; everything else is one bare class. The bare form cannot be
 * mistaken for a list by accident: its first character would have to be the number of characters after it.
 */
export function decodeUserClass(value: Uint8Array): readonly string[] {
  return readList(value) ?? (value.length === 0 ? [] : [String.fromCharCode(...value)]);
}

function readList(value: Uint8Array): readonly string[] | undefined {
  const classes: string[] = [];
  const reader = new Reader(value, "user class");
  while (reader.remaining > 0) {
    const length = reader.u8();
    if (length === 0 || length > reader.remaining) return undefined;
    classes.push(String.fromCharCode(...reader.bytes(length)));
  }
  return classes.length > 0 ? classes : undefined;
}
