#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How planning grows with the machine: 8 to 64 nodes of 64 CPUs and 32 PCI functions each, beside lstopo on the same
trees.

    bench/scale.py MPARTCTL [RUNS]

Prints minimum wall time, CPU time and peak memory of a plan; ends with 1 where the largest machine takes more than
100 ms of CPU time or 32 MiB, or more than 12 times the smallest (8 would be linear)."""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILDER = Path(__file__).resolve().parents[1] / "tests/tools/synthetic-root.py"
LSTOPO = ["lstopo-no-graphics", "--if", "fsroot", "--of", "console", "-i"]
NODES = (8, 16, 32, 64)


def measure(command, runs):
    """Minima of wall time and CPU time in ms, peak memory in MiB."""
    best = None
    for _ in range(runs):
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))}: exit code {child.returncode}")
        now = ((time.perf_counter() - start) * 1000, (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024)
        best = tuple(map(min, best, now)) if best else now
    return best


def main(mpartctl, runs=5):
    print("nodes  CPUs  functions    plan ms   CPU ms      MiB   lstopo ms")
    figures = []
    for nodes in NODES:
        with tempfile.TemporaryDirectory() as scratch:
            root = f"{scratch}/machine"
            subprocess.run([BUILDER, "--nodes", str(nodes), "--cpus", str(64 * nodes), "--threads", "2", "--node-memory",
                            "16G", "--virtual-functions", "30", root], check=True)
            functions = len(os.listdir(f"{root}/sys/bus/pci/devices"))
            ours = measure([mpartctl, "plan", "--json", "--root", root], int(runs))
            theirs = measure([*LSTOPO, root], 1)
        figures.append(ours)
        print(f"{nodes:5} {64 * nodes:5} {functions:10} {ours[0]:10.1f} {ours[1]:8.1f} {ours[2]:8.1f} {theirs[0]:11.1f}",
              flush=True)
    growth = figures[-1][1] / figures[0][1]
    print(f"growth from {NODES[0] * 64} to {NODES[-1] * 64} CPUs: {growth:.1f} times the CPU time (linear: "
          f"{NODES[-1] // NODES[0]})")
    return 1 if figures[-1][1] > 100 or figures[-1][2] > 32 or growth > 12 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
