#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Other people's user spaces under the agent (initrd create --wrap), how they end, and who but root may reach them.

    test-access.py BUILDDIR
"""
import re
import sys
import time

from steps import Road, contains, equal
from vm import VM

road = Road()
KERNEL = "org.mpartd1 /org/mpartd1/kernel/{} org.mpartd1.Kernel"
RAMDISK, TREE = "/var/tmp/initramfs.img", "/var/tmp/tree.cpio"
ALICE = "setpriv --reuid=alice --regid=alice --clear-groups"
RULE = """polkit.addRule(function(action, subject) {
    if (action.id == "org.mpartd1.exec" && action.lookup("kernel") == "1" && subject.user == "alice")
        return polkit.Result.YES;
});
"""
# What of the primary's own tree a small one has.
MAKE_TREE = r"""
mkdir /var/tmp/tree
tar -C / --one-file-system --exclude=./boot --exclude='./usr/share/[!d]*' --exclude=./usr/lib/modules --exclude='./var/*/*' \
    --exclude='./usr/bin/perl*' --exclude='*/x86_64-linux-gnu/*perl*' --exclude='*/x86_64-linux-gnu/gconv' \
    --exclude='*/libicu*' --exclude='./etc/systemd/system/*.wants/*' --exclude='./etc/systemd/system/vm-channel.service' \
    -c . | tar -C /var/tmp/tree -x
cd /var/tmp/tree
: >etc/fstab
install -m 4710 -o 1234 -g 567 /dev/null etc/owned
ln etc/owned etc/owned-too
mknod etc/device b 7 99
"""


def wait_for(vm, condition, seconds, what):
    """Wait until the shell condition holds in the primary."""
    script = f"end=$(($(date +%s) + {seconds})); until {condition}; do [ $(date +%s) -lt $end ] || exit 1; sleep 0.2; done"
    if vm.run(script, seconds + 60).rc != 0:
        raise AssertionError(f"{what}\n" + vm.run("mpartctl list; journalctl -u mpartd --no-pager | tail -20").out
                             + vm.console(1)[-1500:] + vm.console(2)[-1500:])


def daemon_said(vm, text):
    """How many lines of the daemon's own have it."""
    return int(vm.run(f"journalctl -t mpartd --no-pager -o cat | grep -c '{text}'").out)


def wait_state(vm, kernel, state, seconds=30):
    wait_for(vm, f"busctl get-property {KERNEL.format(kernel)} State | grep -q '\"{state}\"'", seconds,
             f"kernel {kernel} is not {state}")


def boot(vm, kernel, ramdisk, options=""):
    """The empty panic= has an initramfs that finds no root start a shell; else it halts."""
    vm.check(f"mpartctl boot {kernel} --initrd {ramdisk} --no-dump --cmdline panic= {options}", 180)
    wait_for(vm, f"busctl get-property {KERNEL.format(kernel)} AgentState | grep -q ready", 60, "no agent")


def wait_systemd(vm, kernel):
    """Until its systemd has started everything."""
    started = time.monotonic()
    wait_for(vm, f"mpartctl exec {kernel} -- systemctl is-system-running | grep -qE 'running|degraded'", 240,
             "systemd does not come up")
    print(f"# systemd up after another {time.monotonic() - started:.1f} s")


def refused(vm, command, part):
    """Alice is told why; returns her result."""
    result = vm.run(f"{ALICE} {command}", 60)
    equal(result.rc, 1)
    contains(result.err, part)


def answer_password(vm, command, password):
    """Alice runs it on a terminal and types the password when asked; what the terminal showed."""
    return vm.run(f"""bash <<'END'
cd $(mktemp -d) && mkfifo keys said
script -qefc '{ALICE} {command}' /dev/null <keys >said 2>&1 &
exec 3>keys 4<said
while IFS= read -r -t 90 -d : part <&4; do
    printf '%s:' "$part"
    [[ $part != *Password ]] || break
done
echo {password} >&3
cat <&4
wait $!
END""", 150)


