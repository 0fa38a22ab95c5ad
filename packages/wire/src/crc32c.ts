/** CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), RFC 7143 §13.1 and RFC 3720 appendix B.4. */

const SLICES = 8;
const TABLES = buildTables();

/**
 * The CRC of `bytes`; pass the previous result as `seed` to continue over the next part.
 * Eight table look-ups per 8 bytes ("slicing by 8"): one dependent step per 8 bytes instead of eight.
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  const t = TABLES;
  let crc = ~seed;
  let i = 0;
  const wholeEnd = bytes.length - (bytes.length % SLICES);
  for (; i < wholeEnd; i += SLICES) {
    const low =
      crc ^
      (byteAt(bytes, i) | (byteAt(bytes, i + 1) << 8) | (byteAt(bytes, i + 2) << 16) | (byteAt(bytes, i + 3) << 24));
    crc =
      word(t, 0x700 + (low & 0xff)) ^
      word(t, 0x600 + ((low >>> 8) & 0xff)) ^
      word(t, 0x500 + ((low >>> 16) & 0xff)) ^
      word(t, 0x400 + (low >>> 24)) ^
      word(t, 0x300 + byteAt(bytes, i + 4)) ^
      word(t, 0x200 + byteAt(bytes, i + 5)) ^
      word(t, 0x100 + byteAt(bytes, i + 6)) ^
      word(t, byteAt(bytes, i + 7));
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ word(t, (crc ^ byteAt(bytes, i)) & 0xff);
  return ~crc >>> 0;
}

// The indices are in range by construction; the assertions keep `noUncheckedIndexedAccess` from adding a branch.
function byteAt(bytes: Uint8Array, i: number): number {
  return bytes[i] as number;
}

function word(table: Int32Array, i: number): number {
  return table[i] as number;
}

function buildTables(): Int32Array {
  const tables = new Int32Array(SLICES * 256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
    tables[n] = crc;
  }
  for (let n = 256; n < tables.length; n++) {
    const previous = word(tables, n - 256);
    tables[n] = (previous >>> 8) ^ word(tables, previous & 0xff);
  }
  return tables;
}
