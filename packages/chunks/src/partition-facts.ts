import { Reader, Writer, parseUuid, uuidFromBytes, uuidToBytes } from "@ingot/wire";
import { MAX_PARTITION_NAME_BYTES, MAX_PARTITIONS } from "./limits.ts";
import type { Partition, PartitionFacts } from "./partitions.ts";

const SCHEME = { mbr: 1, gpt: 2 } as const;

/** The partition facts inside a manifest (`docs/formats/manifest.md`, "Partition facts"). */
export function encodePartitionFacts(facts: PartitionFacts): Uint8Array<ArrayBuffer> {
  const writer = new Writer(256);
  writer.u8(SCHEME[facts.scheme]).u8(0).u16(facts.partitions.length);
  if (facts.scheme === "gpt") writer.bytes(uuidToBytes(parseUuid(facts.diskId)));
  else writer.u32(Number.parseInt(facts.diskId, 16)).zeros(12);
  for (const partition of facts.partitions) {
    const name = new TextEncoder().encode(partition.name);
    writer.u16(partition.number);
    if (facts.scheme === "gpt") writer.bytes(uuidToBytes(parseUuid(partition.type)));
    else writer.u8(Number.parseInt(partition.type, 16)).zeros(15);
    writer.u64(BigInt(partition.firstLba)).u64(BigInt(partition.sectorCount)).u64(partition.attributes);
    writer.u8(name.length).bytes(name);
  }
  return writer.finish();
}

/** Strict inverse of `encodePartitionFacts`; throws `DecodeError`. */
export function decodePartitionFacts(bytes: Uint8Array): PartitionFacts {
  const reader = new Reader(bytes, "partition facts");
  const schemeCode = reader.u8();
  const scheme = schemeCode === SCHEME.mbr ? "mbr" : "gpt";
  if (SCHEME[scheme] !== schemeCode) reader.fail(`scheme ${schemeCode}, expected 1 (MBR) or 2 (GPT)`);
  if (reader.u8() !== 0) reader.fail("expected a zero byte");
  const count = reader.u16();
  if (count > MAX_PARTITIONS) reader.fail(`${count} partitions, expected at most ${MAX_PARTITIONS}`);
  const diskId = scheme === "gpt" ? uuidFromBytes(reader.bytes(16)) : reader.u32().toString(16).padStart(8, "0");
  if (scheme === "mbr") expectZeros(reader, 12);
  const partitions: Partition[] = [];
  for (let i = 0; i < count; i++) {
    const partition = decodePartition(reader, scheme);
    const before = partitions.at(-1);
    if (partition.number <= (before?.number ?? 0)) reader.fail(`partition number ${partition.number} out of order`);
    partitions.push(partition);
  }
  reader.end();
  return { scheme, diskId, partitions };
}

function decodePartition(reader: Reader, scheme: "mbr" | "gpt"): Partition {
  const number = reader.u16();
  let type: string;
  if (scheme === "gpt") {
    type = uuidFromBytes(reader.bytes(16));
  } else {
    type = reader.u8().toString(16).padStart(2, "0");
    expectZeros(reader, 15);
  }
  const firstLba = safeNumber(reader);
  const sectorCount = safeNumber(reader);
  const attributes = reader.u64();
  const nameBytes = reader.u8();
  if (nameBytes > MAX_PARTITION_NAME_BYTES) {
    reader.fail(`name of ${nameBytes} bytes, expected at most ${MAX_PARTITION_NAME_BYTES}`);
  }
  const encodedName = reader.bytes(nameBytes);
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(encodedName);
  } catch {
    return reader.fail("name is not UTF-8");
  }
  return { number, type, firstLba, sectorCount, attributes, name };
}

function safeNumber(reader: Reader): number {
  const value = reader.u64();
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) reader.fail(`${value} is beyond 2^53 - 1`);
  return Number(value);
}

function expectZeros(reader: Reader, length: number): void {
  if (reader.bytes(length).some((byte) => byte !== 0)) reader.fail(`expected ${length} zero bytes`);
}
