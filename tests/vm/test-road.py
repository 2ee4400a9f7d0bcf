#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole road on one machine, as a user walks it: plan, export, apply, boot, look, stop, boot again.

    test-road.py BUILDDIR [--x2apic]
"""
import json
import re
import subprocess
import sys
from pathlib import Path

from primary import online, state
from steps import Road, contains, equal
from vm import VM, Machine, x2apic_machine

road = Road()
KERNELS = (1, 2, 3)
PRIMARY_ONLINE = "0-7"
BOOT_FILES = "--image $(echo /boot/vmlinuz-*) --initrd /boot/guest.img"


def refused(vm, command, *parts):
    """The command fails with exit status 1 and says each part."""
    result = vm.run(command)
    equal(result.rc, 1)
    for part in parts:
        contains(result.err, part)


def alive(vm, kernel, since=0):
    """The kernel's user space goes on: two heartbeats from now on."""
    at = vm.mark(kernel)
    vm.wait_console(kernel, r"heartbeat=\d+[^\n]*\n(.*\n)*?.*heartbeat=\d+", 60, since or at)


def facts(vm, kernel, since=0):
    """What the kernel says of itself, as a dictionary of the last boot since a mark."""
    vm.wait_console(kernel, "mpart-guest: ready=1", 90, since)
    lines = re.findall(r"mpart-guest: (.*)", vm.console(kernel, since))
    said = {}
    for word in (word for line in lines for word in line.split()):
        key, _, value = word.partition("=")
        said.setdefault(key, value)  # lines about nodes repeat keys of the whole
    return said


@road.step
def machine(vm):
    """The machine is read exactly."""
    m = json.loads(vm.check("mpartctl machine --json"))
    equal([node["cpus"] for node in m["nodes"]], ["0-1", "2-3", "4-5", "6-7"])
    contains(vm.check("mpartctl machine"), "0000:00:00.0")


@road.step
def no_plan(vm):
    """Without a plan nothing boots, and the error says what to do."""
    refused(vm, "mpartctl boot 3", "mpartctl plan --per-numa --save")


@road.step
def plan(vm):
    """A plan is made, saved, and printed back."""
    vm.check("mpartctl plan --per-numa --save")
    document = json.loads(vm.check("mpartctl plan --json"))
    equal([k["cpus"] for k in document["kernels"]], ["0-1", "2-3", "4-5", "6-7"])
    saved = vm.check("busctl --json=short call org.mpartd1 /org/mpartd1 org.mpartd1.Manager GetPlan")
    equal(json.loads(json.loads(saved)["data"][0]), document)
    contains(vm.check("mpartctl cmdline 3"), "no_ipi_broadcast=1")
    contains(vm.check("mpartctl cmdline 0"), "memmap=")
    contains(vm.check("mpartctl export grub"), "memmap=")


@road.step
def not_applied(vm):
    """Memory that the primary still uses is refused by name, with the parameter to add."""
    refused(vm, f"mpartctl boot kernel 3 {BOOT_FILES}", "System RAM", "memmap=")
    equal(state(vm, 3), "inactive")
    equal(online(vm), PRIMARY_ONLINE)


@road.step
def apply(vm):
    """apply restarts the primary with the plan's parameters; the daemon agrees that it is in effect."""
    contains(vm.check("mpartctl apply --dry-run"), "memmap=")
    vm.restart("mpartctl apply --yes", 180)
    line = vm.check("cat /proc/cmdline")
    contains(line, "mpart.plan=")
    equal("iomem=relaxed" in line, not vm.x2apic)  # there the APIC is reached through MSRs
    equal(vm.check("busctl get-property org.mpartd1 /org/mpartd1 org.mpartd1.Manager PlanInEffect"), "b true\n")
    equal(online(vm), PRIMARY_ONLINE)


@road.step
def same_plan_again(vm):
    """On the machine that runs with the plan, the same request gives the same plan."""
    vm.check("mpartctl plan --json >/tmp/again; cp /var/lib/mpartd/plan.json /tmp/first; cmp /tmp/first /tmp/again")


