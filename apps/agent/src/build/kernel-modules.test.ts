import { expect, test } from "vitest";
import { choose, withDependencies } from "./kernel-modules.ts";

const MODULES_DEP = `kernel/drivers/ata/ahci.ko: kernel/drivers/ata/libahci.ko kernel/drivers/ata/libata.ko
kernel/drivers/ata/libahci.ko: kernel/drivers/ata/libata.ko
kernel/drivers/ata/libata.ko: kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/ata/pata_acpi.ko: kernel/drivers/ata/libata.ko
kernel/drivers/scsi/scsi_mod.ko:
kernel/drivers/scsi/lpfc/lpfc.ko: kernel/drivers/scsi/scsi_mod.ko
kernel/fs/btrfs/btrfs.ko.xz: kernel/lib/raid6.ko.xz
kernel/fs/btrfsx/other.ko:
kernel/lib/raid6.ko.xz:
kernel/crypto/xxhash_generic.ko:
`;

test("folders and single modules are chosen by whole names", () => {
  const choice = { wanted: ["drivers/ata", "drivers/scsi", "fs/btrfs"], leftOut: /\/(lpfc|pata_)/ };
  expect(choose(MODULES_DEP, choice)).toEqual([
    "kernel/drivers/ata/ahci.ko",
    "kernel/drivers/ata/libahci.ko",
    "kernel/drivers/ata/libata.ko",
    "kernel/drivers/scsi/scsi_mod.ko",
    "kernel/fs/btrfs/btrfs.ko.xz",
  ]);
  expect(choose(MODULES_DEP, { wanted: ["drivers/ata/libata"], leftOut: /^$/ })).toEqual([
    "kernel/drivers/ata/libata.ko",
  ]);
});

test("what a module needs comes with it, and what it would like", () => {
  const softdep = "# comment\nsoftdep btrfs pre: xxhash-generic nowhere post: libata\n";
  expect(withDependencies(["kernel/fs/btrfs/btrfs.ko.xz"], MODULES_DEP, softdep)).toEqual([
    "kernel/crypto/xxhash_generic.ko",
    "kernel/drivers/ata/libata.ko",
    "kernel/drivers/scsi/scsi_mod.ko",
    "kernel/fs/btrfs/btrfs.ko.xz",
    "kernel/lib/raid6.ko.xz",
  ]);
});
