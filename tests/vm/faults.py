# SPDX-License-Identifier: GPL-2.0-or-later
"""What the steps of the faults' road share: how a kernel boots, and the report of what each fault did."""
import json

from primary import online
from vm import VMError

IMAGE = "--image $(echo /boot/vmlinuz-*) --initrd /boot/guest.img"
ALL_CPUS = range(8)
COMPANION = 1  # runs through it all
HAS_LEDGER = {"inactive": False, "loading": True, "booting": True, "running": True, "stopping": True}


def boot(vm, kernel, words="", options=""):
    """Boot until its user space is ready; what its console says from here on begins at the mark returned."""
    since = vm.mark(kernel)
    vm.check(f"mpartctl boot {kernel} {IMAGE} {options} --cmdline '{words}'", 120)
    vm.wait_console(kernel, "mpart-guest: ready=1", 90, since)
    return since


def beat(vm, kernel):
    """Its user space goes on: two heartbeats from now on, the second later than the first."""
    first, second = vm.wait_console(kernel, r"heartbeat=(\d+) (?:.|\n)*?heartbeat=(\d+) ", 60, vm.mark(kernel)).groups()
    if int(second) <= int(first):
        raise VMError(f"kernel {kernel}: heartbeat {first}, then {second}")
    return int(second)


def cpu_list(text):
    """A kernel list, as a set."""
    spans = [span.split("-") for span in text.split(",") if span]
    return {cpu for span in spans for cpu in range(int(span[0]), int(span[-1]) + 1)}


class Report:
    """A row for each fault: what it did to the primary, to the other kernels and to the state, as measured after it. A
    loss ends the road."""

    def __init__(self, vm, path):
        self._vm = vm
        self._path = path
        self._rows = []
        self._boot = vm.boot
        self._started = {kernel: ledger["boot_timestamp"] for kernel, ledger in self._ledgers().items()}

    def _ledgers(self):
        """Kernel to ledger."""
        text = self._vm.check("for f in /run/mpartd/kernel-[0-9].json; do [ ! -e $f ] || { cat $f; printf '\\0'; }; done")
        ledgers = [json.loads(one) for one in text.split("\0") if one.strip()]
        return {ledger["kernel"]: ledger for ledger in ledgers}

    def _primary(self, ledgers):
        now = self._vm.check("cat /proc/sys/kernel/random/boot_id").strip()
        taken = {entry["cpu"] for ledger in ledgers.values() for entry in ledger["taken"] if entry["what"] == "cpu"}
        has = online(self._vm)
        missing = set(ALL_CPUS) - taken - cpu_list(has)
        doubled = taken & cpu_list(has)
        if now != self._boot:
            return "LOST: it has started anew"
        if missing or doubled:
            return f"LOST: CPUs {sorted(missing)} are nobody's, CPUs {sorted(doubled)} are of two"
        return f"goes on, CPUs {has}"

    def _others(self, ledgers, living):
        told = []
        for kernel in living:
            started = ledgers[kernel]["boot_timestamp"] if kernel in ledgers else None
            if started is None or started != self._started.get(kernel, started):
                return f"LOST: kernel {kernel} has started anew"
            try:
                told.append(f"kernel {kernel} at heartbeat {beat(self._vm, kernel)}")
            except VMError:
                return f"LOST: kernel {kernel} stands still"
        return ", ".join(told)

    def _state(self, ledgers):
        kernels = [k for k in json.loads(self._vm.check("mpartctl list --json"))["kernels"] if k["id"]]
        for k in kernels:
            has = k["id"] in ledgers
            if has != HAS_LEDGER.get(k["state"], has):
                return f"LOST: kernel {k['id']} is {k['state']}, its ledger {'is' if has else 'is not'} there"
        return "; ".join(f"{k['id']} {k['state']}" + (f" ({k['reason']})" if k["reason"] else "") for k in kernels)

    def row(self, fault, living=(COMPANION,)):
        """Measure what the fault did; `living` kernels have run on through it."""
        try:
            ledgers = self._ledgers()
            row = [fault, self._primary(ledgers), self._others(ledgers, living), self._state(ledgers)]
        except ValueError as e:
            row = [fault, "", "", f"LOST: a ledger cannot be read: {e}"]
        self._rows.append(row)
        self._path.write_text(self.text())
        if any(cell.startswith("LOST") for cell in row):
            raise AssertionError(" | ".join(row))

    def text(self):
        rows = [("fault", "primary", "other kernels", "state of kernels 1 to 3"), *self._rows]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [" | ".join([cell.ljust(width) for cell, width in zip(row, widths)] + [row[3]]) for row in rows]
        lost = sum(cell.startswith("LOST") for row in self._rows for cell in row)
        return "\n".join(lines + [f"{len(self._rows)} faults, {lost} losses", ""])
