#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# build-image.sh BUILDDIR [TREE...]: make what vm.py boots, in BUILDDIR/vm. Needs root.
#   vmlinuz, initrd   kernel and ramdisk of the first boot
#   disk.img          root disk (ext4): Debian 12 with each TREE, e.g. a DESTDIR, copied over it
#   guest.img         ramdisk for a kernel under test, also /boot/guest.img on the disk
# The Debian root is kept in BUILDDIR/vm/base-* until the files that describe it change.
set -eu

here=$(dirname "$(readlink -f "$0")")
vm=$1/vm
shift
mkdir -p "$vm"

sums=$(cd "$here" && find apt-sources.sh image -type f | LC_ALL=C sort | xargs sha256sum)
key=$(echo "$sums" | sha256sum | cut -c1-16)
base=$vm/base-$key

if [ ! -d "$base" ]; then
    rm -rf "$vm"/base-* "$vm/new"
    "$here/image/base.sh" "$vm/new"
    mv "$vm/new" "$base"
fi

root=$(mktemp -d -p "$vm" root.XXXXXX)
trap 'rm -rf "$root"' EXIT
cp -al "$base/." "$root"
for tree; do
    tar -C "$tree" -c . | tar -C "$root" -x --keep-directory-symlink --no-same-owner --no-overwrite-dir
done
"$here/build-initrd.sh" "$vm/guest.img" "$base/bin/busybox" "$base/boot/fault.ko"
cp "$vm/guest.img" "$root/boot/guest.img"

rm -f "$vm/disk.new"
mke2fs -q -t ext4 -O ^has_journal -d "$root" "$vm/disk.new" 1G >"$vm/mke2fs.log"
mv "$vm/disk.new" "$vm/disk.img"
cp "$base"/boot/vmlinuz-* "$vm/vmlinuz"
cp "$base"/boot/initrd.img-* "$vm/initrd"
