#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The network of three kernels and all else that reaches them: ping, ssh in all directions, a copy, commands, consoles;
then an agent dies, and a kernel in mid-transfer, and everything works again. Nothing is left behind.

    test-network.py BUILDDIR
"""
import json
import re
import sys

import network
from network import KERNELS, KEY, RAMDISK, address, remote, wait_login
from primary import online, since_now, state, wait_journal
from steps import Road, contains, equal
from talking import execute, type_on_console, wait_agent
from vm import VM

road = Road()
COPY_MIB = 64
# An init that starts the agent beside itself and kills it when it is told to.
BESIDE = b"""#!/bin/busybox sh
/bin/busybox mknod /kill-agent p
/init &
read -r line </kill-agent
kill -9 $!
while :; do /bin/busybox sleep 1000; done
"""
# A copy to kernel 2 and a command that sends from it are under way when it panics, and a copy to kernel 3.
PANIC = """
{to_3} </tmp/sent >/tmp/sum & other=$!
{to_2} </tmp/sent >/dev/null 2>&1 & doomed=$!
mpartctl exec 2 -- sh -c 'until [ -s /tmp/copy ]; do :; done; head -c 1000000 /dev/zero; cat /dev/zero & \
    echo c >/proc/sysrq-trigger' 2>/tmp/why | wc -c
