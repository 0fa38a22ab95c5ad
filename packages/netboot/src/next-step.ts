import type { BootAnswer, BootFacts, PxeStyle } from "@ingot/dhcp";
import type { ArchitectureFacts } from "./architecture.ts";
import { nameOfArchitecture } from "./architecture.ts";
import { fileUrl, scriptUrl } from "./boot-server.ts";
import type { BootServer, ScriptStage } from "./boot-server.ts";
import { identifyFirmware } from "./firmware.ts";
import type { Firmware } from "./firmware.ts";
import { DEBIAN_BOOT_PROGRAMS } from "./quirks.ts";
import type { BootPrograms, Quirks } from "./quirks.ts";

/** The plans that reach a machine through DHCP; `refused` is an unknown machine while registration is closed. */
export type PlanKind = "diskless" | "menu" | "local" | "clone" | "capture" | "verify" | "wipe" | "rescue" | "refused";

/** Everything the next step depends on. */
export interface NextStepInput {
  readonly facts: BootFacts;
  readonly plan: PlanKind;
  readonly server: BootServer;
  readonly quirks?: Quirks;
  /** Default: Debian's. */
  readonly programs?: BootPrograms;
}

/** Why a machine is left without a boot answer. */
export type SilenceReason =
  | "registration-closed"
  | "not-a-boot-client"
  | "no-mac-address"
  | "no-program-for-architecture";

/** The next step: an answer for DHCP, or silence with its reason; `firmware` says whom the step is for. */
export type NextStep =
  | { readonly kind: "answer"; readonly firmware: Firmware; readonly answer: BootAnswer }
  | { readonly kind: "silence"; readonly firmware: Firmware; readonly reason: SilenceReason; readonly summary: string };

/**
 * What a machine that asks by DHCP gets next.
 *
 * Firmware gets a boot program, iPXE gets the URL of its script, and the script decides by the boot plan. That holds for
 * the plan `local` too: PXE firmware without an answer waits for up to a minute before it tries the disk, while iPXE
 * comes and goes in seconds, the plan may have changed meanwhile, and the machine's screen says what happens.
 * A machine that is refused gets no answer at any stage: it may well be somebody else's.
 */
export function nextStep(input: NextStepInput): NextStep {
  const firmware = identifyFirmware(input.facts);
  const silence = (reason: SilenceReason, summary: string): NextStep => ({
    kind: "silence",
    firmware,
    reason,
    summary,
  });
  if (firmware.kind === "other") return silence("not-a-boot-client", "not a boot client");
  if (input.plan === "refused") return silence("registration-closed", "unknown machine, registration is closed");
  if (input.facts.mac === undefined) return silence("no-mac-address", "the machine has no Ethernet address");

  switch (firmware.kind) {
    case "ingot-ipxe":
      return { kind: "answer", firmware, answer: scriptAnswer(input, input.facts.mac, undefined) };
    case "ipxe":
      return { kind: "answer", firmware, answer: scriptAnswer(input, input.facts.mac, replaceStage(input, firmware)) };
    case "firmware-pxe":
    case "firmware-http": {
      const answer = firmware.facts === undefined ? undefined : programAnswer(input, firmware.facts);
      const name = firmware.architecture === undefined ? "no architecture" : nameOfArchitecture(firmware.architecture);
      return answer === undefined
        ? silence("no-program-for-architecture", `no boot program for ${name}`)
        : { kind: "answer", firmware, answer };
    }
  }
}

/** Only BIOS: an iPXE that UEFI iPXE loads takes no script along (before iPXE 1.21), so nothing would end the loop. */
function replaceStage(input: NextStepInput, firmware: Firmware): ScriptStage | undefined {
  return input.quirks?.replaceFirmwareIpxe === true && firmware.facts?.platform === "bios" ? "replace" : undefined;
}

function scriptAnswer(
  { server }: NextStepInput,
  mac: NonNullable<BootFacts["mac"]>,
  stage: ScriptStage | undefined,
): BootAnswer {
  return {
    bootFile: scriptUrl(server, { mac, ...(stage === undefined ? {} : { stage }) }),
    nextServer: server.address,
    // iPXE looks for its ProxyDHCP answer in the offer and would need another round trip without option 43.
    style: "option43",
    summary: stage === undefined ? "script by HTTP" : "script to replace the ROM's iPXE",
  };
}

function programAnswer(
  { quirks = {}, server, programs = DEBIAN_BOOT_PROGRAMS }: NextStepInput,
  facts: ArchitectureFacts,
): BootAnswer | undefined {
  const program = programFor(programs, facts, quirks.uefiProgram ?? "snponly");
  if (program === undefined) return undefined;
  if (facts.transport === "http") {
    return {
      bootFile: fileUrl(server, program),
      nextServer: server.address,
      style: "option43",
      summary: `${program} by HTTP`,
    };
  }
  const style: PxeStyle = quirks.pxeStyle ?? (facts.platform === "bios" ? "option43" : "port4011");
  return { bootFile: program, nextServer: server.address, style, summary: `${program} by TFTP` };
}

function programFor(programs: BootPrograms, facts: ArchitectureFacts, variant: "snponly" | "ipxe"): string | undefined {
  switch (facts.cpu) {
    case "x86":
      // BIOS firmware that speaks HTTP (architecture 20) runs no PXE program loaded that way.
      return facts.transport === "tftp" ? programs.bios : undefined;
    case "x64":
      return programs.x64[variant];
    case "ia32":
      return programs.ia32?.[variant];
    case "arm64":
      return programs.arm64?.[variant];
    case "arm32":
      return undefined;
  }
}
