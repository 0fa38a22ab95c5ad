import { expect, test } from "vitest";
import { factsOf, httpFactsOf } from "../test/facts.ts";
import { nameOfArchitecture } from "./architecture.ts";
import { identifyFirmware } from "./firmware.ts";

test.each([
  ["BIOS PXE firmware", factsOf(), "firmware-pxe", "bios", "x86"],
  ["x64 UEFI as most firmware numbers it", factsOf({ architectures: [7] }), "firmware-pxe", "uefi", "x64"],
  ["x64 UEFI as RFC 4578's text numbers it", factsOf({ architectures: [9] }), "firmware-pxe", "uefi", "x64"],
  ["ia32 UEFI", factsOf({ architectures: [6] }), "firmware-pxe", "uefi", "ia32"],
  ["arm64 UEFI", factsOf({ architectures: [11] }), "firmware-pxe", "uefi", "arm64"],
  ["x64 UEFI by HTTP", httpFactsOf(16), "firmware-http", "uefi", "x64"],
  ["ia32 UEFI by HTTP", httpFactsOf(15), "firmware-http", "uefi", "ia32"],
  ["arm64 UEFI by HTTP", httpFactsOf(19), "firmware-http", "uefi", "arm64"],
  ["a network card's iPXE", factsOf({ userClasses: ["iPXE"] }), "ipxe", "bios", "x86"],
  ["iPXE on UEFI", factsOf({ userClasses: ["iPXE"], architectures: [7] }), "ipxe", "uefi", "x64"],
  [
    "iPXE with somebody's own user class",
    factsOf({ userClasses: ["site"], ipxeOptions: Uint8Array.of(1) }),
    "ipxe",
    "bios",
    "x86",
  ],
  ["our iPXE", factsOf({ userClasses: ["ingot"], ipxeOptions: Uint8Array.of(1) }), "ingot-ipxe", "bios", "x86"],
  ["our iPXE, also when both classes come", factsOf({ userClasses: ["iPXE", "ingot"] }), "ingot-ipxe", "bios", "x86"],
] as const)("%s", (_name, facts, kind, platform, cpu) => {
  expect(identifyFirmware(facts)).toMatchObject({ kind, facts: { platform, cpu } });
});

test("the first architecture of several is the preferred one", () => {
  expect(identifyFirmware(factsOf({ architectures: [7, 0] }))).toMatchObject({
    architecture: 7,
    facts: { platform: "uefi" },
  });
});

test.each([
  ["no architecture", factsOf({ architectures: [] })],
  ["an operating system's vendor class", factsOf({ vendorClass: "MSFT 5.0" })],
  ["no vendor class", factsOf({ vendorClass: undefined })],
  ["our user class without a boot client's vendor class", factsOf({ vendorClass: undefined, userClasses: ["ingot"] })],
])("not a boot client: %s", (_name, facts) => {
  expect(identifyFirmware(facts).kind).toBe("other");
});

test("an architecture that nothing here is for has no facts", () => {
  expect(identifyFirmware(factsOf({ architectures: [27] }))).toEqual({
    kind: "firmware-pxe",
    architecture: 27,
    facts: undefined,
  });
});

test("architectures have names for people", () => {
  expect([0, 7, 16, 27].map(nameOfArchitecture)).toEqual([
    "x86 BIOS",
    "x64 UEFI",
    "x64 UEFI (HTTP)",
    "architecture 27",
  ]);
});
