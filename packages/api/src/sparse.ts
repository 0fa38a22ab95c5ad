import { UploadError } from "./errors.ts";
import { MAX_IMAGE_BYTES, MAX_RECORD_BYTES, SECTOR_BYTES } from "./limits.ts";

const magic = Uint8Array.of(0x49, 0x4e, 0x47, 0x4f, 0x54, 0x53, 0x50, 0x0a); // "INGOTSP\n"
const formatVersion = 2;
/** Without don't-care records; still read. */
const firstFormatVersion = 1;
/** In the place of a record's length: the record says that nobody needs the range. */
const dontCareMark = 0xffff_ffff;
const dontCareLengthBytes = 8;
const headerBytes = 24;
const recordHeaderBytes = 12;
const endCountBytes = 16;

/** A range of an image that holds data. */
export interface SparseRange {
  /** Position in the image, in bytes; a multiple of 512. */
  readonly offset: number;
  /** A multiple of 512 bytes, at least one. Valid until the next range is asked for. */
  readonly bytes: Uint8Array;
}

/** A range of an image whose content nobody needs, free space of a file system for instance. */
export interface SparseDontCare {
  /** Position in the image, in bytes; a multiple of 512. */
  readonly offset: number;
  /** Bytes, a multiple of 512, at least one. */
  readonly dontCareLength: number;
}

/** A disk image as the ranges that hold data, or that nobody needs; what lies between them is zeros. */
export interface SparseImage {
  /** A multiple of 512, more than 0. */
  readonly sizeBytes: number;
  /** Ascending, not overlapping. Can be read once. */
  readonly data: AsyncIterable<SparseRange | SparseDontCare>;
}

/**
 * Writes an image in the sparse upload format (docs/formats/upload.md).
 *
 * ```
 * header:  magic "INGOTSP\n" (8) | version u32 = 2 | reserved u32 = 0 | sizeBytes u64
 * record:  offset u64 | length u32, 1..1 MiB | bytes          (any number, ascending)
 *      or  offset u64 | 2^32 - 1 u32 | length u64             (nobody needs the range)
 * end:     offset u64 = sizeBytes | length u32 = 0 | recordCount u64 | dataBytes u64
 * ```
 *
 * Numbers are big-endian. The bytes of a range are passed on as views.
 * @throws UploadError `badSize` or `badRecord` where the image breaks the rules above.
 */
export async function* encodeSparse(image: SparseImage): AsyncGenerator<Uint8Array, void, undefined> {
  const sizeProblem = problemOfSize(image.sizeBytes);
  if (sizeProblem !== undefined) throw new UploadError("badSize", 0, sizeProblem);
  yield encodeHeader(image.sizeBytes);
  let end = 0;
  let position = headerBytes;
  let recordCount = 0;
  let dataBytes = 0;
  for await (const range of image.data) {
    if ("dontCareLength" in range) {
      const problem = problemOfDontCare(range.offset, range.dontCareLength, end, image.sizeBytes);
      if (problem !== undefined) throw new UploadError("badRecord", position, problem);
      yield encodeDontCare(range);
      end = range.offset + range.dontCareLength;
      position += recordHeaderBytes + dontCareLengthBytes;
      recordCount += 1;
      continue;
    }
    for (let at = 0; at < range.bytes.length; at += MAX_RECORD_BYTES) {
      const bytes = range.bytes.subarray(at, at + MAX_RECORD_BYTES);
      const offset = range.offset + at;
      const problem = problemOfRecord(offset, bytes.length, end, image.sizeBytes);
      if (problem !== undefined) throw new UploadError("badRecord", position, problem);
      yield encodeRecordHeader(offset, bytes.length);
      yield bytes;
      end = offset + bytes.length;
      position += recordHeaderBytes + bytes.length;
      recordCount += 1;
      dataBytes += bytes.length;
    }
  }
  yield encodeEnd(image.sizeBytes, recordCount, dataBytes);
}

/**
 * Reads the header of a sparse upload; the ranges follow when `data` is read, and reading them to the end proves that the
 * upload is whole. Each range is one record.
 * @throws UploadError here for a bad header, from `data` for everything after it.
 */
export async function decodeSparse(body: AsyncIterable<Uint8Array>): Promise<SparseImage> {
  const input = new PieceReader(body);
  const header = await input.read(headerBytes, "the header");
  const view = viewOf(header);
  if (!magic.every((byte, index) => header[index] === byte)) {
    throw new UploadError("badMagic", 0, "this is not a sparse upload: it does not begin with INGOTSP");
  }
  const version = view.getUint32(8);
  if ((version !== formatVersion && version !== firstFormatVersion) || view.getUint32(12) !== 0) {
    throw new UploadError("unsupportedVersion", 8, `format version ${version}, expected 1 or ${formatVersion}`);
  }
  const sizeBytes = Number(view.getBigUint64(16));
  const problem = problemOfSize(sizeBytes);
  if (problem !== undefined) throw new UploadError("badSize", 16, problem);
  return { sizeBytes, data: decodeRecords(input, sizeBytes, version !== firstFormatVersion) };
}