@road.step
def prepare(vm):
    """The distribution's initramfs and a root tree are wrapped; the primary starts with room for them."""
    vm.check(MAKE_TREE, 180)
    started = time.monotonic()
    vm.check(f"mpartctl initrd create --wrap /var/tmp/tree -o {TREE}", 180)
    print(f"# root tree wrapped in {time.monotonic() - started:.1f} s: {vm.check(f'stat -c %s {TREE}').strip()} bytes")
    vm.check(f"mpartctl initrd create --wrap $(echo /boot/initrd.img-*) -o {RAMDISK}", 180)
    vm.check(f"mpartctl plan --per-numa --initrd {TREE} --save; rm -r /var/tmp/tree")
    vm.restart("mpartctl apply --yes", 300)
    vm.settle(300)


@road.step
def initramfs(vm):
    """A Debian initramfs, wrapped: commands run beside its init, in its root."""
    boot(vm, 1, RAMDISK, "--on-reboot stop")
    contains(vm.check("mpartctl exec 1 -- uname -a"), "Linux mpart1 ")
    contains(vm.check("mpartctl exec 1 -- sh -c 'tr \"\\0\" \" \" </proc/1/cmdline; ls /scripts'"), "functions\n")
    equal(vm.check("mpartctl exec 1 -- sh -c 'echo $(readlink /proc/1/root)'"), "/\n")


@road.step
def restart_inside(vm):
    """Its restart ends that kernel alone, and is told to those who wait for it."""
    result = vm.run("mpartctl exec 1 -- sleep 1000 & sleep 1; mpartctl exec 1 -- reboot -f; wait $!; echo rc $?", 60)
    contains(result.err, "kernel 1: its init asked for a restart")
    contains(result.out, "rc 255")
    wait_state(vm, 1, "inactive")
    contains(vm.check("mpartctl status 1"), "its init asked for a restart")


@road.step
def stop_timeout(vm):
    """An init that does not end in order is stopped after the time that its boot was given."""
    boot(vm, 1, RAMDISK, "--stop-timeout 4")
    started = time.monotonic()
    vm.check("mpartctl stop 1", 60)
    took = time.monotonic() - started
    equal(daemon_said(vm, "user space did not end within 4 s"), 1)
    if not 4 <= took < 15:
        raise AssertionError(f"stopped after {took:.1f} s")
    equal(vm.run("mpartctl boot 1 --stop-timeout 0").rc, 2)
    result = vm.run(f"mpartctl boot 1 --initrd {RAMDISK} --stop-timeout 3601")
    equal(result.rc, 1)
    contains(result.err, "from 1 to 3600 seconds")


@road.step
def root_tree(vm):
    """A root tree with systemd as its init: it runs as PID 1 of its namespace, with everything as it was."""
    boot(vm, 2, TREE, "--on-poweroff restart --stop-timeout 120")
    wait_systemd(vm, 2)
    equal(vm.check("mpartctl exec 2 -- cat /proc/1/comm"), "systemd\n")
    contains(vm.check("mpartctl exec 2 -- uname -a"), " x86_64 GNU/Linux")
    equal(vm.check("mpartctl exec 2 -- stat -c '%u:%g %a %h' /etc/owned /etc/owned-too"), "1234:567 4710 2\n" * 2)
    equal(vm.check("mpartctl exec 2 -- stat -c '%F %t:%T' /etc/device"), "block special file 7:63\n")
    equal(vm.check("mpartctl exec 2 -- grep ^root: /etc/shadow"), vm.check("grep ^root: /etc/shadow"))


@road.step
def poweroff_inside(vm):
    """Its power-off ends that kernel alone; here it is booted again, as was asked for."""
    timestamp = f"busctl get-property {KERNEL.format(2)} BootTimestamp"
    before = vm.check(timestamp)
    vm.run("mpartctl exec 2 -- systemctl poweroff", 60)
    wait_for(vm, f"[ \"$({timestamp})\" != '{before.strip()}' ]", 120, "kernel 2 is not booted again")
    wait_state(vm, 2, "running", 60)
    equal(daemon_said(vm, "its init switched it off; it is restarted"), 1)


