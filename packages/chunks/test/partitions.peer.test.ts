import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parsePartitionTable } from "../src/partitions.ts";

const hasSfdisk = spawnSync("sfdisk", ["--version"]).status === 0;
if (!hasSfdisk && process.env["CI"] !== undefined) throw new Error("needs sfdisk (Debian package fdisk)");

interface SfdiskTable {
  readonly label: string;
  readonly id: string;
  readonly partitions: readonly {
    readonly node: string;
    readonly start: number;
    readonly size: number;
    readonly type: string;
    readonly name?: string;
  }[];
}

/** Lets sfdisk write a table and read it back, and gives the disk's first MiB. */
async function partition(script: string): Promise<{ head: Uint8Array; table: SfdiskTable }> {
  const directory = await mkdtemp(join(tmpdir(), "ingot-sfdisk-"));
  try {
    const path = join(directory, "disk.raw");
    await using file = await open(path, "w+");
    await file.truncate(64 * 2 ** 20);
    execFileSync("sfdisk", ["--quiet", path], { input: script });
    const { partitiontable } = JSON.parse(execFileSync("sfdisk", ["--json", path], { encoding: "utf8" })) as {
      partitiontable: SfdiskTable;
    };
    const head = new Uint8Array(2 ** 20);
    await file.read(head, 0, head.length, 0);
    return { head, table: partitiontable };
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe.skipIf(!hasSfdisk)("parsePartitionTable beside sfdisk (skipped without Debian's fdisk)", () => {
  it.each([
    [
      "gpt",
      "label: gpt\nsize=1MiB, type=21686148-6449-6E6F-744E-656564454649\nsize=8MiB, type=U, name=EFI\ntype=L, name=root\n",
    ],
    ["dos", "label: dos\nsize=8MiB, type=c, bootable\nsize=4MiB, type=82\ntype=83\n"],
  ])("sees what sfdisk sees: %s", async (label, script) => {
    const { head, table } = await partition(script);
    const facts = parsePartitionTable(head);
    expect(table.label).toBe(label);
    expect(facts?.scheme).toBe(label === "gpt" ? "gpt" : "mbr");
    expect(facts?.diskId).toBe(table.id.toLowerCase().replace(/^0x/, ""));
    expect(
      facts?.partitions.map(({ firstLba, sectorCount, type, name }) => ({ firstLba, sectorCount, type, name })),
    ).toEqual(
      table.partitions.map(({ start, size, type, name = "" }) => ({
        firstLba: start,
        sectorCount: size,
        type: label === "gpt" ? type.toLowerCase() : type.padStart(2, "0"),
        name,
      })),
    );
  });
});
