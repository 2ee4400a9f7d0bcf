# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps of the faults' road: a kernel beside the primary dies, in each way there is. Kernel 1 lives through all of it."""
import sys
import time
from pathlib import Path

from faults import boot
from primary import online, reason, since_now, state, wait_journal
from steps import contains, equal

STEPS = []
WITHOUT_2 = "0-1,4-7"  # what the primary has while kernel 1 alone runs
SMASHED = "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: smash_stack"


def step(function):
    STEPS.append(function)
    return function


@step
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
    equal(online(vm), WITHOUT_2)
    vm.report.row("panic of a kernel")


@step
def stack_smash(vm):
    """A function that writes past its stack buffer ends its own kernel alone, which is dumped and told."""
    now = since_now(vm)
    boot(vm, 3, "guest_fault_at=1 guest_fault=stack")
    wait_journal(vm, now, "dumped to /var/lib/mpartd/dumps/kernel-3-")
    contains(reason(vm, 3), f"crashed: {SMASHED}")
    contains(vm.check("vmcore-dmesg $(ls -t /var/lib/mpartd/dumps/kernel-3-*.vmcore | head -n 1)"), SMASHED)
    equal(online(vm), WITHOUT_2)
    vm.report.row("stack smash in a kernel")


@step
def start_limit(vm):
    """A kernel that crashes again and again is restarted three times, then stays stopped."""
    now = since_now(vm)
    boot(vm, 3, "guest_panic_at=1", "--on-crash restart --no-dump")
    wait_journal(vm, now, "failed: .*not restarted: it was, 3 times", 180)
    equal(vm.check(f"journalctl -o cat --since=@{now} -u mpartd | grep -c 'kernel 3 .*: booting'").strip(), "4")
    equal(online(vm), WITHOUT_2)
    vm.report.row("panic after panic, restarted each time")


@step
def preserve(vm):
    """A kernel to be preserved keeps its CPUs and its memory until it is stopped."""
    now = since_now(vm)
    boot(vm, 3, "guest_panic_at=1", "--on-crash preserve --no-dump")
    wait_journal(vm, now, "failed: .*preserved")
    equal(online(vm), "0-1,4-5")
    contains(vm.check("mpartctl log 3"), "sysrq triggered crash")
    vm.report.row("panic of a kernel that is preserved")
    vm.check("mpartctl stop 3")
    equal(online(vm), WITHOUT_2)


@step
def reboot(vm):
    """A restart inside a kernel ends that kernel alone; asked to, it boots again."""
    now = since_now(vm)
    boot(vm, 3, "guest_reboot_at=1", "--on-reboot stop")
    wait_journal(vm, now, "inactive: it asked for a restart")
    equal(online(vm), WITHOUT_2)
    vm.report.row("restart inside a kernel")
    now = since_now(vm)
    boot(vm, 3, "guest_reset_at=1", "--on-reboot stop")
    wait_journal(vm, now, "inactive: it asked for a restart")
    equal(online(vm), WITHOUT_2)
    vm.report.row("emergency restart (SysRq b) inside a kernel")
    now = since_now(vm)
    since = boot(vm, 3, "guest_reboot_at=2")
    wait_journal(vm, now, "it is restarted")
    vm.wait_console(3, r"ready=1(.|\n)*ready=1", 90, since)
    vm.check("mpartctl stop 3")
    vm.report.row("restart inside a kernel that is to boot again")


@step
def power_off(vm):
    """A power-off inside a kernel, which without sleep registers is a halt, ends that kernel alone."""
    now = since_now(vm)
    boot(vm, 3, "guest_halt_at=1")
    wait_journal(vm, now, "inactive: it halted")
    equal(online(vm), WITHOUT_2)
    vm.report.row("power-off inside a kernel")


@step
def hang(vm):
    """A kernel whose CPUs stand still is found out, and an idle one is not taken for one."""
    now = since_now(vm)
    boot(vm, 2, "", "--no-dump")
    vm.put("/root/send-init", Path(sys.argv[2]).read_bytes(), 0o755)
    vm.check("/root/send-init 4 5")
    wait_journal(vm, now, "kernel 2 .*: failed: hangs: ", 90, times=2)  # found out; and its CPUs are back
    equal(online(vm), WITHOUT_2)
    equal(state(vm, 1), "running")
    vm.report.row("CPUs of a kernel stopped dead")


@step
def spin(vm):
    """A kernel whose CPUs all spin with interrupts off is found out, and its CPUs come back."""
    now = since_now(vm)
    boot(vm, 3, "guest_fault_at=1 guest_fault=spin", "--no-dump")
    wait_journal(vm, now, "kernel 3 .*: failed: hangs: ", 90, times=2)
    contains(reason(vm, 3), "its CPUs do not answer")
    equal(online(vm), WITHOUT_2)
    vm.report.row("all CPUs of a kernel spin, interrupts off")


@step
def spin_of_one(vm):
    """Where one CPU spins the kernel itself says so, mpartd passes it on, and a stop gives both CPUs back."""
    now = since_now(vm)
    boot(vm, 3, "rcupdate.rcu_cpu_stall_timeout=3 guest_fault_at=1 guest_fault=spin-one", "--no-dump")
    wait_journal(vm, now, "detected stalls on CPUs", 90, "MPART_KERNEL=3")
    equal(state(vm, 3), "running")
    vm.report.row("one CPU of a kernel spins, interrupts off")
    vm.check("mpartctl stop 3", 60)
    equal(online(vm), WITHOUT_2)
    vm.report.row("a spinning kernel is stopped")