cat /tmp/why
wait $other; echo other $?
kill $doomed
"""


def interfaces(vm):
    return {link["ifname"] for link in json.loads(vm.check("ip -j link"))}


def untouched(vm):
    """When each kernel was started: what must stay the same where another one dies."""
    return {kernel: vm.check(f"busctl get-property org.mpartd1 /org/mpartd1/kernel/{kernel} org.mpartd1.Kernel "
                             "BootTimestamp") for kernel in KERNELS}


def reachable(vm, kernel):
    """By ssh from everywhere, by a command, and on its console."""
    for one in KERNELS:
        wait_login(vm, one)
    for other in KERNELS:
        if other != kernel:
            equal(login_from(vm, other, kernel), f"mpart{kernel}")
    equal(execute(vm, kernel, "hostname").out, f"mpart{kernel}\n")
    contains(type_on_console(vm, kernel, "echo typed-$((6 * 7))", "typed-42"), "left 0")


def login_from(vm, kernel, other):
    inner = f"ssh -y -y -i /root/.ssh/id_dropbear root@{address(other)} hostname"
    return vm.check(remote(kernel, f"'{inner}'") + " </dev/null", 120).strip()


@road.step
def apply(vm):
    """A plan is in effect."""
    network.apply_plan(vm)


@road.step
def ramdisk(vm):
    """A ramdisk is made twice with the same bytes; it holds what it should."""
    vm.put("/root/beside", BESIDE, 0o755)
    network.make_ramdisk(vm, "--add /root/beside:/init-beside")
    vm.check(f"mv {RAMDISK} /root/first.img")
    network.make_ramdisk(vm, "--add /root/beside:/init-beside")
    vm.check(f"cmp /root/first.img {RAMDISK}")
    names = vm.check(f"zcat {RAMDISK} | busybox cpio -t").split()
    for name in ("init", "init.real", "bin/busybox", "mpart/modules/tun.ko", "usr/sbin/dropbear",
                 "root/.ssh/authorized_keys"):
        contains(names, name)
    equal([name for name in names if "host_key" in name], [])


@road.step
def bad_requests(vm):
    """What is missing is named."""
    for options, text in (("--kernel 1.2.3", "/lib/modules/1.2.3"), ("--module nothing", "module nothing"),
                          ("--add /nothing", "/nothing"), (f"--ssh-key {KEY}", "no public key"),
                          ("--wrap /etc/passwd", "/etc/passwd")):
        result = vm.run(f"mpartctl initrd create -o /tmp/no.img {options}")
        equal(result.rc, 1)
        contains(result.err, text)
    equal(vm.run("ls /tmp/no.img").rc, 2)


@road.step
def boot(vm):
    """Three kernels boot with it; each gets an interface on the bridge."""
    for kernel in KERNELS:
        words = "--cmdline rdinit=/init-beside" if kernel == 3 else ""
        vm.check(f"mpartctl boot {kernel} --no-dump --initrd {RAMDISK} {words}", 120)
    contains(vm.check("ip -4 addr show mpart0"), "10.1.2.1/24")
    for kernel in KERNELS:
        contains(vm.check(f"ip link show mpart{kernel}"), "master mpart0")


@road.step
def login(vm):
    """The primary logs in to each by ssh."""
    for kernel in KERNELS:
        wait_login(vm, kernel)
        equal(vm.check(remote(kernel, "hostname") + " </dev/null").strip(), f"mpart{kernel}")
        said = vm.check(remote(kernel, "cat /proc/cmdline") + " </dev/null")
        contains(said, "mpart.region=")


@road.step
def ping(vm):
    """Each answers a ping, from the primary and from each other, by address and by name."""
    for kernel in KERNELS:
        vm.check(f"busybox ping -c 3 {address(kernel)}")
        for other in (0, *KERNELS):
            vm.check(remote(kernel, f"ping -c 1 {address(other)}") + " </dev/null")
            vm.check(remote(kernel, f"ping -c 1 mpart{other}") + " </dev/null")
    contains(vm.check("cat /run/mpartd/hosts"), "10.1.2.3 mpart2 ")


@road.step
def login_between(vm):
    """Each logs in to each other by ssh."""
    for kernel in KERNELS:
        for other in KERNELS:
            if other != kernel:
                equal(login_from(vm, kernel, other), f"mpart{other}")


@road.step
def no_password(vm):
    """Without the key nobody gets in, and no two kernels have the same host key."""
    equal(vm.run(f"timeout 30 dbclient -y -y root@{address(1)} true </dev/null").rc, 1)
    keys = [vm.check(remote(kernel, "'sha256sum </etc/dropbear/dropbear_ed25519_host_key'") + " </dev/null")
            for kernel in KERNELS]
    equal(len(set(keys)), len(KERNELS))


@road.step
def copy(vm):
    """64 MiB arrive as they were sent, there and back."""
    vm.check(f"head -c {COPY_MIB}M /dev/urandom >/tmp/sent")
    here = vm.check("sha256sum </tmp/sent", 120)
    there = vm.check(remote(3, "'cat >/tmp/copy; sha256sum </tmp/copy'") + " </tmp/sent", 300)
    equal(there, here)
    equal(vm.check(remote(3, "'cat /tmp/copy'") + " </dev/null | sha256sum", 300), here)


@road.step
def restart_one(vm):
    """A kernel that is stopped takes its interface along, and comes back, while another one transfers."""
    copy_on = remote(1, "'cat >/tmp/copy; sha256sum </tmp/copy'") + " </tmp/sent >/tmp/sum"
    vm.check(f"{copy_on} & mpartctl stop 2 && ls /sys/class/net >/tmp/links && mpartctl boot 2 --initrd {RAMDISK} && wait $!",
             300)
    equal(set(vm.check("cat /tmp/links").split()) & {"mpart1", "mpart2", "mpart3"}, {"mpart1", "mpart3"})
    wait_login(vm, 2)
    equal(vm.check("cat /tmp/sum"), vm.check("sha256sum </tmp/sent", 120))


@road.step
def commands_and_consoles(vm):
    """Each runs commands for the primary, and has a console that one can type on."""
    for kernel in KERNELS:
        equal(execute(vm, kernel, "hostname").out, f"mpart{kernel}\n")
        contains(type_on_console(vm, kernel, "echo typed-$((6 * 7))", "typed-42"), "left 0")


@road.step
def daemon_restart(vm):
    """A killed daemon comes back and carries on."""
    vm.check("systemctl kill -s KILL mpartd; systemctl restart mpartd; busctl status org.mpartd1 >/dev/null", 120)
    for kernel in KERNELS:
        wait_login(vm, kernel)


@road.step
def agent_killed(vm):
    """An agent that is killed is missed; its kernel stops and boots again, the others notice nothing."""
    before = untouched(vm)
    now = since_now(vm)
    vm.check("mpartctl exec 3 -- sh -c 'echo >/kill-agent'; true")
    wait_agent(vm, 3, now, "gone")
    equal(state(vm, 3), "running")
    equal(execute(vm, 3, "true").rc, 1)
    for kernel in (1, 2):
        equal(execute(vm, kernel, "hostname").out, f"mpart{kernel}\n")
        wait_login(vm, kernel)
    vm.check("mpartctl stop 3", 60)
    vm.check(f"mpartctl boot 3 --no-dump --initrd {RAMDISK}", 120)
    reachable(vm, 3)
    after = untouched(vm)
    equal([after[k] for k in (1, 2)], [before[k] for k in (1, 2)])


@road.step
def panic(vm):
    """A panic in mid-transfer ends that kernel alone: a copy to another one goes on and arrives."""
    vm.before = untouched(vm)
    now = since_now(vm)
    result = vm.run(PANIC.format(to_2=remote(2, "'cat >/tmp/copy'"),
                                 to_3=remote(3, "'cat >/tmp/copy; sha256sum </tmp/copy'")), 300)
    sent, *why = result.out.splitlines()
    if int(sent) < 1000000:
        raise AssertionError(f"the command was not in mid-transfer: {result.out}")
    contains("\n".join(why), "mpartctl: kernel 2: crashed: Kernel panic - not syncing: sysrq triggered crash")
    contains(result.out, "other 0\n")
    equal(vm.check("cat /tmp/sum"), vm.check("sha256sum </tmp/sent", 120))
    wait_journal(vm, now, "kernel 2 .*: failed: crashed: Kernel panic - not syncing: sysrq triggered crash$")
    equal(execute(vm, 2, "true").rc, 1)
    equal(online(vm), "0-1,4-5")


@road.step
def everything_again(vm):
    """The kernel boots again, and all three can be reached in every way; two of them have never stopped."""
    vm.check(f"mpartctl boot 2 --initrd {RAMDISK}", 120)
    for kernel in KERNELS:
        reachable(vm, kernel)
    after = untouched(vm)
    equal([after[k] for k in (1, 3)], [vm.before[k] for k in (1, 3)])


@road.step
def stop(vm):
    """After the last stop no interface, bridge or file is left."""
    vm.check("mpartctl stop all", 120)
    equal({name for name in interfaces(vm) if name.startswith("mpart")}, set())
    equal(vm.run("ls /run/mpartd/network.json /run/mpartd/hosts").out, "")


@road.step
def configuration(vm):
    """Another network, with masquerading, as /etc/mpartd/network.json says; the default ramdisk."""
    text = {"format": "mpart-network", "version": 1, "network": "192.168.77.0/24", "bridge": "kernels",
            "masquerade": True, "mtu": 1500}
    vm.check(f"mkdir -p /etc/mpartd; cp {KEY}.pub /etc/mpartd/authorized_keys")
    vm.put("/etc/mpartd/network.json", json.dumps(text).encode())
    vm.check("systemctl restart mpartd")
    vm.check("mpartctl boot 1", 120)
    vm.check("ls /var/lib/mpartd/initrd-$(uname -r).img")
    contains(vm.check("ip -4 addr show kernels"), "192.168.77.1/24")
    contains(vm.check("nft list table ip mpartd"), "masquerade")
    equal(vm.check("cat /proc/sys/net/ipv4/ip_forward"), "1\n")
    vm.check("for i in $(seq 60); do busybox ping -c 1 -W 1 192.168.77.2 && exit 0; done; exit 1", 120)
    login_line = f"dbclient -y -y -i {KEY} root@192.168.77.2"
    routes = vm.check(f"for i in $(seq 60); do {login_line} ip route </dev/null && exit 0; sleep 1; done; exit 1", 120)
    if not re.search(r"^default via 192\.168\.77\.1 ", routes, re.M):
        raise AssertionError(routes)
    vm.check("mpartctl stop 1", 120)
    equal(vm.run("nft list table ip mpartd").rc, 1)
    equal(vm.check("cat /proc/sys/net/ipv4/ip_forward"), "0\n")


@road.step
def bad_configuration(vm):
    """A configuration that cannot be used is named; kernels still boot."""
    vm.put("/etc/mpartd/network.json", b'{"format":"mpart-network","version":1,"network":"10.1.2.3/24"}')
    vm.check("systemctl restart mpartd")
    contains(vm.check("journalctl -u mpartd -n 20 --no-pager"), "/etc/mpartd/network.json: field \"network\"")
    vm.check(f"mpartctl boot 1 --initrd {RAMDISK}", 120)
    equal({name for name in interfaces(vm) if name.startswith("mpart")}, set())


def main():
    with VM(sys.argv[1]) as vm:
        return road.walk(vm)


if __name__ == "__main__":
    sys.exit(main())
