#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# base.sh OUT: the root file system of the primary, Debian 12, in the new directory OUT. Needs root.
set -eu

here=$(dirname "$(readlink -f "$0")")
out=$1

masked='apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service
    fstrim.timer systemd-networkd-wait-online.service systemd-timesyncd.service systemd-update-utmp.service
    systemd-pstore.service modprobe@drm.service modprobe@loop.service modprobe@dm_mod.service
    modprobe@fuse.service modprobe@configfs.service systemd-random-seed.service
    getty@tty1.service serial-getty@ttyS0.service
    systemd-journal-flush.service kexec.service kexec-load.service ldconfig.service'

packages() {
    sed '/^#/d' "$here/packages.txt" | paste -sd,
}

mask() {
    for unit in $masked; do printf 'ln -sf /dev/null "$1/etc/systemd/system/%s"; ' "$unit"; done
}

# The initramfs does without udev: the device is /dev/vda and the modules are named.
"$here/../apt-sources.sh" | mmdebstrap --quiet --variant=minbase --include="$(packages)" \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/i18n/*' \
    --dpkgopt='path-exclude=/usr/share/initramfs-tools/*/udev' \
    --dpkgopt='path-exclude=/lib/udev/hwdb.d/*' \
    --dpkgopt='path-exclude=/usr/lib/udev/hwdb.d/*' \
    --essential-hook="cp -a --no-preserve=ownership '$here/tree/.' \"\$1/\"" \
    --customize-hook="$(mask)" \
    --customize-hook="APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG '$here/fault/build.sh' \"\$1\"" \
    --customize-hook='rm "$1/etc/systemd/system/multi-user.target.wants/irqbalance.service"' \
    --customize-hook='echo primary >"$1/etc/hostname"; echo "127.0.0.1 localhost primary" >"$1/etc/hosts"' \
    --customize-hook='rm -rf "$1/etc/apt/sources.list" "$1"/var/cache/* "$1"/var/log/*' \
    --customize-hook='rm -f "$1"/var/lib/dpkg/*-old "$1"/*.old; : >"$1/etc/machine-id"' \
    --format=directory bookworm "$out" -
