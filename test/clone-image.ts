import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assembleDisk } from "@ingot/server/classroom";
import { runCommand } from "@ingot/testkit/lab";

/** The disk's size; machines with emulated processors look at all of it when they verify. */
export const IMAGE_BYTES: number = 256 * 2 ** 20;

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

/** Kernel modules that the image needs: its disk, its file system, and what these need. The tools' own are 80 MB. */
const MODULES = ["virtio*", "ext4", "jbd2", "mbcache", "crc*"].map((name) => `-name '${name}.ko'`).join(" -o ");

/** Unpacks the first archive of the agent's initial RAM disk (tools and modules; Node and the agent come behind it) and packs what is needed. */
const PACK_INITRD = `set -e
mkdir tree
cd tree
zstd --quiet --decompress --stdout "$1" | cpio --extract --make-directories --quiet
find . -path '*/kernel/*' -type f ! '(' ${MODULES} ')' -delete
cp ../local-init .
find . | sort | cpio --create --format=newc --quiet | zstd --quiet >"$2"
`;

/**
 * Makes a small disk image that boots by BIOS and by UEFI from any virtio disk to a login prompt: Debian's kernel and busybox
 * out of the agent's own system. A machine with an emulated processor hashes 26 MB a second, and boot loaders read slowly there, so
 * the image that is cloned is a tenth of the demo's.
 *
 * @param systemDirectory where `ingot agent build` has put `vmlinuz` and `initrd`.
 */
export async function makeCloneImage(systemDirectory: string, imageFile: string, scratch: string): Promise<void> {
  const root = join(scratch, "root");
  for (const folder of ["boot/grub", "etc", "root"]) mkdirSync(join(root, folder), { recursive: true });
  cpSync(join(systemDirectory, "vmlinuz"), join(root, "vmlinuz"));
  writeFileSync(join(scratch, "local-init"), LOCAL_INIT, { mode: 0o755 });
  const files = [join(systemDirectory, "initrd"), join(root, "initrd")];
  await runCommand("sh", ["-c", PACK_INITRD, "sh", ...files], { cwd: scratch });
  writeFileSync(join(root, "boot/grub/grub.cfg"), GRUB);
  writeFileSync(join(root, "etc/hostname"), "golden\n");
  writeFileSync(join(root, "root/mark"), MARK);
  await assembleDisk({
    imageFile,
    root,
    grub: GRUB_EMBEDDED,
    sizeBytes: IMAGE_BYTES,
    step: { directory: scratch, environment: { TZ: "UTC" } },
  });
}
