#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# fetch-package.sh BUILDDIR SUITE PACKAGE: unpack a package of a Debian suite in BUILDDIR/vm/SUITE; of a package that is
# a name for another one (linux-image-cloud-amd64), that other one. Nothing is installed.
set -eu

here=$(dirname "$(readlink -f "$0")")
mkdir -p "$1/vm"
vm=$(readlink -f "$1/vm")
suite=$2
package=$3

if [ -e "$vm/$suite/.$package" ]; then
    exit 0
fi

# apt with its sources, lists and packages in a directory of its own
work=$(mktemp -d -p "$vm" apt.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial"
"$here/apt-sources.sh" "$suite" >"$work/sources.list"
options="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$work/lists
         -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root"

apt-get -qq $options --error-on=any update
case $package in
linux-image-*) package=$(apt-cache $options depends --important "$package" | awk '$1 == "Depends:" { print $2; exit }') ;;
esac
(cd "$work" && apt-get -qq $options download "$package/$suite")
dpkg-deb -x "$work"/*.deb "$vm/$suite"
touch "$vm/$suite/.$3"
