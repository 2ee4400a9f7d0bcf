#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to the primary, to the other kernels and to the state when something dies.

    test-faults.py BUILDDIR SEND-INIT CYCLE PAYLOAD

MPART_CYCLES tells how often the payload boots and stops; 1000 takes a quarter of an hour.
"""
import json
import os
import sys
import time
from pathlib import Path

import dying
import keeping
from faults import IMAGE, Report, boot
from primary import online, since_now, state, wait_journal
from steps import Road, contains, equal
from vm import BLOCK, VM

road = Road()
KILL_DROP_IN = "/run/systemd/system/mpartd.service.d/kill.conf"
# Every step of a boot and of a stop that the ledger knows.
BOOT_STEPS = ("take-cpu", "take-low-memory", "take-woken", "stage-booting", "drop-low-memory", "stage-running")
STOP_STEPS = ("stage-stopping", "drop-woken", "drop-cpu")
# Of these files on the disk a block cannot be read.
BROKEN_BLOCKS = {"/boot/broken/vmlinuz": 1000, "/boot/broken/ramdisk": 100}


def all_back(vm):
    equal(online(vm), "0-7")
    equal(vm.check("ls /run/mpartd | grep -c 'kernel-[0-9]*.json' || true").strip(), "0")


@road.step
def prepare(vm):
    """A primary with a plan in effect, and a kernel that must outlive all that follows."""
    vm.check("mpartctl plan --per-numa --save")
    vm.restart("mpartctl apply --yes", 240)
    vm.affinities = vm.check("grep -r . /proc/irq/*/smp_affinity_list")
    boot(vm, 1)
    vm.report = Report(vm, Path(sys.argv[1]) / "vm" / "faults-report.txt")


for step in dying.STEPS + keeping.STEPS:
    road.step(step)


def kill_at(vm, step):
    """From its next start on the daemon dies at that step; None: no more."""
    if step:
        vm.check(f"mkdir -p $(dirname {KILL_DROP_IN}); printf '[Service]\\nEnvironment=MPARTD_KILL_AT={step}\\n"
                 f"Restart=no\\n' >{KILL_DROP_IN}; systemctl daemon-reload; systemctl restart mpartd")
    else:
        vm.check(f"rm -f {KILL_DROP_IN}; systemctl daemon-reload; systemctl reset-failed mpartd; "
                 "systemctl start mpartd")


@road.step
def killed_while_booting(vm):
    """mpartd is killed at each step of a boot: the next one adopts or undoes, and nothing is lost."""
    for step in BOOT_STEPS:
        kill_at(vm, step)
        equal(vm.run(f"mpartctl boot 3 {IMAGE}", 120).rc, 1)
        now = since_now(vm)
        kill_at(vm, None)
        if step == "stage-running":
            equal(state(vm, 3), "running")
            vm.check("mpartctl stop 3")
        else:
            wait_journal(vm, now, "kernel 3 .*: failed: mpartd ended while it was")
        equal(online(vm), "0-1,4-7")
        vm.report.row(f"mpartd killed in a boot at {step}")


@road.step
def killed_while_stopping(vm):
    """The same at each step of a stop."""
    for step in STOP_STEPS:
        vm.check(f"mpartctl boot 3 {IMAGE}", 120)
        kill_at(vm, step)
        equal(state(vm, 3), "running")
        equal(vm.run("mpartctl stop 3", 120).rc, 1)
        now = since_now(vm)
        kill_at(vm, None)
        wait_journal(vm, now, "kernel 3 .*: failed: mpartd ended while it was stopping")
        equal(online(vm), "0-1,4-7")
        vm.report.row(f"mpartd killed in a stop at {step}")


@road.step
def full_run(vm):
    """With /run full nothing is taken, and the error says so."""
    vm.check("dd if=/dev/zero of=/run/filler bs=1M 2>/dev/null; true")
    result = vm.run(f"mpartctl boot 3 {IMAGE}", 60)
    vm.check("rm /run/filler")
    equal(result.rc, 1)
    contains(result.err, "No space left")
    equal(online(vm), "0-1,4-7")
    vm.report.row("/run is full")
    boot(vm, 3)
    vm.check("mpartctl stop 3")


@road.step
def unreadable(vm):
    """An image or a ramdisk that cannot be read to its end is told with file and byte; nothing stays taken."""
    good = "--image $(echo /boot/vmlinuz-*)"
    for path, block in BROKEN_BLOCKS.items():
        options = f"--image {path}" if path.endswith("vmlinuz") else f"{good} --initrd {path}"
        result = vm.run(f"mpartctl boot 3 {options}", 60)
        equal(result.rc, 1)
        contains(result.err, path)
        contains(result.err, f"cannot be read at byte {block * BLOCK}")
        contains(result.err, "Input/output error")
        equal(online(vm), "0-1,4-7")
        vm.report.row(f"unreadable {Path(path).name}")


def resident(vm):
    return int(vm.check("awk '/VmRSS/ { print $2 }' /proc/$(systemctl show -P MainPID mpartd)/status"))


def held(vm):
    """Descriptors, threads, and mappings of the daemon."""
    pid = vm.check("systemctl show -P MainPID mpartd").strip()
    return vm.check(f"ls /proc/{pid}/fd | wc -l; ls /proc/{pid}/task | wc -l; wc -l </proc/{pid}/maps").split()


@road.step
def cycles(vm):
    """Booting and stopping again and again leaks nothing."""
    count = int(os.environ.get("MPART_CYCLES", "25"))
    vm.put("/root/cycle", Path(sys.argv[3]).read_bytes(), 0o755)
    vm.put("/root/payload", Path(sys.argv[4]).read_bytes())
    vm.check("/root/cycle 5 3 /root/payload", 120)  # what is made once is made
    before, kib = held(vm), resident(vm)
    start = time.monotonic()
    equal(vm.check(f"/root/cycle {count} 3 /root/payload", 60 + 10 * count).strip(), str(count))
    print(f"# {count} boots and stops, {(time.monotonic() - start) / count:.2f} s each; "
          f"resident {kib} KiB before, {resident(vm)} KiB after", flush=True)
    equal(held(vm), before)
    equal(online(vm), "0-1,4-7")
    vm.report.row(f"{count} boots and stops")


@road.step
def two_clients(vm):
    """Two clients boot the same kernel at once: one does, the other is told."""
    result = vm.run(f"mpartctl boot 3 {IMAGE} >/tmp/a 2>&1 & mpartctl boot 3 {IMAGE} >/tmp/b 2>&1; b=$?; "
                    "wait $!; a=$?; cat /tmp/a /tmp/b; echo failed: $((a + b))", 120)
    contains(result.out, "failed: 1\n")
    contains(result.out, "it is booting already")
    equal(state(vm, 3), "running")
    vm.report.row("two clients boot one kernel", (1, 3))


@road.step
def bus_restart(vm):
    """The bus restarts: so does mpartd, and knows what runs."""
    vm.check("systemctl restart dbus; systemctl start mpartd", 90)
    equal([state(vm, k) for k in (1, 3)], ["running", "running"])
    vm.report.row("restart of the bus", (1, 3))


@road.step
def everything_back(vm):
    """After the last stop CPUs and interrupt affinities are as before the first boot."""
    vm.check("mpartctl stop all")
    all_back(vm)
    equal(vm.check("grep -r . /proc/irq/*/smp_affinity_list"), vm.affinities)


IRQBALANCE = """
mkdir -p /run/systemd/system/irqbalance.service.d
printf '[Service]\\nEnvironment=IRQBALANCE_BANNED_CPULIST=1 IRQBALANCE_ARGS=--interval=1\\n' \\
    >/run/systemd/system/irqbalance.service.d/test.conf
