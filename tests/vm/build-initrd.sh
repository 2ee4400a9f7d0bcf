#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# build-initrd.sh OUT [BUSYBOX [FAULT]]: ramdisk of a kernel under test, made of guest/init, a static busybox, and the
# module that breaks that kernel.
set -eu

here=$(dirname "$(readlink -f "$0")")
out=$(readlink -f "$1")
busybox=${2:-/bin/busybox}
fault=${3-}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
install -D "$busybox" "$root/bin/busybox"
install "$here/guest/init" "$root/init"
[ -z "$fault" ] || install -m 644 "$fault" "$root/fault.ko"
mkdir "$root/proc" "$root/sys" "$root/dev"

cd "$root"
find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0 | gzip -1 -n >"$out.new"
mv "$out.new" "$out"
