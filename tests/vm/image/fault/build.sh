#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh ROOT: make ROOT/boot/fault.ko for the kernel of that root, with the headers that its archive has. APT_CONFIG
# tells of the archive. Nothing but the module stays.
set -eu

here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$1")
release=$(basename "$root"/lib/modules/*)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

unpack() {
    apt-get -qq -o APT::Sandbox::User=root download "$@"
    for package in *.deb; do
        dpkg-deb -x "$package" headers
    done
}

unpack "linux-headers-$release"
unpack $(dpkg-deb -f "linux-headers-$release"_*.deb Depends |
    tr ', ' '\n\n' | grep -E '^linux-(headers|kbuild)-')

headers=$work/headers/usr/src/linux-headers-$release
sed -i "s#^include #&$work/headers#" "$headers/Makefile"
mkdir module
cp "$here/fault.c" "$here/Kbuild" module/
make -s -C "$headers" M="$work/module" modules
strip --strip-debug module/fault.ko
cp module/fault.ko "$root/boot/fault.ko"
