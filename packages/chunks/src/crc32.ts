const POLYNOMIAL = 0xedb88320;

/** CRC-32 as GPT uses it (UEFI 2.10 §5.3.2: the CCITT32 ANSI CRC, polynomial 0x04c11db7 reflected). Unsigned. For small inputs. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (POLYNOMIAL & -(crc & 1));
  }
  return ~crc >>> 0;
}