async function* decodeRecords(
  input: PieceReader,
  sizeBytes: number,
  mayHaveDontCare: boolean,
): AsyncGenerator<SparseRange | SparseDontCare, void, undefined> {
  let end = 0;
  let recordCount = 0;
  let dataBytes = 0;
  for (;;) {
    const position = input.position;
    const view = viewOf(await input.read(recordHeaderBytes, "the head of a record or the end"));
    const offset = Number(view.getBigUint64(0));
    const length = view.getUint32(8);
    if (length === 0 && offset === sizeBytes) break;
    if (length === dontCareMark && mayHaveDontCare) {
      const dontCareLength = Number(
        viewOf(await input.read(dontCareLengthBytes, "a don't-care record")).getBigUint64(0),
      );
      const wrong = problemOfDontCare(offset, dontCareLength, end, sizeBytes);
      if (wrong !== undefined) throw new UploadError("badRecord", position, wrong);
      yield { offset, dontCareLength };
      end = offset + dontCareLength;
      recordCount += 1;
      continue;
    }
    const problem = problemOfRecord(offset, length, end, sizeBytes);
    if (problem !== undefined) throw new UploadError("badRecord", position, problem);
    yield { offset, bytes: await input.read(length, `the ${length} bytes for offset ${offset}`) };
    end = offset + length;
    recordCount += 1;
    dataBytes += length;
  }
  const position = input.position;
  const counts = viewOf(await input.read(endCountBytes, "the counts at the end"));
  if (Number(counts.getBigUint64(0)) !== recordCount || Number(counts.getBigUint64(8)) !== dataBytes) {
    throw new UploadError(
      "countMismatch",
      position,
      `the end names ${counts.getBigUint64(0)} records with ${counts.getBigUint64(8)} bytes, got ${recordCount} with ${dataBytes}`,
    );
  }
  await input.end();
}

function problemOfSize(sizeBytes: number): string | undefined {
  if (
    Number.isSafeInteger(sizeBytes) &&
    sizeBytes > 0 &&
    sizeBytes <= MAX_IMAGE_BYTES &&
    sizeBytes % SECTOR_BYTES === 0
  ) {
    return undefined;
  }
  return `an image of ${sizeBytes} bytes, expected a multiple of ${SECTOR_BYTES} from ${SECTOR_BYTES} to ${MAX_IMAGE_BYTES}`;
}

function problemOfRecord(offset: number, length: number, end: number, sizeBytes: number): string | undefined {
  if (offset % SECTOR_BYTES !== 0 || length % SECTOR_BYTES !== 0 || length === 0 || length > MAX_RECORD_BYTES) {
    return `a record with offset ${offset} and length ${length}, expected multiples of ${SECTOR_BYTES} and at most ${MAX_RECORD_BYTES} bytes`;
  }
  if (offset < end) return `a record at offset ${offset}, expected at least ${end}, where the one before ends`;
  if (offset + length > sizeBytes)
    return `a record from ${offset} to ${offset + length}, but the image has ${sizeBytes} bytes`;
  return undefined;
}

function problemOfDontCare(offset: number, length: number, end: number, sizeBytes: number): string | undefined {
  if (offset % SECTOR_BYTES !== 0 || length % SECTOR_BYTES !== 0 || length === 0) {
    return `a don't-care record with offset ${offset} and length ${length}, expected multiples of ${SECTOR_BYTES}`;
  }
  if (offset < end) return `a don't-care record at offset ${offset}, expected at least ${end}`;
  if (offset + length > sizeBytes) {
    return `a don't-care record from ${offset} to ${offset + length}, but the image has ${sizeBytes} bytes`;
  }
  return undefined;
}

function encodeDontCare({ offset, dontCareLength }: SparseDontCare): Uint8Array {
  const bytes = new Uint8Array(recordHeaderBytes + dontCareLengthBytes);
  bytes.set(encodeRecordHeader(offset, dontCareMark));
  viewOf(bytes).setBigUint64(recordHeaderBytes, BigInt(dontCareLength));
  return bytes;
}

function encodeHeader(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  bytes.set(magic);
  const view = viewOf(bytes);
  view.setUint32(8, formatVersion);
  view.setBigUint64(16, BigInt(sizeBytes));
  return bytes;
}

function encodeRecordHeader(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(recordHeaderBytes);
  const view = viewOf(bytes);
  view.setBigUint64(0, BigInt(offset));
  view.setUint32(8, length);
  return bytes;
}

function encodeEnd(sizeBytes: number, recordCount: number, dataBytes: number): Uint8Array {
  const bytes = new Uint8Array(recordHeaderBytes + endCountBytes);
  bytes.set(encodeRecordHeader(sizeBytes, 0));
  const view = viewOf(bytes);
  view.setBigUint64(12, BigInt(recordCount));
  view.setBigUint64(20, BigInt(dataBytes));
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Cuts a stream of pieces of any size into runs of exactly the wanted length. */
class PieceReader {
  /** How much was handed out, in bytes. */
  position = 0;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#pieces = body[Symbol.asyncIterator]();
  }

  /** Exactly `length` bytes: a view where they lie in one piece, else a copy. */
  async read(length: number, what: string): Promise<Uint8Array> {
    let result = this.#take(length);
    if (result.length === length) return result;
    const whole = new Uint8Array(length);
    let filled = 0;
    for (;;) {
      whole.set(result, filled);
      filled += result.length;
      if (filled === length) return whole;
      if (!(await this.#next())) {
        throw new UploadError(
          "truncated",
          this.position,
          `the stream ended within ${what}: wanted ${length} bytes, got ${filled}`,
        );
      }
      result = this.#take(length - filled);
    }
  }

  /** Checks that nothing follows. */
  async end(): Promise<void> {
    while (this.#piece.length === 0) {
      if (!(await this.#next())) return;
    }
    throw new UploadError("trailing", this.position, "bytes after the end of the upload");
  }

  #take(most: number): Uint8Array {
    const taken = this.#piece.subarray(0, most);
    this.#piece = this.#piece.subarray(taken.length);
    this.position += taken.length;
    return taken;
  }

  async #next(): Promise<boolean> {
    const { done, value } = await this.#pieces.next();
    if (done === true) return false;
    this.#piece = value;
    return true;
  }
}
