/** Processor architectures of option 93 by number (IANA "Processor Architecture Types"; RFC 4578 §2.1). */
export const Architecture = {
  biosX86: 0,
  uefiIa32: 6,
  uefiX64: 7,
  /** "EFI byte code" by IANA and RFC 4578's erratum 4624; x64 by RFC 4578's text, and so by some firmware. No byte-code machine boots. */
  uefiEbc: 9,
  uefiArm32: 10,
  uefiArm64: 11,
  httpIa32: 15,
  httpX64: 16,
  httpEbc: 17,
  httpArm32: 18,
  httpArm64: 19,
  httpBios: 20,
} as const;

/** One of the values of `Architecture`. */
export type Architecture = (typeof Architecture)[keyof typeof Architecture];

/** What an architecture number says about the machine. */
export interface ArchitectureFacts {
  readonly platform: "bios" | "uefi";
  readonly cpu: "x86" | "ia32" | "x64" | "arm32" | "arm64";
  /** Whether the firmware loads its boot file by TFTP or by HTTP. */
  readonly transport: "tftp" | "http";
}

const FACTS: ReadonlyMap<number, ArchitectureFacts> = new Map<number, ArchitectureFacts>([
  [Architecture.biosX86, { platform: "bios", cpu: "x86", transport: "tftp" }],
  [Architecture.uefiIa32, { platform: "uefi", cpu: "ia32", transport: "tftp" }],
  [Architecture.uefiX64, { platform: "uefi", cpu: "x64", transport: "tftp" }],
  [Architecture.uefiEbc, { platform: "uefi", cpu: "x64", transport: "tftp" }],
  [Architecture.uefiArm32, { platform: "uefi", cpu: "arm32", transport: "tftp" }],
  [Architecture.uefiArm64, { platform: "uefi", cpu: "arm64", transport: "tftp" }],
  [Architecture.httpIa32, { platform: "uefi", cpu: "ia32", transport: "http" }],
  [Architecture.httpX64, { platform: "uefi", cpu: "x64", transport: "http" }],
  [Architecture.httpEbc, { platform: "uefi", cpu: "x64", transport: "http" }],
  [Architecture.httpArm32, { platform: "uefi", cpu: "arm32", transport: "http" }],
  [Architecture.httpArm64, { platform: "uefi", cpu: "arm64", transport: "http" }],
  [Architecture.httpBios, { platform: "bios", cpu: "x86", transport: "http" }],
]);

/** The facts, or `undefined` for a number that no boot program here is for (Itanium, PowerPC, RISC-V, …). */
export function factsOfArchitecture(architecture: number): ArchitectureFacts | undefined {
  return FACTS.get(architecture);
}

/** For people: `x64 UEFI`, `x64 UEFI (HTTP)`, `x86 BIOS`, `architecture 27`. */
export function nameOfArchitecture(architecture: number): string {
  const facts = FACTS.get(architecture);
  if (facts === undefined) return `architecture ${architecture}`;
  return `${facts.cpu} ${facts.platform === "bios" ? "BIOS" : "UEFI"}${facts.transport === "http" ? " (HTTP)" : ""}`;
}
