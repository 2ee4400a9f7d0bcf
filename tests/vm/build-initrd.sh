#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# build-initrd.sh OUT [BUSYBOX]: ramdisk of a kernel under test, made of guest/init and a static busybox.
set -eu

here=$(dirname "$(readlink -f "$0")")
out=$(readlink -f "$1")
busybox=${2:-/bin/busybox}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
install -D "$busybox" "$root/bin/busybox"
install "$here/guest/init" "$root/init"
mkdir "$root/proc" "$root/sys" "$root/dev"

cd "$root"
find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0 | gzip -1 -n >"$out.new"
mv "$out.new" "$out"
