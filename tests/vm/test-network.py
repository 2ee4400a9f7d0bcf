#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The network of three kernels: ping, ssh in all directions, a copy, restarts, and nothing left behind.

    test-network.py BUILDDIR
"""
import json
import re
import sys

import network
from network import KERNELS, KEY, RAMDISK, address, background, remote, wait_login
from steps import Road, contains, equal
from vm import VM

road = Road()
COPY_MIB = 64


def interfaces(vm):
    return {link["ifname"] for link in json.loads(vm.check("ip -j link"))}


@road.step
def apply(vm):
    """A plan is in effect."""
    network.apply_plan(vm)


@road.step
def ramdisk(vm):
    """A ramdisk is made twice with the same bytes; it holds what it should."""
    network.make_ramdisk(vm)
    vm.check(f"mv {RAMDISK} /root/first.img")
    network.make_ramdisk(vm)
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
        vm.check(f"mpartctl boot {kernel} --initrd {RAMDISK}", 120)
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
                inner = f"ssh -y -y -i /root/.ssh/id_dropbear root@{address(other)} hostname"
                equal(vm.check(remote(kernel, f"'{inner}'") + " </dev/null", 120).strip(), f"mpart{other}")


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
    background(vm, remote(1, "'cat >/tmp/copy; sha256sum </tmp/copy'") + " </tmp/sent >/tmp/sum")
    vm.check("mpartctl stop 2", 120)
    equal(interfaces(vm) & {"mpart1", "mpart2", "mpart3"}, {"mpart1", "mpart3"})
    vm.check(f"mpartctl boot 2 --initrd {RAMDISK}", 120)
    wait_login(vm, 2)
    vm.check("until [ -s /tmp/sum ]; do sleep 1; done", 300)
    equal(vm.check("cat /tmp/sum"), vm.check("sha256sum </tmp/sent", 120))


@road.step
def daemon_restart(vm):
    """A killed daemon comes back and carries on."""
    vm.check("systemctl kill -s KILL mpartd; systemctl restart mpartd; busctl status org.mpartd1 >/dev/null", 120)
    for kernel in KERNELS:
        wait_login(vm, kernel)


@road.step
def panic(vm):
    """A panic in mid-transfer harms nobody else; the kernel boots again."""
    background(vm, remote(2, "'cat >/tmp/copy'") + " </tmp/sent")
    crash = remote(2, "'sleep 1; echo c >/proc/sysrq-trigger'")
    vm.run(f"timeout 20 {crash} </dev/null", 60)
    for kernel in (1, 3):
        wait_login(vm, kernel)
    vm.check("mpartctl stop 2", 120)
    vm.check(f"mpartctl boot 2 --initrd {RAMDISK}", 120)
    wait_login(vm, 2)


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
