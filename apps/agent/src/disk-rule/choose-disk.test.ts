import { type DiskRule, parseDiskRule } from "@ingot/api";
import fc from "fast-check";
import { expect, test } from "vitest";
import { diskWith } from "../../test/disk-with.ts";
import { AgentError } from "../errors.ts";
import type { Disk } from "../inventory/disk.ts";
import { chooseDisk } from "./choose-disk.ts";

const base = diskWith({ sizeBytes: 500e9, physicalSectorBytes: 4096, health: { verdict: "unknown" } });
const ssd: Disk = { ...base, serial: "S1", wwn: "5002538e00000001", model: "Samsung SSD 870" };
const hdd: Disk = { ...base, name: "sdb", serial: "H1", sizeBytes: 2000e9, rotational: true, model: "ST2000DM008" };
const nvme: Disk = { ...base, name: "nvme0n1", serial: "N1", sizeBytes: 1000e9, transport: "nvme", model: "WD Black" };
const stick: Disk = { ...base, name: "sdc", serial: "U1", sizeBytes: 4000e9, removable: true, transport: "usb" };
const disks = [ssd, hdd, nvme, stick];

function rule(text: string): DiskRule {
  const parsed = parseDiskRule(text);
  if (parsed === undefined) throw new Error(`"${text}" is no disk rule`);
  return parsed;
}

function refused(text: string, among: readonly Disk[] = disks): string {
  try {
    chooseDisk(rule(text), among);
  } catch (error) {
    if (error instanceof AgentError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error(`"${text}" chose a disk`);
}

test.each([
  ["largest", hdd],
  ["smallest", ssd],
  ["largest,ssd", nvme],
  ["min=200G,hdd", hdd],
  ["max=500G", ssd],
  ["nvme", nvme],
  ["serial=H1", hdd],
  ["wwn=0x5002538E00000001", ssd],
  ["model=samsung", ssd],
  ["model=WD Black", nvme],
  ["usb", stick],
  ["removable", stick],
  ["serial=U1", stick],
])("the rule %s chooses by what a disk is", (text, disk) => {
  expect(chooseDisk(rule(text), disks)).toBe(disk);
});

test("an ambiguous rule refuses and lists what there is", () => {
  const message = refused("ssd");
  expect(message).toMatch(/^disk-ambiguous: .*fits sda and nvme0n1/);
  expect(message).toContain("serial=N1");
  expect(message).toContain("removable");
});

test("two disks of the same size are ambiguous for largest", () => {
  expect(refused("largest", [ssd, { ...ssd, name: "sdb", serial: "S2" }])).toContain("fits sda and sdb");
});

test("only means exactly one; a stick beside it does not count", () => {
  expect(chooseDisk(rule("only"), [ssd, stick])).toBe(ssd);
  expect(refused("only")).toContain("fits sda and sdb and nvme0n1");
  expect(refused("only", [])).toContain("no disk");
});

test("a disk that cannot be written is never chosen, not by name either", () => {
  expect(refused("serial=S1", [{ ...ssd, readOnly: true }])).toMatch(/^disk-not-found/);
});

test("a disk of another machine, attached over iSCSI, is chosen only by its serial number", () => {
  const remote: Disk = { ...ssd, name: "sdd", serial: "R1", transport: "iscsi", sizeBytes: 9000e9 };
  expect(chooseDisk(rule("largest"), [ssd, remote])).toBe(ssd);
  expect(chooseDisk(rule("serial=R1"), [ssd, remote])).toBe(remote);
});

test("whatever the rule, at most one disk is chosen and it meets every term", () => {
  const terms = fc.constantFrom("largest", "smallest", "only", "hdd", "nvme", "sata", "min=600G", "max=1T");
  fc.assert(
    fc.property(fc.uniqueArray(terms, { minLength: 1, maxLength: 4 }), (parts) => {
      try {
        const disk = chooseDisk(rule(parts.join(",")), disks);
        expect(disk.removable).toBe(false);
        if (parts.includes("hdd")) expect(disk.rotational).toBe(true);
        if (parts.includes("min=600G")) expect(disk.sizeBytes).toBeGreaterThan(600e9);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
      }
    }),
  );
});
