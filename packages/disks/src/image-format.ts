import { SECTOR_BYTES } from "./limits.ts";

/** Bytes at the start of an image that `formatOfImage` needs; the whole of a shorter image. */
export const FORMAT_HEAD_BYTES: number = 2 * SECTOR_BYTES;

interface Signature {
  readonly format: string;
  readonly where: "head" | "lastSector";
  readonly offset: number;
  readonly text: string;
}

/**
 * What the containers that people have begin with. A raw disk begins with boot code, which none of these is.
 * A fixed VHD is raw bytes with a footer in its last sector ("conectix"); dynamic ones have a copy of it in front.
 */
const SIGNATURES: readonly Signature[] = [
  { format: "VHD", where: "lastSector", offset: 0, text: "conectix" },
  { format: "VHD", where: "head", offset: 0, text: "conectix" },
  { format: "VHDX", where: "head", offset: 0, text: "vhdxfile" },
  { format: "qcow2", where: "head", offset: 0, text: "QFI\u00fb" },
  { format: "VMDK", where: "head", offset: 0, text: "KDMV" },
  { format: "VMDK", where: "head", offset: 0, text: "COWD" },
  { format: "VMDK descriptor", where: "head", offset: 0, text: "# Disk DescriptorFile" },
  { format: "VDI", where: "head", offset: 0x40, text: "\u007f\u0010\u00da\u00be" },
  { format: "WIM", where: "head", offset: 0, text: "MSWIM\0\0\0" },
  { format: "gzip", where: "head", offset: 0, text: "\u001f\u008b\u0008" },
  { format: "xz", where: "head", offset: 0, text: "\u00fd7zXZ\0" },
  { format: "Zstandard", where: "head", offset: 0, text: "\u0028\u00b5\u002f\u00fd" },
];

/** The name of the container format, or `raw` for bytes that are none of the known ones. */
export function formatOfImage(head: Uint8Array, lastSector: Uint8Array): string {
  const found = SIGNATURES.find(({ where, offset, text }) => {
    const bytes = where === "head" ? head : lastSector;
    return String.fromCharCode(...bytes.subarray(offset, offset + text.length)) === text;
  });
  return found?.format ?? "raw";
}
