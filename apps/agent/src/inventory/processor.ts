import type { SystemFiles } from "../system/system-files.ts";

/** Processor and memory, as far as they matter here. */
export interface ProcessorFacts {
  readonly model?: string;
  readonly threads: number;
  /** Those of the processor's features that decide how fast hashing, encryption and compression run. */
  readonly features: readonly string[];
  readonly memoryBytes: number;
}

/** x86 names and those of 64-bit ARM. */
const RELEVANT_FEATURES: ReadonlySet<string> = new Set([
  "aes",
  "avx",
  "avx2",
  "avx512f",
  "bmi2",
  "pclmulqdq",
  "sha_ni",
  "sse4_2",
  "vaes",
  "hypervisor",
  "asimd",
  "crc32",
  "pmull",
  "sha1",
  "sha2",
  "sha512",
]);

/** Reads `/proc/cpuinfo` and `/proc/meminfo`. */
export function readProcessor(files: SystemFiles): ProcessorFacts {
  const cpuinfo = files.readText("/proc/cpuinfo") ?? "";
  const model = /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1]?.trim();
  const flags = /^(?:flags|Features)\s*:\s*(.+)$/m.exec(cpuinfo)?.[1] ?? "";
  const kibibytes = Number(/^MemTotal:\s*(\d+) kB$/m.exec(files.readText("/proc/meminfo") ?? "")?.[1] ?? 0);
  return {
    threads: [...cpuinfo.matchAll(/^processor\s*:/gm)].length,
    features: flags
      .split(/\s+/)
      .filter((flag) => RELEVANT_FEATURES.has(flag))
      .toSorted(),
    memoryBytes: kibibytes * 1024,
    ...(model === undefined ? {} : { model }),
  };
}
