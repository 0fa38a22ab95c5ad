import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemPrograms } from "../system/programs.ts";
import { buildRamSystem, type RamSystem } from "./ram-system.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ingot-ram-system-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** With a cache of its own: nothing is taken from the other build but what apt downloaded. */
async function build(name: string): Promise<RamSystem> {
  const cache = join(directory, name);
  return buildRamSystem({ output: join(cache, "out"), cache, programs: systemPrograms, compressionLevel: 1 });
}

test("two builds from the same packages are the same to the byte, and cpio finds the parts where the kernel looks", async () => {
  const first = await build("first");
  const umask = process.umask(0o077);
  const second = await build("second").finally(() => process.umask(umask));
  expect(second).toEqual(first);

  const image = join(directory, "first", "out", "initrd");
  const listed = execFileSync("sh", ["-c", `zstd -dc ${image} | cpio --list --quiet`], { encoding: "utf8" });
  // The archives stand behind each other; cpio reads the first one.
  for (const path of ["usr/bin/busybox", "usr/sbin/sfdisk", "usr/lib/systemd/systemd-udevd", "bin"]) {
    expect(listed.split("\n")).toContain(path);
  }
  for (const driver of [
    "ahci",
    "nvme",
    "virtio_blk",
    "virtio_net",
    "e1000e",
    "igb",
    "r8169",
    "usb-storage",
    "megaraid_sas",
    "mpt3sas",
    "ext4",
    "vmd",
  ]) {
    expect(listed).toMatch(new RegExp(`usr/lib/modules/${first.kernelRelease}/kernel/.*/${driver}\\.ko`));
  }
  const whole = execFileSync("zstd", ["-dc", image], { maxBuffer: 1 << 30 });
  for (const path of ["init", "usr/bin/node", "ingot/ingot-agent.mjs"]) expect(whole.includes(`${path}\0`)).toBe(true);
  expect(readFileSync(join(directory, "first", "out", "packages.txt"), "utf8")).toContain("linux-image-");
}, 300_000);
