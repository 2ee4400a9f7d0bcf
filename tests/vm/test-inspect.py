#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Logs and dumps of kernels that run beside a primary, through the daemon.

    test-inspect.py BUILDDIR
"""
import json
import sys

from primary import AWAIT
from steps import Road, contains, equal
from vm import VM

road = Road()
BOOT = "mpartctl boot kernel 3 --on-crash preserve --no-dump --image $(echo /boot/vmlinuz-*) --initrd /boot/guest.img"
PANIC = "Kernel panic - not syncing: sysrq triggered crash"
END = "---[ end Kernel panic"


def refused(vm, command, *parts):
    """The command fails with exit status 1 and says each part."""
    result = vm.run(command)
    equal(result.rc, 1)
    for part in parts:
        contains(result.err, part)


def resources(vm):
    """Descriptors and threads of the daemon."""
    return vm.check("pid=$(systemctl show -P MainPID mpartd); ls /proc/$pid/fd | wc -l; ls /proc/$pid/task | wc -l")


@road.step
def prepare(vm):
    """A kernel that has never run has no log."""
    vm.check("mpartctl plan --per-numa --save")
    refused(vm, "mpartctl log 3", "inactive")
    vm.restart("mpartctl apply --yes", 180)
    refused(vm, "mpartctl log 0", "primary")
    refused(vm, "mpartctl dump 3 /var/tmp/core", "inactive")
    vm.check("test ! -e /var/tmp/core")


@road.step
def log(vm):
    """The log of a running kernel, whole, its end, and as JSON."""
    vm.check(f"{BOOT} --cmdline guest_panic_at=30", 120)
    vm.wait_console(3, "mpart-guest: ready=1", 90)
    vm.resources = resources(vm)
    text = vm.check("mpartctl log 3")
    contains(text, "Linux version")
    contains(text, "Run /init as init process")
    equal(vm.check("mpartctl log -n 3 kernel 3"), "".join(text.splitlines(keepends=True)[-3:]))
    records = [json.loads(line) for line in vm.check("mpartctl log 3 --json").splitlines()]
    equal([r["seq"] for r in records], list(range(len(records))))
    contains(records[0]["text"], "Linux version")
    refused(vm, "setpriv --reuid 65534 --clear-groups mpartctl log 3", "org.mpartd1.read-log")
    equal(vm.run("mpartctl log 3 -n none").rc, 2)


@road.step
def readers_that_are_slow_or_gone(vm):
    """A reader that does not read, or ends, holds up nobody."""
    equal(vm.check("mpartctl log -f 3 | head -n 1 | cut -c 1-2"), "[ \n")
    vm.check(AWAIT + "for i in 1 2 3; do mpartctl log -f 3 >/tmp/slow.$i & await /tmp/slow.$i 'Linux version'; kill -STOP $!; "
             "echo $! >>/tmp/stopped; done; timeout 10 mpartctl list; timeout 10 mpartctl log -n 1 3; "
             "xargs kill -KILL </tmp/stopped")
    vm.check("timeout 3 mpartctl log -f 3 >/dev/null; test $? = 124")


@road.step
def panic(vm):
    """A follower reads the last words of a kernel that dies, at once."""
    vm.check("mpartctl log -f -n 1 3 >/tmp/followed 2>/tmp/follow.err & echo $! >/tmp/follower")
    vm.wait_console(3, END.replace("[", r"\["), 300)
    vm.check(AWAIT + f"await /tmp/followed '{END.replace('[', '.')}'", 60)
    contains(vm.check("cat /tmp/followed"), PANIC)
    contains(vm.check("mpartctl log 3"), PANIC)


@road.step
def dump(vm):
    """Its dump holds the same log, by the word of another tool."""
    print("# " + vm.check("bash -c 'time mpartctl dump 3 /var/tmp/core' 2>&1; ls -ls /var/tmp/core", 120)
          .strip().replace("\n", "\n# "), flush=True)
    vm.check("mpartctl log 3 >/tmp/log; vmcore-dmesg /var/tmp/core >/tmp/theirs; cmp /tmp/log /tmp/theirs", 60)
    vm.check("test $(du -k /var/tmp/core | cut -f 1) -lt $(($(stat -c %s /var/tmp/core) / 2048))")
    refused(vm, "mpartctl dump 3 /var/tmp/core", "/var/tmp/core", "exists")
    vm.check("rm /var/tmp/core")


@road.step
def canceled_dump(vm):
    """A dump that is interrupted leaves nothing, neither a file nor a thread; nor does one whose caller is killed."""
    result = vm.run("mpartctl dump 3 /var/tmp/core & pid=$!; until [ -s /var/tmp/core ]; do kill -0 $pid || exit 3; done;"
                    "kill -INT $pid; wait $pid")
    if result.rc != 0:  # else it was done before
        equal(result.rc, 1)
        contains(result.err, "canceled")
        vm.check("test ! -e /var/tmp/core")
    vm.check("rm -f /var/tmp/core; mpartctl dump 3 /var/tmp/killed & until [ -s /var/tmp/killed ]; do :; done; "
             "kill -KILL $!; until mpartctl dump 3 /var/tmp/core 2>/tmp/why; do "
             "grep -q 'being dumped already' /tmp/why || exit 1; done; rm /var/tmp/killed /var/tmp/core", 60)


@road.step
def stop(vm):
    """With the kernel its followers end, and the daemon holds what it held before."""
    vm.check("mpartctl stop 3; timeout 20 tail --pid=$(cat /tmp/follower) -f /dev/null", 60)
    equal(vm.check("cat /tmp/follow.err"), "")
    refused(vm, "mpartctl log 3", "inactive")
    since = vm.mark(3)
    vm.check(BOOT, 120)
    vm.wait_console(3, "mpart-guest: ready=1", 90, since)  # as when they were counted: all that follows a boot is done
    equal(resources(vm), vm.resources)
    vm.check("mpartctl stop 3")


def main():
    with VM(sys.argv[1]) as vm:
        return road.walk(vm)


if __name__ == "__main__":
    sys.exit(main())
