# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps of the faults' road: what mpartd knows outlives it, and what it cannot read is made anew of what runs."""
import sys
from pathlib import Path

from faults import IMAGE, beat, boot
from primary import online, reason, since_now, state, string_property, wait_journal
from steps import contains, equal

STEPS = []
WITHOUT_2 = "0-1,4-7"  # what the primary has while kernel 1 alone runs
WITH_3 = "0-1,4-5"


def step(function):
    STEPS.append(function)
    return function


def cause(vm, kernel):
    return string_property(vm, kernel, "StateCause")


def told(vm, kernel):
    """State, cause, reason and time of the state."""
    words = ("State", "StateCause", "StateReason", "StateTimestamp")
    return vm.check(f"busctl get-property org.mpartd1 /org/mpartd1/kernel/{kernel} org.mpartd1.Kernel {' '.join(words)}")


@step
def restart_keeps_failed(vm):
    """A failed kernel is failed after a restart of mpartd, for the same cause and since the same time."""
    now = since_now(vm)
    boot(vm, 3, "guest_panic_at=1", "--on-crash preserve --no-dump")
    wait_journal(vm, now, "failed: .*preserved")
    before = told(vm, 3)
    equal((state(vm, 3), cause(vm, 3)), ("failed", "crash"))
    now = since_now(vm)
    vm.check("systemctl restart mpartd")
    equal(told(vm, 3), before)
    equal(online(vm), WITH_3)
    contains(vm.check("mpartctl log 3"), "sysrq triggered crash")
    contains(vm.check("mpartctl status 3"), "failed (crash) since")
    contains(vm.run(f"mpartctl boot 3 {IMAGE}").err, "stop it first")
    equal(vm.run(f"journalctl -o cat --since=@{now} -u mpartd | grep 'kernel 3 .*: running'").out, "")
    vm.report.row("restart of mpartd beside a preserved kernel")
    vm.check("mpartctl stop 3")
    equal(online(vm), WITHOUT_2)
    equal((state(vm, 3), cause(vm, 3)), ("inactive", "requested"))


@step
def killed_over_a_dump(vm):
    """mpartd is killed over a dump: the next one finishes what was begun, and remembers it."""
    now = since_now(vm)
    boot(vm, 3, "guest_panic_at=1")
    wait_journal(vm, now, "failed: crashed: ")
    vm.check("systemctl kill -s KILL mpartd")
    wait_journal(vm, now, "failed: crashed: .*dumped to")
    equal(online(vm), WITHOUT_2)
    before = told(vm, 3)
    vm.check("systemctl restart mpartd")
    equal(told(vm, 3), before)
    equal(vm.check("ls /var/lib/mpartd/dumps | grep -c partial || true").strip(), "0")
    fields = f"journalctl -o cat --since=@{now} MPART_KERNEL=3 MPART_STATE=failed MPART_CAUSE=crash"
    contains(vm.check(fields), "kernel 3 (node3): failed: crashed")
    vm.report.row("mpartd killed over a dump")
    vm.check("systemctl stop mpartd; truncate -s 40 /run/mpartd/state-3.json; systemctl start mpartd")
    vm.check("rm /run/mpartd/state-3.json.bad")
    equal(state(vm, 3), "inactive")
    vm.report.row("damaged record of a state")


@step
def damaged_ledger(vm):
    """A ledger that cannot be read is set aside and told; a kernel that runs all the same is adopted."""
    vm.check("systemctl stop mpartd; echo '{\"torn' >/run/mpartd/kernel-2.json; systemctl start mpartd")
    contains(reason(vm, 2), "set aside")
    vm.check("rm /run/mpartd/kernel-2.json.bad")
    boot(vm, 2)
    vm.check("mpartctl stop 2")
    vm.report.row("damaged ledger of a kernel that does not run")
    for damage in ("truncate -s 100 kernel-3.json", "truncate -s 100 kernel-3.json; rm state-3.json",
                   "rm kernel-3.json", "rm kernel-3.json state-3.json"):
        boot(vm, 3, "guest_mark=kept")
        vm.check(f"systemctl stop mpartd; cd /run/mpartd; {damage}; systemctl start mpartd")
        equal((state(vm, 3), cause(vm, 3)), ("running", "ledger-damaged"))
        contains(vm.check("mpartctl status 3"), "guest_mark=kept")
        equal(online(vm), WITH_3)
        beat(vm, 3)
        vm.report.row(f"files of a running kernel: {damage}")
        vm.check("mpartctl stop 3; rm -f /run/mpartd/*.bad")
        equal(online(vm), WITHOUT_2)


@step
def damaged_ledger_of_the_dead(vm):
    """Of a kernel that does not surely run nothing is touched until it is stopped."""
    vm.put("/root/send-init", Path(sys.argv[2]).read_bytes(), 0o755)
    boot(vm, 3)
    vm.check("systemctl stop mpartd; /root/send-init 6 7; echo torn >/run/mpartd/kernel-3.json; systemctl start mpartd")
    for _ in range(2):
        equal((state(vm, 3), cause(vm, 3)), ("failed", "ledger-damaged"))
        contains(reason(vm, 3), "CPU 6-7 is still taken")
        equal(online(vm), WITH_3)
        equal(vm.run(f"mpartctl boot 3 {IMAGE}").rc, 1)
        vm.check("systemctl restart mpartd")
    vm.check("mpartctl stop 3; rm /run/mpartd/kernel-3.json.bad")
    equal(online(vm), WITHOUT_2)
    boot(vm, 3)
    vm.check("mpartctl stop 3")
    vm.report.row("damaged ledger of a dead kernel")
