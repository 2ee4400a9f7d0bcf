#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to the primary, to the other kernels and to the state when something dies.

    test-faults.py BUILDDIR SEND-INIT CYCLE PAYLOAD

MPART_CYCLES tells how often the payload boots and stops; 1000 takes a quarter of an hour.
"""
import json
import os
import re
import sys
import time
from pathlib import Path

from steps import Road, contains, equal
from vm import VM, VMError

road = Road()
IMAGE = "--image $(echo /boot/vmlinuz-*) --initrd /boot/guest.img"
ALL_CPUS = "0-7"
KILL_DROP_IN = "/run/systemd/system/mpartd.service.d/kill.conf"
# Every step of a boot and of a stop that the ledger knows.
BOOT_STEPS = ("take-cpu", "take-low-memory", "take-woken", "stage-booting", "drop-low-memory", "stage-running")
STOP_STEPS = ("stage-stopping", "drop-woken", "drop-cpu")


def state(vm, kernel):
    answer = vm.check(f"busctl get-property org.mpartd1 /org/mpartd1/kernel/{kernel} org.mpartd1.Kernel State")
    return re.fullmatch(r's "(\w+)"\n', answer).group(1)


def reason(vm, kernel):
    return vm.check(f"busctl get-property org.mpartd1 /org/mpartd1/kernel/{kernel} org.mpartd1.Kernel StateReason")


def online(vm):
    return vm.check("cat /sys/devices/system/cpu/online").strip()


def boot(vm, kernel, words="", options=""):
    since = vm.mark(kernel)
    vm.check(f"mpartctl boot {kernel} {IMAGE} {options} --cmdline '{words}'", 120)
    vm.wait_console(kernel, "mpart-guest: ready=1", 90, since)
    return since


def alive(vm, kernel):
    """Its user space goes on."""
    vm.wait_console(kernel, r"heartbeat=\d+ ", 60, vm.mark(kernel))


def since_now(vm):
    return vm.check("date +%s.%N").strip()


def wait_journal(vm, since, pattern, timeout=90):
    """Until the daemon has logged the pattern, counted from a time that since_now told."""
    journal = f"journalctl -o cat --since=@{since} -u mpartd"
    found = vm.run(f"timeout {timeout} {journal} -f -n all | grep -qm1 -- '{pattern}'", timeout + 60)
    if found.rc != 0:
        raise VMError(f"{pattern!r} was not logged within {timeout} s, but:\n{vm.run(journal).out}")


def all_back(vm):
    equal(online(vm), ALL_CPUS)
    equal(vm.check("ls /run/mpartd | grep -c 'kernel-[0-9]*.json' || true").strip(), "0")


@road.step
def prepare(vm):
    """A primary with a plan in effect, and a kernel that must outlive all that follows."""
    vm.check("mpartctl plan --per-numa --save")
    vm.restart("mpartctl apply --yes", 240)
    vm.affinities = vm.check("grep -r . /proc/irq/*/smp_affinity_list")
    boot(vm, 1)


@road.step
def panic(vm):
    """A panic is known, dumped and told; the CPUs are back, the other kernel lives."""
    now = since_now(vm)
    since = boot(vm, 3, "guest_panic_at=2")
    vm.wait_console(3, r"end Kernel panic", 60, since)
    start = time.monotonic()
    wait_journal(vm, now, "failed: crashed: Kernel panic - not syncing")
    print(f"# a panic was known {time.monotonic() - start:.1f} s after its last line", flush=True)
    wait_journal(vm, now, "dumped to /var/lib/mpartd/dumps/kernel-3-")
    contains(reason(vm, 3), "sysrq triggered crash")
    equal(state(vm, 3), "failed")
    contains(vm.check("vmcore-dmesg /var/lib/mpartd/dumps/kernel-3-*.vmcore"), "sysrq triggered crash")
    equal(online(vm), "0-1,4-7")
    alive(vm, 1)


@road.step
def start_limit(vm):
    """A kernel that crashes again and again is restarted three times, then stays stopped."""
    now = since_now(vm)
    boot(vm, 3, "guest_panic_at=1", "--on-crash restart --no-dump")
    wait_journal(vm, now, "failed: .*not restarted: it was, 3 times", 180)
    equal(vm.check(f"journalctl -o cat --since=@{now} -u mpartd | grep -c 'kernel 3 .*: booting'").strip(), "4")
    equal(online(vm), "0-1,4-7")
    alive(vm, 1)


@road.step
def preserve(vm):
    """A kernel to be preserved keeps its CPUs and its memory until it is stopped."""
    now = since_now(vm)
    boot(vm, 3, "guest_panic_at=1", "--on-crash preserve --no-dump")
    wait_journal(vm, now, "failed: .*preserved")
    equal(online(vm), "0-1,4-5")
    contains(vm.check("mpartctl log 3"), "sysrq triggered crash")
    vm.check("mpartctl stop 3")
    equal(online(vm), "0-1,4-7")


def told(vm, kernel):
    """State, cause, time of the state, reason."""
    return [vm.check(f"busctl get-property org.mpartd1 /org/mpartd1/kernel/{kernel} org.mpartd1.Kernel {name}").strip()
            for name in ("State", "StateCause", "StateTimestamp", "StateReason")]


@road.step
def restart_keeps_failed(vm):
    """A failed kernel is failed after a restart of mpartd, for the same cause and since the same time."""
    now = since_now(vm)
    boot(vm, 3, "guest_panic_at=1", "--on-crash preserve --no-dump")
    wait_journal(vm, now, "failed: .*preserved")
    before = told(vm, 3)
    equal(before[:2], ['s "failed"', 's "crash"'])
    now = since_now(vm)
    vm.check("systemctl restart mpartd")
    equal(told(vm, 3), before)
    equal(online(vm), "0-1,4-5")
    contains(vm.check("mpartctl log 3"), "sysrq triggered crash")
    contains(vm.check("mpartctl status 3"), "failed (crash) since")
    contains(vm.run(f"mpartctl boot 3 {IMAGE}").err, "stop it first")
    equal(vm.run(f"journalctl -o cat --since=@{now} -u mpartd | grep 'kernel 3 .*: running'").out, "")
    vm.check("mpartctl stop 3")
    equal(online(vm), "0-1,4-7")
    equal(told(vm, 3)[:2], ['s "inactive"', 's "requested"'])

    now = since_now(vm)
    boot(vm, 3, "guest_panic_at=1")
    wait_journal(vm, now, "failed: crashed: ")
    vm.check("systemctl kill -s KILL mpartd")  # most likely over the dump; the next one finishes what was begun
    wait_journal(vm, now, "failed: crashed: .*dumped to")
    equal(online(vm), "0-1,4-7")
    before = told(vm, 3)
    vm.check("systemctl restart mpartd")
    equal(told(vm, 3), before)
    fields = f"journalctl -o cat --since=@{now} MPART_KERNEL=3 MPART_STATE=failed MPART_CAUSE=crash"
    contains(vm.check(fields), "kernel 3 (node3): failed: crashed")
    vm.check("systemctl stop mpartd; truncate -s 40 /run/mpartd/state-3.json; systemctl start mpartd")
    vm.check("rm /run/mpartd/state-3.json.bad")
    equal(state(vm, 3), "inactive")
    alive(vm, 1)


@road.step
def reboot(vm):
    """A restart inside a kernel ends that kernel alone; asked to, it boots again."""
    before = vm.boot
    now = since_now(vm)
    boot(vm, 3, "guest_reboot_at=1", "--on-reboot stop")
    wait_journal(vm, now, "inactive: it asked for a restart")
    equal(online(vm), "0-1,4-7")
    now = since_now(vm)
    since = boot(vm, 3, "guest_reboot_at=2")
    wait_journal(vm, now, "it is restarted")
    vm.wait_console(3, r"ready=1(.|\n)*ready=1", 90, since)
    vm.check("mpartctl stop 3")
    equal(vm.boot, before)
    alive(vm, 1)


@road.step
def power_off(vm):
    """A power-off inside a kernel, which without sleep registers is a halt, ends that kernel alone."""
    now = since_now(vm)
    boot(vm, 3, "guest_halt_at=1")
    wait_journal(vm, now, "inactive: it halted")
    equal(online(vm), "0-1,4-7")
    alive(vm, 1)


@road.step
def hang(vm):
    """A kernel whose CPUs stand still is found out, and an idle one is not taken for one."""
    now = since_now(vm)
    boot(vm, 2, "", "--no-dump")
    vm.put("/root/send-init", Path(sys.argv[2]).read_bytes(), 0o755)
    vm.check("/root/send-init 4 5")
    wait_journal(vm, now, "failed: hangs: ", 90)
    equal(online(vm), "0-1,4-7")
    equal(state(vm, 1), "running")
    alive(vm, 1)


@road.step
def watch_cost(vm):
    """What watching costs the primary is told."""
    pid = vm.check("systemctl show -P MainPID mpartd").strip()
    ticks = f"awk '{{ print $14 + $15 }}' /proc/{pid}/stat"
    before = int(vm.check(ticks))
    vm.check("sleep 20")
    print(f"# watching and serving one kernel: {(int(vm.check(ticks)) - before) / 20:.1f} % of a CPU (emulated)")


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
        equal(state(vm, 1), "running")
    alive(vm, 1)


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
    alive(vm, 1)


@road.step
def damaged_ledger(vm):
    """A ledger that cannot be read is set aside and told; the kernel beside it is adopted."""
    vm.check("systemctl stop mpartd; echo '{\"torn' >/run/mpartd/kernel-2.json; systemctl start mpartd")
    contains(reason(vm, 2), "set aside")
    vm.check("rm /run/mpartd/kernel-2.json.bad")
    boot(vm, 2)
    vm.check("mpartctl stop 2")
    equal(state(vm, 1), "running")
    alive(vm, 1)

    # One that runs is found by what its memory tells, whatever is left of the files.
    for damage in ("truncate -s 100 kernel-3.json", "truncate -s 100 kernel-3.json; rm state-3.json",
                   "rm kernel-3.json", "rm kernel-3.json state-3.json"):
        boot(vm, 3, "guest_mark=kept")
        vm.check(f"systemctl stop mpartd; cd /run/mpartd; {damage}; systemctl start mpartd")
        equal(told(vm, 3)[:2], ['s "running"', 's "ledger-damaged"'])
        contains(vm.check("mpartctl status 3"), "guest_mark=kept")
        equal(online(vm), "0-1,4-5")
        alive(vm, 3)
        vm.check("mpartctl stop 3; rm -f /run/mpartd/*.bad")
        equal(online(vm), "0-1,4-7")

    # Of one that does not surely run nothing is touched until it is stopped.
    vm.put("/root/send-init", Path(sys.argv[2]).read_bytes(), 0o755)
    boot(vm, 3)
    vm.check("systemctl stop mpartd; /root/send-init 6 7; echo torn >/run/mpartd/kernel-3.json; systemctl start mpartd")
    for _ in range(2):
        equal(told(vm, 3)[:2], ['s "failed"', 's "ledger-damaged"'])
        contains(reason(vm, 3), "CPU 6-7 is still taken")
        equal(online(vm), "0-1,4-5")
        equal(vm.run(f"mpartctl boot 3 {IMAGE}").rc, 1)
        vm.check("systemctl restart mpartd")
    vm.check("mpartctl stop 3; rm /run/mpartd/kernel-3.json.bad")
    equal(online(vm), "0-1,4-7")
    boot(vm, 3)
    vm.check("mpartctl stop 3")
    alive(vm, 1)


@road.step
def full_run(vm):
    """With /run full nothing is taken, and the error says so."""
    vm.check("dd if=/dev/zero of=/run/filler bs=1M 2>/dev/null; true")
    result = vm.run(f"mpartctl boot 3 {IMAGE}", 60)
    vm.check("rm /run/filler")
    equal(result.rc, 1)
    contains(result.err, "No space left")
    equal(online(vm), "0-1,4-7")
    boot(vm, 3)
    vm.check("mpartctl stop 3")


def resident(vm):
    return int(vm.check("awk '/VmRSS/ { print $2 }' /proc/$(systemctl show -P MainPID mpartd)/status"))


def held(vm):
    """Descriptors, threads, and mappings of the daemon."""
    pid = vm.check("systemctl show -P MainPID mpartd").strip()
    return vm.check(f"ls /proc/{pid}/fd | wc -l; ls /proc/{pid}/task | wc -l; wc -l </proc/{pid}/maps").split()


@road.step
def cycles(vm):
    """Booting and stopping again and again leaks nothing."""
    count = int(os.environ.get("MPART_CYCLES", "50"))
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


@road.step
def two_clients(vm):
    """Two clients boot the same kernel at once: one does, the other is told."""
    result = vm.run(f"mpartctl boot 3 {IMAGE} >/tmp/a 2>&1 & mpartctl boot 3 {IMAGE} >/tmp/b 2>&1; b=$?; "
                    "wait $!; a=$?; cat /tmp/a /tmp/b; echo failed: $((a + b))", 120)
    contains(result.out, "failed: 1\n")
    contains(result.out, "it is booting already")
    equal(state(vm, 3), "running")


@road.step
def bus_restart(vm):
    """The bus restarts: so does mpartd, and knows what runs."""
    vm.check("systemctl restart dbus; systemctl start mpartd", 90)
    equal([state(vm, k) for k in (1, 3)], ["running", "running"])
    alive(vm, 1)
    alive(vm, 3)


@road.step
def everything_back(vm):
    """After the last stop CPUs and interrupt affinities are as before the first boot."""
    vm.check("mpartctl stop all")
    all_back(vm)
    equal(vm.check("grep -r . /proc/irq/*/smp_affinity_list"), vm.affinities)


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
    with VM(sys.argv[1]) as vm:
        return road.walk(vm)


if __name__ == "__main__":
    sys.exit(main())
