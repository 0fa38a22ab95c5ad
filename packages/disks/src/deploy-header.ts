import { bytesFromHex, crc32c, DecodeError, hexFromBytes, Reader, Writer } from "@ingot/wire";

import { AREA_HEADER_BYTES } from "./deploy-area.ts";

const MAGIC = "INGOTDEP";
const VERSION = 1;
const HEADER_CRC_OFFSET = 72;

/** How far a deployment is. */
export const DeployState = {
  /** It is being found out what stands on the disk. */
  scanning: 1,
  /** Chunks come from elsewhere. */
  filling: 2,
  /** Everything is there but the bytes under the area. */
  complete: 3,
} as const;
/** One of the values of `DeployState`. */
export type DeployState = (typeof DeployState)[keyof typeof DeployState];

/** The first page of a deployment's area (docs/formats/deployment.md). */
export interface DeployHeader {
  readonly state: DeployState;
  readonly chunkCount: number;
  readonly emptyCount: number;
  readonly sizeBytes: number;
  /** Where the area begins on the target; undefined in a file beside it. */
  readonly offset: number | undefined;
  /** 64 hexadecimal digits. */
  readonly manifestId: string;
}

const BESIDE = 2n ** 64n - 1n;

/** The header's 4096 bytes. */
export function encodeDeployHeader(header: DeployHeader): Uint8Array {
  const writer = new Writer(AREA_HEADER_BYTES)
    .ascii(MAGIC)
    .u32(VERSION)
    .u32(header.state)
    .u32(header.chunkCount)
    .u32(header.emptyCount)
    .u64(BigInt(header.sizeBytes))
    .u64(header.offset === undefined ? BESIDE : BigInt(header.offset))
    .bytes(bytesFromHex(header.manifestId));
  return writer
    .u32(crc32c(writer.finish()))
    .zeros(AREA_HEADER_BYTES - HEADER_CRC_OFFSET - 4)
    .finish();
}

/** Undefined when the bytes are not an undamaged header of a version that is known: then they are anybody's. */
export function decodeDeployHeader(bytes: Uint8Array): DeployHeader | undefined {
  const reader = new Reader(bytes, "deployment header");
  try {
    if (String.fromCharCode(...reader.bytes(MAGIC.length)) !== MAGIC || reader.u32() !== VERSION) return undefined;
    const state = reader.u32();
    const counts = { chunkCount: reader.u32(), emptyCount: reader.u32(), sizeBytes: Number(reader.u64()) };
    const offset = reader.u64();
    const manifestId = hexFromBytes(reader.bytes(32));
    if (reader.u32() !== crc32c(bytes.subarray(0, HEADER_CRC_OFFSET))) return undefined;
    if (!isState(state)) return undefined;
    return { state, ...counts, offset: offset === BESIDE ? undefined : Number(offset), manifestId };
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function isState(value: number): value is DeployState {
  return value >= DeployState.scanning && value <= DeployState.complete;
}
