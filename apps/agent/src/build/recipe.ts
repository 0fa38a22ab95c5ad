/** Debian packages that the system is made from, with what they depend on. */
export const PACKAGES: readonly string[] = [
  "busybox-static",
  "e2fsprogs",
  "efibootmgr",
  "fdisk",
  "hdparm",
  "kmod",
  "libatomic1",
  "libstdc++6",
  "linux-image-amd64",
  "ntfs-3g",
  "smartmontools",
  "udev",
  "util-linux",
];

/** Programs from these packages, by name or place; busybox's come besides, where there is no better one. */
export const PROGRAMS: readonly string[] = words(`
  blkdiscard blkid losetup lsblk partx wipefs debugfs dumpe2fs e2fsck mke2fs resize2fs tune2fs fdisk sfdisk ntfs-3g
  ntfs-3g.probe ntfscat ntfscp ntfsfix ntfsinfo ntfsresize efibootmgr hdparm kmod smartctl udevadm /lib/udev/ata_id
  /lib/udev/cdrom_id /lib/udev/scsi_id
`);

/** Other names of a program. */
export const PROGRAM_LINKS: Readonly<Record<string, string>> = {
  "/usr/lib/systemd/systemd-udevd": "/usr/bin/udevadm",
  ...Object.fromEntries(
    ["depmod", "insmod", "lsmod", "modinfo", "modprobe", "rmmod"].map((n) => [`/sbin/${n}`, "/usr/bin/kmod"]),
  ),
};

/** Other files of the packages, or whole folders of them. */
export const PACKAGE_FILES: readonly string[] = [
  "/etc/mke2fs.conf",
  "/lib/udev/rules.d",
  "/var/lib/smartmontools/drivedb/drivedb.h",
];

/** Files of `PACKAGE_FILES` that are of no use here: names of network cards stay the kernel's, `eth0`. */
export const LEFT_OUT: RegExp =
  /\/(73-special-net-names\.rules|80-net-setup-link\.rules|81-net-dhcp\.rules|96-e2scrub\.rules)/;

/**
 * Kernel modules, as folders or files below `kernel/`: what a machine needs to be reached, to have its disks written, and to be
 * helped from its keyboard. What they depend on comes with them.
 */
export const MODULES: readonly string[] = words(`
  crypto/crc32c_generic crypto/crct10dif_common crypto/crct10dif_generic crypto/xxhash_generic
  arch/x86/crypto/crc32-pclmul arch/x86/crypto/crc32c-intel arch/x86/crypto/crct10dif-pclmul drivers/ata
  drivers/block/loop drivers/block/virtio_blk drivers/block/xen-blkfront drivers/cpufreq drivers/char/hw_random
  drivers/char/tpm drivers/hid/hid drivers/hid/hid-generic drivers/hid/usbhid drivers/hid/hid-hyperv drivers/hv
  drivers/input/keyboard drivers/input/serio drivers/message drivers/mmc/core drivers/mmc/host drivers/net/ethernet
  drivers/net/fjes drivers/net/hyperv drivers/net/mdio drivers/net/phy drivers/net/usb drivers/net/virtio_net
  drivers/net/vmxnet3 drivers/net/xen-netfront drivers/nvme/host drivers/pci/controller drivers/scsi drivers/thunderbolt
  drivers/usb/core drivers/usb/host drivers/usb/storage drivers/usb/common drivers/virtio fs/btrfs fs/efivarfs fs/exfat
  fs/ext4 fs/fat fs/isofs fs/nls fs/ntfs3 fs/xfs net/8021q net/packet
`);

/** Modules of those folders that nobody boots a clone from: fibre channel, InfiniBand storage, targets, converged adapters. */
export const MODULES_LEFT_OUT: RegExp =
  /\/(bfa|bnx2fc|bnx2i|csiostor|cxgbi|elx|fcoe|fnic|libfc|lpfc|qedf|qedi|qla2xxx|qla4xxx|pcmcia|device_handler|efct|chelsio|liquidio|cavium|mellanox\/mlxsw|netronome|prestera|pata_|sfc\/siena|qlcnic|netxen)/;

/** The time of every file, in seconds since 1970: the same packages give the same bytes. */
export const BUILD_TIME = 1_790_000_000;

/** zstd's level. 19 costs minutes for Node and the kernel's modules, once; each part is kept until it changes. */
export const COMPRESSION_LEVEL = 19;

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