@road.step
def orderly_stop(vm):
    """A stop has systemd end its services in order."""
    wait_systemd(vm, 2)
    before = daemon_said(vm, "agent powered-off")
    started = time.monotonic()
    vm.check("mpartctl stop 2", 180)
    print(f"# systemd ended in order in {time.monotonic() - started:.1f} s")
    equal(daemon_said(vm, "agent powered-off"), before + 1)
    wait_state(vm, 2, "inactive")


@road.step
def not_without_a_rule(vm):
    """An ordinary user may look, and nothing else."""
    vm.check("useradd alice")
    boot(vm, 1, RAMDISK, "--stop-timeout 3")
    boot(vm, 2, RAMDISK, "--stop-timeout 3")
    contains(vm.check(f"{ALICE} mpartctl list"), "node1")
    refused(vm, "mpartctl exec 1 -- id", "org.mpartd1.exec needs a password")
    for command, action in (("stop 1", "boot-kernels"), (f"boot 3 --initrd {RAMDISK}", "boot-kernels"), ("log 1", "read-log"),
                            ("dump 1 /tmp/alice.core", "dump"), ("console 1 --log", "console"), ("stop all", "boot-kernels")):
        refused(vm, f"mpartctl {command}", f"org.mpartd1.{action} needs a password")
    equal(vm.run("test -e /tmp/alice.core").rc, 1)


@road.step
def with_a_rule(vm):
    """A rule of polkit lets her run commands in one kernel, and nothing beside."""
    vm.put("/etc/polkit-1/rules.d/50-test.rules", RULE.encode())
    vm.check("systemctl restart polkit")
    equal(vm.check(f"echo input | {ALICE} mpartctl exec 1 -- sh -c 'echo $(id -u); cat'"), "0\ninput\n")
    equal(vm.run(f"{ALICE} mpartctl exec 1 -- sh -c 'exit 7'").rc, 7)
    refused(vm, "mpartctl exec 2 -- id", "org.mpartd1.exec needs a password")
    refused(vm, f"mpartctl boot 3 --initrd {RAMDISK}", "org.mpartd1.boot-kernels needs a password")
    refused(vm, "mpartctl stop 1", "org.mpartd1.boot-kernels needs a password")
    refused(vm, "mpartctl console 1", "org.mpartd1.console needs a password")
    equal(daemon_said(vm, "org.mpartd1.exec of kernel node1: user .* may"), 2)


@road.step
def with_a_password(vm):
    """On a terminal the password of an administrator is asked for, once for the command."""
    vm.check("echo root:secret | chpasswd")
    seen = answer_password(vm, "mpartctl exec 2 -- echo in-$((40 + 2))", "secret")
    contains(seen.out, "Authentication is required to run a command in a kernel")
    contains(seen.out, "in-42")
    equal(seen.rc, 0)
    seen = answer_password(vm, "mpartctl exec 2 -- echo in-$((40 + 2))", "wrong")
    equal(seen.rc, 1)
    if "in-42" in seen.out:
        raise AssertionError("run in spite of a wrong password")


@road.step
def without_polkit(vm):
    """Without polkit there is root alone, and the refusal says so."""
    vm.check("systemctl mask --now polkit")
    refused(vm, "mpartctl exec 1 -- id", "org.mpartd1.exec is for root alone while polkit does not decide")
    equal(vm.check("mpartctl exec 1 -- echo root"), "root\n")
    vm.check("systemctl unmask polkit")
    equal(vm.check(f"{ALICE} mpartctl exec 1 -- echo again"), "again\n")


@road.step
def stop_all(vm):
    """At the end the primary has all its CPUs."""
    vm.check("mpartctl stop all", 120)
    if not re.fullmatch("0-7\n", vm.check("cat /sys/devices/system/cpu/online")):
        raise AssertionError("CPUs are missing")


def main():
    with VM(sys.argv[1]) as vm:
        return road.walk(vm)


if __name__ == "__main__":
    sys.exit(main())
