#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# build-agent-initrd.sh OUT AGENT [BUSYBOX]: ramdisk whose /init is the agent, with a busybox, and for rdinit= /init-before,
# which puts the agent in front of another init.
set -eu

out=$(readlink -f "$1")
agent=$(readlink -f "$2")
busybox=${3:-/bin/busybox}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
install -D "$busybox" "$root/bin/busybox"
install "$agent" "$root/init"
mkdir "$root/proc" "$root/sys" "$root/dev" "$root/root" "$root/tmp" "$root/run"
for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done

cat >"$root/init-before" <<'END'
#!/bin/sh
exec /init -- /init-behind
END
cat >"$root/init-behind" <<'END'
#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
trap 'poweroff -f' USR2
while :; do sleep 1; done
END
chmod 755 "$root"/init-*

cd "$root"
find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0 | gzip -1 -n >"$out.new"
mv "$out.new" "$out"
