#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Seven kernels at once against one alone, in the same run of one machine.

    bench/boot-all.py BUILDDIR [IMAGE]   (after tests/vm/build-test-image.sh BUILDDIR)

IMAGE is a file of the guest; default: the primary's own bzImage. Prints the time until `mpartctl boot` has seen the
kernel run, until it has seen seven run, and the ratio of the two."""
import re
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/vm"))
from vm import VM, Machine  # noqa: E402

ROUNDS = 3
MACHINE = Machine(nodes=8, cpus_per_node=2, node_mib=640)
TIMES = re.compile(r"checked in ([\d.]+) ms, CPUs taken in ([\d.]+) ms, memory loaded in ([\d.]+) ms "
                   r"\(.*\), woken in ([\d.]+) ms, up after another ([\d.]+) ms")
STEPS = ("check", "take CPUs", "load", "wake", "come up")


def boot(vm, what, image):
    """Seconds until all have come up, and the steps of each kernel in ms."""
    since = vm.check("date +%s.%N").strip()
    start = time.monotonic()
    vm.check(f"mpartctl boot {what} --image {image} --initrd /boot/guest.img", 300)
    seconds = time.monotonic() - start
    steps = [tuple(map(float, m.groups())) for m in TIMES.finditer(vm.check(f"journalctl -o cat --since=@{since}"))]
    vm.check("mpartctl stop all", 120)
    return seconds, steps


def tell(name, boots):
    seconds = statistics.median(s for s, _ in boots)
    steps = [statistics.median(k[i] for _, kernels in boots for k in kernels) for i in range(len(STEPS))]
    print(f"{name:14}{seconds:8.2f} s   (median of a kernel: " +
          ", ".join(f"{step} {ms:.0f} ms" for step, ms in zip(STEPS, steps)) + ")")
    return seconds


def main(builddir, image="$(echo /boot/vmlinuz-*)"):
    with VM(builddir, MACHINE) as vm:
        vm.check("mpartctl plan --per-numa --save")
        vm.restart("mpartctl apply --yes", 300)
        vm.settle(300)
        boot(vm, "1", image)  # what is read once is read
        rounds = [(boot(vm, "1", image), boot(vm, "all", image)) for _ in range(ROUNDS)]
    one = tell("one kernel", [r[0] for r in rounds])
    seven = tell("seven kernels", [r[1] for r in rounds])
    print(f"seven / one   {seven / one:8.2f}     (aim: 2.5 or less)")


if __name__ == "__main__":
    main(*sys.argv[1:])
