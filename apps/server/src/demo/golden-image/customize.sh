#!/bin/sh
# Finishes the root file system of the demo's golden image; $1 is its directory. mmdebstrap runs it last.
set -eu
root=$1

# Anyone at the console of a demonstration may look around: root logs in without a password.
chroot "$root" passwd --delete root

# Every machine that boots the image is somebody else: no name and no identity stand in it.
rm -f "$root/etc/hostname"
: >"$root/etc/machine-id"
echo 'InitiatorName=iqn.2026-11.org.ingot:golden' >"$root/etc/iscsi/initiatorname.iscsi"

chroot "$root" systemctl --quiet enable \
	ingot-address.service ingot-coldplug.service ingot-report.service iscsid.service \
	serial-getty@ttyS0.service

# Nothing here is needed to reach the login prompt, and each costs time or writes to the overlay.
chroot "$root" systemctl --quiet mask \
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
	systemd-tmpfiles-clean.timer getty@tty1.service getty-static.service iscsid.socket open-iscsi.service \
	systemd-pstore.service systemd-random-seed.service systemd-update-utmp.service \
	systemd-update-utmp-runlevel.service systemd-hwdb-update.service ldconfig.service systemd-sysusers.service \
	systemd-binfmt.service systemd-repart.service systemd-firstboot.service systemd-udev-trigger.service \
	systemd-journal-flush.service kmod-static-nodes.service proc-sys-fs-binfmt_misc.automount dev-hugepages.mount \
	dev-mqueue.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
	sys-fs-fuse-connections.mount systemd-ask-password-console.path systemd-ask-password-wall.path \
	systemd-initctl.socket remote-fs.target
mkdir -p "$root/etc/systemd/system-generators"
for generator in "$root"/lib/systemd/system-generators/*; do
	ln -s /dev/null "$root/etc/systemd/system-generators/${generator##*/}"
done

rm -rf "$root"/var/log/*.log "$root"/var/log/apt "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin \
	"$root"/var/cache/debconf/*-old "$root"/var/cache/ldconfig "$root"/var/lib/dpkg/*-old
