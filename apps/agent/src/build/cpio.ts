/** One entry of an archive; its parent directories come before it. */
export type CpioEntry =
  | { readonly kind: "directory"; readonly path: string; readonly mode: number }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

const TYPE_BITS = { directory: 0o040000, file: 0o100000, link: 0o120000 } as const;

/**
 * Writes an archive as the Linux kernel unpacks it into its first root file system (format `newc`, kernel
 * documentation "initramfs buffer format"). Everything belongs to root and has the time `mtime` (seconds since 1970), so that
 * the same entries give the same bytes. Paths are relative, without `./`; files are views, nothing is copied.
 */
export function cpioArchive(entries: readonly CpioEntry[], mtime: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  entries.forEach((entry, index) => {
    const bytes = entry.kind === "file" ? entry.bytes : new TextEncoder().encode(targetOf(entry));
    const mode = TYPE_BITS[entry.kind] | (entry.kind === "link" ? 0o777 : entry.mode);
    parts.push(header({ inode: index + 1, mode, mtime, size: bytes.length, path: entry.path }), bytes, padding(bytes));
  });
  parts.push(header({ inode: 0, mode: 0, mtime: 0, size: 0, path: "TRAILER!!!" }));
  return parts;
}

function targetOf(entry: CpioEntry): string {
  return entry.kind === "link" ? entry.target : "";
}

function header(fields: { inode: number; mode: number; mtime: number; size: number; path: string }): Uint8Array {
  const name = new TextEncoder().encode(`${fields.path}\0`);
  const linkCount = 1;
  const values = [fields.inode, fields.mode, 0, 0, linkCount, fields.mtime, fields.size, 0, 0, 0, 0, name.length, 0];
  const text = `070701${values.map((value) => value.toString(16).toUpperCase().padStart(8, "0")).join("")}`;
  const head = new TextEncoder().encode(text);
  const bytes = new Uint8Array((head.length + name.length + 3) & ~3);
  bytes.set(head);
  bytes.set(name, head.length);
  return bytes;
}

function padding(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(-bytes.length & 3);
}
