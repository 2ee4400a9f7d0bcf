#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Console, commands and shared memory between two kernels, each beside the same thing within one kernel of the same
machine; and what the daemon and an agent cost while nothing happens.

    bench/talk.py BUILDDIR        (after tests/vm/build-test-image.sh BUILDDIR)

What looking costs on real hardware, no machine needed: BUILDDIR/bench/bench-idle KERNELS"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/vm"))

import network  # noqa: E402
from network import remote  # noqa: E402
from vm import VM  # noqa: E402

MIB = 16
SIZE = MIB * 2**20
COMMANDS = 20
TURNS = 20000
RUNS = 3
IDLE_SECONDS = 20
SCHEDSTAT = "cat /proc/$(pidof mpartd)/task/*/schedstat"  # CPU time in ns, waiting in ns, times on a CPU


def put_tools(vm, build):
    """What the measurements run; pingpong goes into the ramdisk too."""
    for tool in ("bench/bench-copy", "bench/bench-idle", "bench/bench-threads", "examples/pingpong"):
        vm.put(f"/usr/local/bin/{Path(tool).name}", (build / tool).read_bytes(), 0o755)


def elapsed(vm, script, timeout=300):
    """Seconds that a shell script takes."""
    out = vm.check(f"s=$(date +%s%N); {script}; e=$(date +%s%N); echo $((e - s))", timeout)
    return int(out.split()[-1]) / 1e9


def used(text):
    rows = [list(map(int, line.split())) for line in text.splitlines()]
    return sum(row[0] for row in rows) / 1e9, sum(row[2] for row in rows)


def share(run, read):
    """Part of a CPU, and times a second on one."""
    before, after = run(f"sleep 3; {read}; echo; sleep {IDLE_SECONDS}; {read}").split("\n\n")
    (cpu, runs), (cpu2, runs2) = used(before), used(after)
    return (cpu2 - cpu) / IDLE_SECONDS, (runs2 - runs) / IDLE_SECONDS


def idle(vm, kernels):
    part, runs = share(vm.check, SCHEDSTAT)
    print(f"idle, {kernels} kernels: mpartd {part:.2%} of a CPU, {runs:.0f} times a second on one", flush=True)


def idle_agent(vm):
    inside = share(lambda script: vm.check(f"mpartctl exec 2 -- sh -c '{script}'", 60), "cat /proc/1/schedstat")
    print(f"idle, agent of kernel 2: {inside[0]:.2%} of a CPU, {inside[1]:.0f} times a second on one", flush=True)


def threads(vm):
    """Which of the daemon's threads it is."""
    shares = "for t in /proc/$(pidof mpartd)/task/*; do echo $(cat $t/comm) $(cut -d ' ' -f 1,3 $t/schedstat); done"
    lines = vm.check(f"{shares}; echo; sleep {IDLE_SECONDS}; {shares}").split("\n\n")
    for before, after in zip(*(part.splitlines() for part in lines)):
        name, cpu, runs = after.split()
        _, cpu0, runs0 = before.split()
        print(f"    {name:12} {(int(cpu) - int(cpu0)) / IDLE_SECONDS / 1e7:6.2f} % "
              f"{(int(runs) - int(runs0)) / IDLE_SECONDS:8.1f} a second")


def console(vm):
    """Best rate of some runs in MiB/s, and the part that a reader lost, beside terminal, copier, socket here."""
    peer = max(float(vm.check(f"bench-copy {MIB}")) for _ in range(RUNS))
    vm.check("mpartctl exec 2 -- sh -c 'until [ -c /dev/pts/0 ]; do sleep 0.1; done; stty -F /dev/pts/0 raw -echo'")
    best, lost = 0, 1
    for _ in range(RUNS):
        network.background(vm, "mpartctl console 2 --follow | tr -dc '\\000' | wc -c >/tmp/seen")
        vm.check("sleep 2")
        seconds = elapsed(vm, f"mpartctl exec 2 -- sh -c 'head -c {SIZE} /dev/zero >/dev/pts/0'")
        seen = int(vm.check("pkill -x mpartctl; until [ -s /tmp/seen ]; do sleep 0.1; done; cat /tmp/seen; rm /tmp/seen"))
        best, lost = max(best, min(seen, SIZE) / 2**20 / seconds), max(0, min(lost, 1 - seen / SIZE))
    print(f"console: {best:.1f} MiB/s, {best / peer:.2f} of a terminal and a socket in one kernel ({peer:.1f} MiB/s); "
          f"lost to a reader {lost:.1%}", flush=True)


def commands(vm):
    """Output of a command, and how long a command takes."""
    here = min(elapsed(vm, f"head -c {SIZE} /dev/zero | cat | cat >/dev/null") for _ in range(RUNS))
    there = min(elapsed(vm, f"mpartctl exec 1 -- head -c {SIZE} /dev/zero >/dev/null") for _ in range(RUNS))
    print(f"output of a command: {MIB / there:.1f} MiB/s, {here / there:.2f} of three pipes in one kernel "
          f"({MIB / here:.1f} MiB/s)", flush=True)

    def each(command):
        return elapsed(vm, f"for i in $(seq {COMMANDS}); do {command}; done") / COMMANDS * 1000

    shell, call = each("sh -c true"), each("busctl get-property org.mpartd1 /org/mpartd1 org.mpartd1.Manager Version")
    command, ssh = each("mpartctl exec 1 -- true"), each(remote(1, "true") + " </dev/null 2>/dev/null")
    print(f"a command: {command:.1f} ms, {command / shell:.1f} times sh -c true ({shell:.1f} ms), {command / call:.2f} "
          f"times a bus call alone ({call:.1f} ms), {command / ssh:.2f} times ssh ({ssh:.1f} ms)", flush=True)


def shared_memory(vm):
    """A turn through the shared region beside one between two threads of the primary."""
    peer = min((tuple(map(int, vm.check(f"bench-threads 0 1 {TURNS}").split())) for _ in range(RUNS)))
    network.background(vm, "mpartctl exec 1 -- pingpong")
    rows = [vm.check(f"taskset -c 0 pingpong 1 {TURNS}", 120).replace("%", " ").split() for _ in range(RUNS)]
    vm.check("pkill -x mpartctl; sleep 1")  # its caller gone, the other side ends
    turn = min(int(row[row.index("median") + 1]) for row in rows)
    print(f"shared memory: {turn} ns there and back, {turn / peer[0]:.2f} times two threads ({peer[0]} ns)", flush=True)


def main():
    build = Path(sys.argv[1]).resolve()
    with VM(build) as vm:
        network.apply_plan(vm)
        put_tools(vm, build)
        network.make_ramdisk(vm, "--add", "/usr/local/bin/pingpong:/usr/bin/pingpong")
        vm.settle()
        vm.check("systemctl start mpartd")
        idle(vm, 0)
        vm.check(f"mpartctl boot 1 --initrd {network.RAMDISK}", 240)
        network.wait_login(vm, 1)
        idle(vm, 1)
        threads(vm)
        print("the same loops over regions of nobody:", vm.check("bench-idle 1"), end="", flush=True)
        shared_memory(vm)
        vm.check("mpartctl boot 2 --initrd /boot/agent.img", 240)  # the agent is its init
        vm.check("until mpartctl exec 2 -- true 2>/dev/null; do sleep 1; done")
        idle_agent(vm)
        console(vm)
        commands(vm)
        vm.check(f"mpartctl boot 3 --initrd {network.RAMDISK}", 240)
        network.wait_login(vm, 3)
        idle(vm, 3)


if __name__ == "__main__":
    main()