systemctl daemon-reload; systemctl start irqbalance
"""
# ask WORD: what irqbalance answers
ASK = """
ask() {
    perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => glob "/run/irqbalance/*.sock"); $s->send(shift); print <$s>' $1
}
"""


def wait_irqbalance(vm, word, pattern):
    """Until irqbalance answers so; it sees to what it was told at its next turn, of which nobody hears."""
    vm.check(f"{ASK} for i in $(seq 100); do ask {word} | grep -qE '{pattern}' && exit; sleep 0.2; done; ask {word} >&2; exit 1")


@road.step
def irqbalance(vm):
    """A running irqbalance leaves out the CPUs of a kernel, has its own bans back after it, and uses the CPUs again."""
    vm.check(IRQBALANCE)
    wait_irqbalance(vm, "setup", "BANNED [0,]*2$")
    wait_irqbalance(vm, "stats", "NUMBER 7 LOAD")
    vm.check("mpartctl boot 3 --image /root/payload --no-initrd --no-dump", 60)
    wait_irqbalance(vm, "setup", "BANNED [0,]*c2$")
    vm.check("systemctl restart mpartd; mpartctl stop 3")
    wait_irqbalance(vm, "setup", "BANNED [0,]*2$")
    wait_irqbalance(vm, "stats", "NUMBER 7 LOAD")
    all_back(vm)
    vm.check("systemctl stop irqbalance; rm -r /run/systemd/system/irqbalance.service.d; systemctl daemon-reload")


@road.step
def shutdown(vm):
    """When the primary restarts, its kernels are stopped first."""
    boot(vm, 3)
    look = "ExecStop=/bin/sh -c \"mpartctl list --json >/root/after.json\""  # behind the unit's own
    vm.check("mkdir -p /run/systemd/system/mpart-kernels.service.d; cd /run/systemd/system/mpart-kernels.service.d; "
             f"printf '[Service]\\n%s\\n' '{look}' >look.conf; systemctl daemon-reload")
    vm.load_kernel("/boot/initrd.img-*", vm.check("cat /proc/cmdline").strip())
    vm.restart("systemctl kexec", 180)
    kernels = json.loads(vm.check("cat /root/after.json"))["kernels"]
    equal([k["state"] for k in kernels if k["id"]], ["inactive"] * 3)


def main():
    with VM(sys.argv[1], unreadable=BROKEN_BLOCKS.items()) as vm:
        vm.report = None
        result = road.walk(vm)
        if vm.report:
            print("# " + vm.report.text().strip().replace("\n", "\n# "), flush=True)
        return result


if __name__ == "__main__":
    sys.exit(main())