@road.step
def bad_input(vm):
    """Images and requests that cannot work are refused; no CPU leaves the primary."""
    images = "/boot/test-kernels"
    refused(vm, f"mpartctl boot 3 --image {images}/truncated", "truncated")
    refused(vm, f"mpartctl boot 3 --image {images}/empty", "empty")
    refused(vm, f"mpartctl boot 3 --image {images}/32bit", "32bit")
    refused(vm, f"mpartctl boot 3 --image {images}/text", "text")
    refused(vm, f"mpartctl boot 3 --image {images}/too-large", "too small", "image of 2048 MiB")
    refused(vm, "mpartctl boot 3 --image /no/such/file", "/no/such/file")
    vm.check("truncate -s 1100M /tmp/ramdisk")
    refused(vm, "mpartctl boot 3 --image $(echo /boot/vmlinuz-*) --initrd /tmp/ramdisk", "too small", "a ramdisk of 1100 MiB")
    refused(vm, "mpartctl boot 99", "99")
    refused(vm, "mpartctl boot 0", "primary")
    equal(vm.run("mpartctl boot").rc, 2)
    equal(online(vm), PRIMARY_ONLINE)
    equal({state(vm, k) for k in KERNELS}, {"inactive"})


@road.step
def cpu_in_use(vm):
    """A CPU that somebody else has taken offline is not touched."""
    vm.check("echo 0 >/sys/devices/system/cpu/cpu7/online")
    refused(vm, f"mpartctl boot 3 {BOOT_FILES}", "CPU 7", "offline")
    equal(online(vm), "0-6")
    vm.check("echo 1 >/sys/devices/system/cpu/cpu7/online")


@road.step
def boot_one(vm):
    """Kernel 3 boots beside the primary and says so on its console and on the bus."""
    vm.check(f"mpartctl boot kernel 3 {BOOT_FILES}", 120)
    equal(state(vm, 3), "running")
    equal(online(vm), "0-5")
    said = facts(vm, 3)
    equal(said["release"], vm.check("uname -r").strip())
    equal((said["cpus"], said["apicids"]), ("2", "6,7"))
    alive(vm, 3)


@road.step
def serial_port(vm):
    """The primary's own serial port still takes input: the secondary left it alone."""
    vm.check("mkfifo /tmp/step; setsid sh -c 'exec 9</dev/ttyS0; echo >/tmp/step; head -n 1 <&9 >/tmp/typed;"
             " echo >/tmp/step' >/dev/null 2>&1 & read x </tmp/step")
    vm.type(0, "hello\n")
    equal(vm.check("read x </tmp/step; cat /tmp/typed"), "hello\n")


@road.step
def boot_all(vm):
    """The others boot too: four kernels at once."""
    vm.check(f"mpartctl boot all {BOOT_FILES}", 240)
    equal([state(vm, k) for k in KERNELS], ["running"] * 3)
    equal(online(vm), "0-1")
    for kernel in KERNELS:
        said = facts(vm, kernel)
        equal(said["apicids"], f"{2 * kernel},{2 * kernel + 1}")
        alive(vm, kernel)
    listed = json.loads(vm.check("mpartctl list --json"))["kernels"]
    equal([(k["id"], k["state"]) for k in listed], [(k, "running") for k in range(4)])


@road.step
def running_kernels_are_safe(vm):
    """A second boot, a new plan and another apply are refused while kernels run."""
    refused(vm, f"mpartctl boot 3 {BOOT_FILES}", "runs already")
    refused(vm, "mpartctl plan --per-core --save", "stop it first")
    refused(vm, "mpartctl apply --yes", "kernel")
    alive(vm, 3)


@road.step
def daemon_restart(vm):
    """The daemon is killed and comes back knowing what runs."""
    before = vm.check("mpartctl list --json")
    vm.check("systemctl kill -s KILL mpartd; systemctl restart mpartd")
    equal(vm.check("mpartctl list --json"), before)
    alive(vm, 2)


