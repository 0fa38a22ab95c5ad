/** Link-layer header types (www.tcpdump.org/linktypes.html) that `udpOfFrame` understands. */
export const LinkType = { ethernet: 1, raw: 101, linuxCooked: 113, linuxCooked2: 276 } as const;

/** One captured frame. */
export interface PcapFrame {
  /** Microseconds since 1970. */
  readonly timestampUs: bigint;
  /** The frame, as much of it as was captured (a view of the file's bytes). */
  readonly bytes: Uint8Array;
  /** The frame's length on the wire; more than `bytes.length` when the capture was cut. */
  readonly lengthOnWire: number;
}

/** A capture file. */
export interface Pcap {
  /** See `LinkType`; other values are kept as they are. */
  readonly linkType: number;
  readonly frames: readonly PcapFrame[];
}

const GLOBAL_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const MAGIC_PCAPNG = 0x0a0d0d0a;
const SNAPSHOT_BYTES = 262_144;

/**
 * Reads a capture in the classic pcap format (draft-ietf-opsawg-pcap), either byte order, micro- or nanoseconds.
 *
 * ```
 *  magic u32 | major u16 | minor u16 | reserved 8 | snaplen u32 | linktype u32
 *  then per frame: seconds u32 | fraction u32 | captured u32 | on wire u32 | bytes
 * ```
 *
 * @throws {Error} when the file is not pcap, or ends inside a frame.
 */
export function readPcap(file: Uint8Array): Pcap {
  if (file.length < GLOBAL_HEADER_BYTES) {
    throw new Error(`pcap: got ${file.length} bytes, expected at least the ${GLOBAL_HEADER_BYTES} bytes of the header`);
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const { littleEndian, nanoseconds } = readMagic(view);
  const linkType = view.getUint32(20, littleEndian) & 0xffff;
  const frames: PcapFrame[] = [];
  let offset = GLOBAL_HEADER_BYTES;
  while (offset < file.length) {
    if (file.length - offset < RECORD_HEADER_BYTES) {
      throw new Error(`pcap: the file ends inside the header of frame ${frames.length} at offset ${offset}`);
    }
    const seconds = BigInt(view.getUint32(offset, littleEndian));
    const fraction = BigInt(view.getUint32(offset + 4, littleEndian));
    const captured = view.getUint32(offset + 8, littleEndian);
    const lengthOnWire = view.getUint32(offset + 12, littleEndian);
    offset += RECORD_HEADER_BYTES;
    if (captured > file.length - offset) {
      throw new Error(
        `pcap: frame ${frames.length} at offset ${offset} has ${captured} bytes, ${file.length - offset} are left`,
      );
    }
    frames.push({
      timestampUs: seconds * 1_000_000n + (nanoseconds ? fraction / 1000n : fraction),
      bytes: file.subarray(offset, offset + captured),
      lengthOnWire,
    });
    offset += captured;
  }
  return { linkType, frames };
}

function readMagic(view: DataView): { littleEndian: boolean; nanoseconds: boolean } {
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian);
    if (magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS) {
      return { littleEndian, nanoseconds: magic === MAGIC_NANOSECONDS };
    }
    if (magic === MAGIC_PCAPNG) {
      throw new Error("pcap: this is a pcapng file; convert it with `editcap -F pcap in.pcapng out.pcap`");
    }
  }
  throw new Error(`pcap: unknown magic 0x${view.getUint32(0).toString(16)}`);
}

/** Writes a capture (little-endian, microseconds): `readPcap` gives the same frames, and Wireshark opens it. */
export function writePcap(pcap: Pcap): Uint8Array {
  const totalBytes = pcap.frames.reduce((sum, frame) => sum + RECORD_HEADER_BYTES + frame.bytes.length, 0);
  const file = new Uint8Array(GLOBAL_HEADER_BYTES + totalBytes);
  const view = new DataView(file.buffer);
  view.setUint32(0, MAGIC_MICROSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAPSHOT_BYTES, true);
  view.setUint32(20, pcap.linkType, true);
  let offset = GLOBAL_HEADER_BYTES;
  for (const frame of pcap.frames) {
    view.setUint32(offset, Number(frame.timestampUs / 1_000_000n), true);
    view.setUint32(offset + 4, Number(frame.timestampUs % 1_000_000n), true);
    view.setUint32(offset + 8, frame.bytes.length, true);
    view.setUint32(offset + 12, frame.lengthOnWire, true);
    file.set(frame.bytes, offset + RECORD_HEADER_BYTES);
    offset += RECORD_HEADER_BYTES + frame.bytes.length;
  }
  return file;
}
