#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# build-test-image.sh MESON-BUILDDIR: the image with the freshly built mpartd and the kernels that the tests boot.
set -eu

here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "$1")
mkdir -p "$build/vm"
tree=$(mktemp -d -p "$build/vm" tree.XXXXXX)
trap 'rm -rf "$tree"' EXIT

meson install -C "$build" --no-rebuild --quiet --destdir "$tree"
"$here/build-image.sh" "$build"
"$here/image-kernels.py" "$build/vm/vmlinuz" "$tree/boot/test-kernels"
install -m 644 -D "$build/vm/vmlinuz" "$tree/boot/broken/vmlinuz" # on a disk that vm.py makes fail there
install -m 644 "$build/vm/guest.img" "$tree/boot/broken/ramdisk"
"$here/build-agent-initrd.sh" "$tree/boot/agent.img" "$tree/usr/libexec/mpart-agent"
"$here/build-image.sh" "$build" "$tree"