@road.step
def stop(vm):
    """A stopped kernel's CPUs run tasks of the primary again; the others go on."""
    vm.check("mpartctl stop kernel 3")
    equal(state(vm, 3), "inactive")
    equal(online(vm), "0-1,6-7")
    for cpu in (6, 7):
        equal(vm.check(f"taskset -c {cpu} sh -c 'cut -d \" \" -f 39 /proc/self/stat'").strip(), str(cpu))
    for kernel in (1, 2):
        alive(vm, kernel)
    refused(vm, "mpartctl stop 3", "does not run")


@road.step
def boot_vmlinux(vm):
    """The partition boots again, this time from a vmlinux."""
    since = vm.mark(3)
    vm.check("mpartctl boot 3 --image /boot/test-kernels/vmlinux --initrd /boot/guest.img", 120)
    equal(state(vm, 3), "running")
    equal(facts(vm, 3, since)["cpus"], "2")
    alive(vm, 3)


@road.step
def failed_boot(vm):
    """A kernel that never comes up fails by the timeout, with its CPUs given back."""
    vm.check("mpartctl stop 3")
    if vm.x2apic:
        return  # a minute, and nothing in it depends on the mode
    result = vm.run("mpartctl boot 3 --image $(echo /boot/vmlinuz-*) --initrd /boot/guest.img "
                    "--cmdline 'mem=16M'", 120)
    equal(result.rc, 1)
    equal(state(vm, 3), "failed")
    contains(result.err, "did not come up")
    equal(online(vm), "0-1,6-7")


@road.step
def lost_cpu(vm):
    """A CPU of a running kernel that another hand switches on ends that kernel alone, and is told."""
    vm.check("now=$(date +%s); echo 1 >/sys/devices/system/cpu/cpu5/online; "
             "timeout 20 journalctl -f --since=@$now MPART_KERNEL=2 | grep -qm1 'failed: CPU 5'")
    equal(state(vm, 2), "failed")
    equal(online(vm), "0-1,4-7")
    alive(vm, 1)


@road.step
def stop_all(vm):
    """After the last stop the primary has all its CPUs again."""
    vm.check("mpartctl stop all")
    equal(online(vm), PRIMARY_ONLINE)
    equal(state(vm, 1), "inactive")


@road.step
def in_order(vm):
    """A plan says who waits for whom: all boot and stop in that order, and what lacks another does not boot."""
    order = [{"name": "files", "node": 1}, {"name": "db", "node": 2, "requires": ["files"]},
             {"name": "web", "node": 3, "after": ["files"], "requires": ["db"]}]
    vm.put("/tmp/order.json", json.dumps({"format": "mpart-request", "version": 1, "kernels": order}).encode())
    vm.check("mpartctl plan --request /tmp/order.json --save")
    now = vm.check("date +%s.%N").strip()
    vm.check(f"mpartctl boot all {BOOT_FILES}", 240)
    changes = "journalctl -o cat -u mpartd --since=@{} | sed -nE 's/^kernel [0-9]+ [(](.*)[)]: ({}).*/\\1 \\2/p'"
    contains(vm.check(changes.format(now, "loading|running")),
             "files loading\nfiles running\ndb loading\ndb running\nweb loading\nweb running\n")
    vm.check("mpartctl stop all")
    contains(vm.check(changes.format(now, "stopping|inactive: $|inactive$")),
             "web stopping\nweb inactive\ndb stopping\ndb inactive\nfiles stopping\nfiles inactive\n")
    refused(vm, f"mpartctl boot all {BOOT_FILES} --cmdline mpart_order=$(seq -s, 2000)", "3 of 3 kernels do not run")
    contains(vm.check("mpartctl list --json"), "not booted: kernel 1 (files), which it requires, does not run")
    equal(online(vm), PRIMARY_ONLINE)


def main():
    builddir = sys.argv[1]
    x2apic = "--x2apic" in sys.argv[2:]
    if x2apic and subprocess.run([Path(__file__).with_name("fetch-qemu.sh"), builddir], stdout=subprocess.DEVNULL,
                                check=False).returncode != 0:
        print("1..0 # SKIP no QEMU that emulates x2APIC can be had")
        return 0
    with VM(builddir, x2apic_machine(builddir) if x2apic else Machine()) as vm:
        vm.x2apic = x2apic
        return road.walk(vm)


if __name__ == "__main__":
    sys.exit(main())
