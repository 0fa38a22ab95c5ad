import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { assembleDisk } from "@ingot/server/classroom";
import { runCommand } from "@ingot/testkit/lab";

/** In the root file system; what the tests look for in the image, to spoil and to find again. */
export const MARK = "a golden file of the image that is cloned\n";

const GRUB_EMBEDDED = `search --no-floppy --label ingot-root --set root
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
`;

const GRUB = `set timeout=0
linux /vmlinuz console=tty0 console=ttyS0,115200 loglevel=4 panic=10 rdinit=/local-init
initrd /initrd
boot
`;

/** Mounts the disk's root file system, unchanged, takes the host name from it, and asks for a login. */
const LOCAL_INIT = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
modprobe -a virtio_pci virtio_blk ext4
i=0
while [ $i -lt 50 ] && ! root=$(blkid -L ingot-root); do sleep 0.2; i=$((i + 1)); done
mount -t ext4 -o ro "$root" /mnt
hostname "$(cat /mnt/etc/hostname)"
echo "root::0:0:root:/root:/bin/sh" >/etc/passwd
while :; do setsid getty -L 115200 ttyS0 vt100; done
`;

/**
 * Makes a small disk image that boots by BIOS and by UEFI from any virtio disk to a login prompt: Debian's kernel and busybox
 * out of the agent's own system. A machine with an emulated processor hashes 26 MB a second, so the image that is cloned
 * is a fifth of the demo's.
 *
 * @param systemDirectory where `ingot agent build` has put `vmlinuz` and `initrd`.
 */
export async function makeCloneImage(systemDirectory: string, imageFile: string, scratch: string): Promise<void> {
  const root = join(scratch, "root");
  for (const folder of ["boot/grub", "etc", "root"]) mkdirSync(join(root, folder), { recursive: true });
  cpSync(join(systemDirectory, "vmlinuz"), join(root, "vmlinuz"));
  const inits = join(scratch, "inits");
  mkdirSync(inits);
  writeFileSync(join(inits, "local-init"), LOCAL_INIT, { mode: 0o755 });
  await runCommand("sh", ["-c", "echo local-init | cpio --create --format=newc --quiet | zstd -q >../local.zst"], {
    cwd: inits,
  });
  const tools = firstFrame(readFileSync(join(systemDirectory, "initrd")));
  writeFileSync(join(root, "initrd"), Buffer.concat([tools, readFileSync(join(scratch, "local.zst"))]));
  writeFileSync(join(root, "boot/grub/grub.cfg"), GRUB);
  writeFileSync(join(root, "etc/hostname"), "golden\n");
  writeFileSync(join(root, "root/mark"), MARK);
  await assembleDisk({
    imageFile,
    root,
    grub: GRUB_EMBEDDED,
    step: { directory: scratch, environment: { TZ: "UTC" } },
  });
}

/** The first of the archives in the agent's initial RAM disk: tools and modules, without Node. */
function firstFrame(initrd: Buffer): Buffer {
  const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
  for (let end = initrd.indexOf(magic, 1); end > 0; end = initrd.indexOf(magic, end + 1)) {
    const frame = initrd.subarray(0, end);
    if (isWhole(frame)) return frame;
  }
  return initrd;
}

function isWhole(frame: Buffer): boolean {
  try {
    return zstdDecompressSync(frame).length > 0;
  } catch {
    // The magic number stood in the middle of a frame by chance.
    return false;
  }
}
