#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The network between two kernels beside loopback and a veth pair of the same machine: throughput, round trip, and
what it costs while nothing is sent. Argument: the build directory; tests/vm/build-test-image.sh ran before."""
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/vm"))

import network  # noqa: E402
from network import PORT, address, background, remote  # noqa: E402
from vm import VM  # noqa: E402

TOOL = "/root/netbench"
MIB = 256
TURNS = 2000
RUNS = 3
IDLE_SECONDS = 20
TICKS = os.sysconf("SC_CLK_TCK")
VETH = """ip netns add bench; ip link add v0 type veth peer name v1 netns bench
ip addr add 10.9.9.1/24 dev v0; ip link set v0 up mtu 9000
ip -n bench addr add 10.9.9.2/24 dev v1; ip -n bench link set v1 up mtu 9000"""


def measure(vm, name, target):
    """Best throughput, and best median and 99th percentile of the round trip, of some runs."""
    rates, medians, tails = [], [], []
    for _ in range(RUNS):
        rates.append(float(vm.check(f"{TOOL} stream {target} {PORT} {MIB}", 300)))
        median, tail = map(float, vm.check(f"{TOOL} turn {target} {PORT} {TURNS}", 300).split())
        medians.append(median)
        tails.append(tail)
    result = max(rates), min(medians), min(tails)
    print(f"{name:24} {result[0]:9.0f} MiB/s {result[1]:9.0f} us median {result[2]:9.0f} us 99 %", flush=True)
    return result


def process_seconds(vm):
    """User and system time of mpartd so far, its threads too."""
    fields = vm.check("cat /proc/$(pidof mpartd)/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def kernel_seconds(vm, seconds):
    """Time in which CPUs of kernel 1 were not idle in some seconds: it looks for itself, behind one login."""
    look = f"'sleep 2; head -n 1 /proc/stat; sleep {seconds}; head -n 1 /proc/stat'"
    lines = vm.check(remote(1, look) + " </dev/null", seconds + 60).splitlines()
    busy = []
    for line in lines:
        fields = [int(word) for word in line.split()[1:]]
        busy.append(sum(fields[:8]) - fields[3] - fields[4])
    return (busy[1] - busy[0]) / TICKS


def idle_cost(vm):
    """What goes on while nothing is sent, in CPUs: in mpartd (frames and the talk with the agent), and in all of kernel 1."""
    vm.check("sleep 3")
    before = process_seconds(vm)
    vm.check(f"sleep {IDLE_SECONDS}")
    primary = process_seconds(vm) - before
    return primary / IDLE_SECONDS, kernel_seconds(vm, IDLE_SECONDS) / IDLE_SECONDS


def wake_up(vm):
    """Worst of some pings, each after a rest: what looking seldom costs."""
    out = vm.check(f"busybox ping -i 2 -c 10 {address(1)}")
    times = [float(line.split("time=")[1].split()[0]) for line in out.splitlines() if "time=" in line]
    return sorted(times[1:])


def main():
    build = Path(sys.argv[1]).resolve()
    with VM(build) as vm:
        vm.put(TOOL, (build / "tests/tools/netbench").read_bytes(), 0o755)
        network.apply_plan(vm)
        network.make_ramdisk(vm, "--add", f"{TOOL}:/usr/bin/netbench")
        vm.check(f"mpartctl boot 1 --initrd {network.RAMDISK}", 240)
        network.wait_login(vm, 1)
        vm.check(VETH)
        background(vm, f"{TOOL} serve {PORT}")
        background(vm, f"ip netns exec bench {TOOL} serve {PORT}")
        background(vm, remote(1, f"netbench serve {PORT}"))
        vm.check("sleep 5")

        loopback = measure(vm, "loopback", "127.0.0.1")
        veth = measure(vm, "veth pair", "10.9.9.2")
        link = measure(vm, "primary to kernel 1", address(1))
        print(f"throughput: {link[0] / veth[0]:.2f} of veth, {link[0] / loopback[0]:.2f} of loopback")
        print(f"median round trip: {link[1] / veth[1]:.2f} times veth's, {link[1] / loopback[1]:.2f} times loopback's")
        rest = wake_up(vm)
        print(f"ping after 2 s of rest: median {rest[len(rest) // 2]:.1f} ms, worst {rest[-1]:.1f} ms")
        primary, secondary = idle_cost(vm)
        print(f"idle: {primary:.2%} of a CPU in mpartd, {secondary:.2%} in kernel 1", flush=True)


if __name__ == "__main__":
    main()
