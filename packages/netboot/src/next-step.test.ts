import { parseIpv4 } from "@ingot/wire";
import { describe, expect, test } from "vitest";
import { factsOf, httpFactsOf } from "../test/facts.ts";
import { nextStep } from "./next-step.ts";
import type { NextStepInput, PlanKind } from "./next-step.ts";

const server = { address: parseIpv4("10.0.0.1"), httpPort: 8471 };
const SCRIPT =
  "http://10.0.0.1:8471/boot/script.ipxe?mac=52-54-00-12-34-56&uuid=${uuid}&platform=${platform}&arch=${buildarch}" +
  "&serial=${serial:uristring}&manufacturer=${manufacturer:uristring}&product=${product:uristring}";

function stepFor(parts: Partial<NextStepInput>) {
  return nextStep({ facts: factsOf(), plan: "diskless", server, ...parts });
}

function answered(bootFile: string, style: string, summary: string) {
  return { kind: "answer", answer: { bootFile, nextServer: "10.0.0.1", style, summary } };
}

const uefi = factsOf({ architectures: [7] });
const rom = factsOf({ userClasses: ["iPXE"] });

test.each([
  ["BIOS firmware", {}, answered("undionly.kpxe", "option43", "undionly.kpxe by TFTP")],
  [
    "BIOS firmware that wants the other style",
    { quirks: { pxeStyle: "port4011" } },
    answered("undionly.kpxe", "port4011", "undionly.kpxe by TFTP"),
  ],
  ["UEFI firmware", { facts: uefi }, answered("snponly.efi", "port4011", "snponly.efi by TFTP")],
  [
    "UEFI firmware that calls itself architecture 9",
    { facts: factsOf({ architectures: [9] }) },
    answered("snponly.efi", "port4011", "snponly.efi by TFTP"),
  ],
  [
    "UEFI firmware whose network driver hangs",
    { facts: uefi, quirks: { uefiProgram: "ipxe" } },
    answered("ipxe.efi", "port4011", "ipxe.efi by TFTP"),
  ],
  [
    "UEFI firmware that wants option 43",
    { facts: uefi, quirks: { pxeStyle: "option43" } },
    answered("snponly.efi", "option43", "snponly.efi by TFTP"),
  ],
  [
    "UEFI HTTP firmware",
    { facts: httpFactsOf(16) },
    answered("http://10.0.0.1:8471/boot/files/snponly.efi", "option43", "snponly.efi by HTTP"),
  ],
  [
    "UEFI HTTP firmware with a quirk",
    { facts: httpFactsOf(16), quirks: { uefiProgram: "ipxe" } },
    answered("http://10.0.0.1:8471/boot/files/ipxe.efi", "option43", "ipxe.efi by HTTP"),
  ],
  [
    "arm64 with the operator's own programs",
    {
      facts: factsOf({ architectures: [11] }),
      programs: {
        bios: "b",
        biosKernel: "k",
        x64: { snponly: "s", ipxe: "i" },
        arm64: { snponly: "arm-snp.efi", ipxe: "arm.efi" },
      },
    },
    answered("arm-snp.efi", "port4011", "arm-snp.efi by TFTP"),
  ],
  ["a network card's iPXE", { facts: rom }, answered(SCRIPT, "option43", "script by HTTP")],
  [
    "iPXE on UEFI",
    { facts: factsOf({ userClasses: ["iPXE"], architectures: [7] }) },
    answered(SCRIPT, "option43", "script by HTTP"),
  ],
] as const)("%s", (_name, parts, expected) => {
  expect(stepFor(parts)).toMatchObject(expected);
});

describe("replacing a network card's iPXE", () => {
  const quirks = { replaceFirmwareIpxe: true };

  test("the ROM's iPXE gets the replacing script", () => {
    expect(stepFor({ facts: rom, quirks })).toMatchObject(
      answered(`${SCRIPT}&stage=replace`, "option43", "script to replace the ROM's iPXE"),
    );
  });

  test("ours, which it started, goes on: the loop ends", () => {
    expect(
      stepFor({ facts: factsOf({ userClasses: ["ingot"], ipxeOptions: Uint8Array.of(1) }), quirks }),
    ).toMatchObject(answered(SCRIPT, "option43", "script by HTTP"));
  });

  test("UEFI iPXE is left alone, because nothing would end the loop there", () => {
    expect(stepFor({ facts: factsOf({ userClasses: ["iPXE"], architectures: [7] }), quirks })).toMatchObject(
      answered(SCRIPT, "option43", "script by HTTP"),
    );
  });
});

test.each<PlanKind>(["diskless", "menu", "local", "clone", "rescue"])(
  "the plan %s gets the same steps: the script decides",
  (plan) => {
    expect(stepFor({ plan })).toMatchObject({ answer: { bootFile: "undionly.kpxe" } });
    expect(stepFor({ plan, facts: rom })).toMatchObject({ answer: { bootFile: SCRIPT } });
  },
);

test.each([
  ["firmware of an unknown machine while registration is closed", { plan: "refused" }, "registration-closed"],
  ["iPXE of an unknown machine while registration is closed", { plan: "refused", facts: rom }, "registration-closed"],
  ["an operating system", { facts: factsOf({ vendorClass: "MSFT 5.0" }) }, "not-a-boot-client"],
  ["a machine on InfiniBand", { facts: factsOf({ mac: undefined }) }, "no-mac-address"],
  [
    "ia32 UEFI, for which Debian builds no iPXE",
    { facts: factsOf({ architectures: [6] }) },
    "no-program-for-architecture",
  ],
  ["arm64 UEFI, likewise", { facts: factsOf({ architectures: [11] }) }, "no-program-for-architecture"],
  ["BIOS that boots by HTTP", { facts: httpFactsOf(20) }, "no-program-for-architecture"],
  ["RISC-V", { facts: factsOf({ architectures: [27] }) }, "no-program-for-architecture"],
] as const)("silence for %s", (_name, parts, reason) => {
  expect(stepFor(parts)).toMatchObject({ kind: "silence", reason });
});

test("the script's URL fits one DHCP option with the longest addresses", () => {
  const step = nextStep({
    facts: rom,
    plan: "diskless",
    server: { address: parseIpv4("255.255.255.255"), httpPort: 65_535 },
    quirks: { replaceFirmwareIpxe: true },
  });
  expect(step.kind === "answer" && step.answer.bootFile.length).toBeLessThanOrEqual(255);
});

test("a port that is none is refused", () => {
  for (const httpPort of [0, 65_536, 1.5, Number.NaN]) {
    expect(() => stepFor({ facts: rom, server: { ...server, httpPort } })).toThrow(
      expect.objectContaining({ code: "invalid-port" }),
    );
  }
});
