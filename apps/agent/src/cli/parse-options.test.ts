import { expect, test } from "vitest";
import { parseKernelCommandLine } from "../state/kernel-command-line.ts";
import { countFrom, parseRate } from "./parse-options.ts";

test.each([
  ["1000", 1000],
  ["50M", 50e6],
  ["100Mi", 100 * 2 ** 20],
  ["1.5G", 1.5e9],
  ["200Mbit", 25e6],
  ["8kbit/s", 1000],
])("the rate %s", (text, rate) => {
  expect(parseRate(text)).toBe(rate);
});

test.each(["", "fast", "0", "-5M", "5X"])('"%s" is no rate', (text) => {
  expect(() => parseRate(text)).toThrow();
});

test("counts have bounds", () => {
  expect(countFrom(1, 16)("4")).toBe(4);
  for (const text of ["0", "17", "2.5", "x"]) expect(() => countFrom(1, 16)(text)).toThrow();
});

test("the kernel's command line names server and pin; the last one counts", () => {
  const line = "BOOT_IMAGE=vmlinuz quiet ingot.server=https://a:1 ingot.pin=ab ingot.server=https://10.0.0.1:8472\n";
  expect(parseKernelCommandLine(line)).toEqual({ server: "https://10.0.0.1:8472", pin: "ab" });
  expect(parseKernelCommandLine("quiet splash")).toEqual({ server: undefined, pin: undefined });
});
