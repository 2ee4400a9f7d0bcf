#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Booting a kernel beside the primary, against limits measured in the same run of one machine.

    bench/boot.py BUILDDIR        (after tests/vm/build-test-image.sh BUILDDIR)

Prints: from the request to the first instruction of the secondary; our share of the whole boot (until its user space
speaks); the speed of loading as a part of memcpy's (the best of each: what else runs on the host only slows them); what
the idle daemon costs."""
import re
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/vm"))
from vm import VM  # noqa: E402

BOOTS = 5
IDLE_SECONDS = 30
TIMES = re.compile(r"checked in ([\d.]+) ms, CPUs taken in ([\d.]+) ms, memory loaded in ([\d.]+) ms "
                   r"\((\d+) KiB written in ([\d.]+) ms\), woken in ([\d.]+) ms, up after another ([\d.]+) ms")


def boot_once(vm):
    """One boot of kernel 3: (ms until the first instruction, ms until user space speaks, MiB/s, ms of each step)."""
    since = vm.mark(3)
    vm.check("mpartctl boot 3 --image $(echo /boot/vmlinuz-*) --initrd /boot/guest.img", 120)
    vm.wait_console(3, "mpart-guest: ready=1", 90, since)
    uptime = float(re.search(r"mpart-guest: uptime=([\d.]+)\s", vm.console(3, since)).group(1)) * 1000
    journal = vm.check("journalctl -o cat MPART_KERNEL=3 | grep 'woken in' | tail -n 1")
    prepare, take, load, kib, write, wake, _ = map(float, TIMES.search(journal).groups())
    vm.check("mpartctl stop 3")
    ours = prepare + take + load + wake
    return ours, ours + uptime, kib / 1024 / (write / 1000), (prepare, take, load, wake)


def idle(vm):
    """Switches of the daemon to and from the CPU while nothing happens, and its resident KiB."""
    pid = vm.check("systemctl show -P MainPID mpartd").strip()
    count = f"cat /proc/{pid}/status | awk '/ctxt_switches/ {{ n += $2 }} END {{ print n }}'"
    before = int(vm.check(count))
    vm.check(f"sleep {IDLE_SECONDS}", IDLE_SECONDS + 30)
    after = int(vm.check(count))
    return after - before, int(vm.check(f"awk '/VmRSS/ {{ print $2 }}' /proc/{pid}/status"))


def main(builddir):
    with VM(builddir) as vm:
        vm.check("mpartctl plan --per-numa --save")
        vm.restart("mpartctl apply --yes", 240)
        vm.put("/tmp/memcpy", (Path(builddir) / "bench/bench-memcpy").read_bytes(), 0o755)
        limit = float(vm.check("/tmp/memcpy"))
        boots = [boot_once(vm) for _ in range(BOOTS)]
        switches, resident = idle(vm)

    first, whole = (statistics.median(boot[i] for boot in boots) for i in range(2))
    speed = max(boot[2] for boot in boots)
    steps = [statistics.median(boot[3][i] for boot in boots) for i in range(4)]
    print(f"median of {BOOTS} boots")
    print(f"request to first instruction   {first:8.1f} ms  (check {steps[0]:.1f}, CPUs {steps[1]:.1f}, "
          f"load {steps[2]:.1f}, wake {steps[3]:.1f})")
    print(f"whole boot, to user space      {whole:8.1f} ms")
    print(f"our share of the boot          {first / whole:8.1%}     (aim: under 10 %)")
    print(f"loading                        {speed:8.0f} MiB/s, {speed / limit:.2f} of memcpy (aim: 0.5 or better)")
    print(f"idle daemon                    {switches:8} switches in {IDLE_SECONDS} s, {resident} KiB resident")


if __name__ == "__main__":
    main(sys.argv[1])
