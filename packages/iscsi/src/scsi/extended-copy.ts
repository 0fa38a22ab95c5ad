import type { BlockDevice } from "../block-device.ts";
import { byteAt, u16At, u32At, u64At } from "../bytes.ts";
import { MAX_COPY_SEGMENTS, MAX_COPY_TARGETS } from "../limits.ts";
import { BLOCK_BYTES } from "./logical-unit.ts";
import { CheckCondition, SenseOf } from "./sense.ts";

/** Descriptor types of the parameter list (SPC-4 §6.4.4, §6.4.6): the ones we take. */
export const IDENTIFICATION_TARGET = 0xe4;
export const BLOCK_TO_BLOCK_SEGMENT = 0x02;

const HEADER_BYTES = 16;
const TARGET_BYTES = 32;
const SEGMENT_BYTES = 28;

/** All descriptors of one parameter list together, reported as MAXIMUM DESCRIPTOR LIST LENGTH. */
export const MAX_DESCRIPTOR_LIST_BYTES: number = MAX_COPY_TARGETS * TARGET_BYTES + MAX_COPY_SEGMENTS * SEGMENT_BYTES;

/** The longest parameter list. */
export const MAX_COPY_PARAMETER_BYTES: number = HEADER_BYTES + MAX_DESCRIPTOR_LIST_BYTES;

/** Bytes read and written at a time. */
const PIECE_BYTES = 1_048_576;

/** One block device to block device segment. */
export interface CopySegment {
  readonly sourceLba: number;
  readonly destinationLba: number;
  readonly blockCount: number;
  /** Places in the list of targets. */
  readonly source: number;
  readonly destination: number;
}

/** COPY MANAGER STATUS of RECEIVE COPY STATUS(LID1) (SPC-4 table 332). */
export const CopyManagerStatus = { inProgress: 0x00, completed: 0x01, completedWithErrors: 0x02 } as const;
/** One of the values of `CopyManagerStatus`. */
export type CopyManagerStatus = (typeof CopyManagerStatus)[keyof typeof CopyManagerStatus];

/** How far a copy is. */
export interface CopyProgress {
  readonly listId: number;
  status: CopyManagerStatus;
  segments: number;
  bytes: number;
}

/** What an EXTENDED COPY asks for. */
export interface CopyList {
  readonly listId: number;
  /** LIST ID USAGE 11b: the list identifier means nothing and nothing is remembered. */
  readonly isUnnamed: boolean;
  /** Designators of the targets, as in VPD page 83h: code set, type with association, and value. */
  readonly targets: readonly Uint8Array[];
  readonly segments: readonly CopySegment[];
}

/** Reads the parameter list of EXTENDED COPY(LID1) (SPC-4 §6.4.3). Throws what the standard says for each thing that is wrong with it. */
export function decodeCopyList(list: Uint8Array): CopyList {
  if (list.length < HEADER_BYTES) throw new CheckCondition(SenseOf.parameterListLengthError);
  const targetBytes = u16At(list, 2);
  const segmentBytes = u32At(list, 8);
  if (u32At(list, 12) !== 0) throw new CheckCondition(SenseOf.inlineDataLengthExceeded);
  const isCut = list.length < HEADER_BYTES + targetBytes + segmentBytes;
  if (isCut || targetBytes + segmentBytes > MAX_DESCRIPTOR_LIST_BYTES)
    throw new CheckCondition(SenseOf.parameterListLengthError);
  return {
    listId: byteAt(list, 0),
    isUnnamed: (byteAt(list, 1) & 0x18) === 0x18,
    targets: decodeTargets(list.subarray(HEADER_BYTES, HEADER_BYTES + targetBytes)),
    segments: decodeSegments(list.subarray(HEADER_BYTES + targetBytes, HEADER_BYTES + targetBytes + segmentBytes)),
  };
}

/** Identification descriptor target descriptors (SPC-4 §6.4.5.2): 32 bytes, the designator in 4 to 27. */
function decodeTargets(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length % TARGET_BYTES !== 0) throw new CheckCondition(SenseOf.parameterListLengthError);
  if (bytes.length / TARGET_BYTES > MAX_COPY_TARGETS) throw new CheckCondition(SenseOf.tooManyTargetDescriptors);
  const targets: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += TARGET_BYTES) {
    if (byteAt(bytes, at) !== IDENTIFICATION_TARGET)
      throw new CheckCondition(SenseOf.unsupportedTargetDescriptorTypeCode);
    const length = byteAt(bytes, at + 7);
    if (length > 20) throw new CheckCondition(SenseOf.invalidFieldInParameterList);
    targets.push(
      Uint8Array.of(
        byteAt(bytes, at + 4) & 0x0f,
        byteAt(bytes, at + 5) & 0x3f,
        ...bytes.subarray(at + 8, at + 8 + length),
      ),
    );
  }
  return targets;
}

/** Block device to block device segment descriptors (SPC-4 §6.4.6.3): 28 bytes. */
function decodeSegments(bytes: Uint8Array): CopySegment[] {
  const segments: CopySegment[] = [];
  for (let at = 0; at < bytes.length; at += SEGMENT_BYTES) {
    if (byteAt(bytes, at) !== BLOCK_TO_BLOCK_SEGMENT)
      throw new CheckCondition(SenseOf.unsupportedSegmentDescriptorTypeCode);
    if (segments.length === MAX_COPY_SEGMENTS) throw new CheckCondition(SenseOf.tooManySegmentDescriptors);
    if (at + SEGMENT_BYTES > bytes.length || u16At(bytes, at + 2) !== SEGMENT_BYTES - 4)
      throw new CheckCondition(SenseOf.parameterListLengthError);
    segments.push({
      source: u16At(bytes, at + 4),
      destination: u16At(bytes, at + 6),
      blockCount: u16At(bytes, at + 10),
      sourceLba: u64At(bytes, at + 12),
      destinationLba: u64At(bytes, at + 20),
    });
  }
  return segments;
}

/** Copies one segment within a disk, in the direction that keeps what overlaps whole. */
export async function copySegment(device: BlockDevice, segment: CopySegment): Promise<void> {
  const length = segment.blockCount * BLOCK_BYTES;
  const from = segment.sourceLba * BLOCK_BYTES;
  const to = segment.destinationLba * BLOCK_BYTES;
  const piece = new Uint8Array(Math.min(PIECE_BYTES, length));
  const count = Math.ceil(length / PIECE_BYTES);
  for (let i = 0; i < count; i++) {
    const at = (to > from ? count - 1 - i : i) * PIECE_BYTES;
    const part = piece.subarray(0, Math.min(PIECE_BYTES, length - at));
    await device.read(from + at, part);
    await device.write(to + at, part);
  }
}
