#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# fetch-qemu.sh BUILDDIR: unpack the QEMU of bookworm-backports in BUILDDIR/vm/backports and make
# BUILDDIR/vm/qemu-backports to start it. Nothing is installed; the libraries are those that the system's
# own qemu-system-x86 depends on.
# QEMU 10 emulates x2APIC, which 7.2 does not, and CMPXCHG16B correctly.
set -eu

here=$(dirname "$(readlink -f "$0")")
mkdir -p "$1/vm"
vm=$(readlink -f "$1/vm")
suite=bookworm-backports
start=$vm/qemu-backports

if [ -x "$start" ]; then
    exit 0
fi

# apt with its sources, lists and packages in a directory of its own
work=$(mktemp -d -p "$vm" apt.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial"
"$here/apt-sources.sh" $suite >"$work/sources.list"
own_apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$work/lists" -o APT::Sandbox::User=root "$@"
}

own_apt update
(cd "$work" && own_apt download qemu-system-x86/$suite qemu-system-data/$suite seabios/$suite)
for package in "$work"/*.deb; do
    dpkg-deb -x "$package" "$vm/backports"
done

cat >"$start.new" <<END
#!/bin/sh
share=$vm/backports/usr/share
exec $vm/backports/usr/bin/qemu-system-x86_64 -L \$share/qemu -L \$share/seabios "\$@"
END
chmod 755 "$start.new"
"$start.new" --version
mv "$start.new" "$start"
