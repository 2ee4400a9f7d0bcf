#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Talk with kernels through their shared regions: commands, console, shutdown, and what happens when the other side dies.

    test-talk.py BUILDDIR
"""
import re
import sys
import time

from steps import Road, contains, equal
from vm import VM

road = Road()
BOOT = "--image $(echo /boot/vmlinuz-*) --initrd /boot/agent.img"
KERNEL = "org.mpartd1 /org/mpartd1/kernel/{} org.mpartd1.Kernel"


def agent(vm, kernel):
    answer = vm.check(f"busctl get-property {KERNEL.format(kernel)} AgentState")
    return re.fullmatch(r's "([\w-]+)"\n', answer).group(1)


def wait_agent(vm, kernel, *states, seconds=60):
    """Wait for one of the states."""
    wanted = "|".join(states)
    name = KERNEL.format(kernel)
    result = vm.run(f"for i in $(seq {seconds * 5}); do busctl get-property {name} AgentState | "
                    f"grep -qE '\"({wanted})\"' && exit 0; sleep 0.2; done; exit 1", seconds + 30)
    if result.rc != 0:
        raise AssertionError(f"kernel {kernel}: agent {agent(vm, kernel)}, wanted {wanted}\n"
                             + vm.run("journalctl -u mpartd --no-pager | tail -20").out + vm.console(kernel)[-2000:])


def boot(vm, kernel, words="", options=""):
    vm.check(f"mpartctl boot {kernel} {BOOT} --no-dump {options} --cmdline '{words}'", 180)
    wait_agent(vm, kernel, "ready")


def execute(vm, kernel, command, timeout=60):
    return vm.run(f"mpartctl exec {kernel} -- {command}", timeout)


@road.step
def prepare(vm):
    """The primary starts with the plan."""
    vm.check("mpartctl plan --per-numa --save")
    vm.restart("mpartctl apply --yes", 300)
    vm.settle(300)


@road.step
def ready(vm):
    """Two kernels boot; their agents say that user space is up."""
    for kernel in (1, 2):
        boot(vm, kernel)
    equal(agent(vm, 3), "none")


@road.step
def statuses(vm):
    """Exit statuses come back, by name and by signal."""
    for status in (0, 1, 7, 255):
        equal(execute(vm, 1, f"sh -c 'exit {status}'").rc, status)
    equal(execute(vm, 1, "sh -c 'kill -9 $$'").rc, 128 + 9)
    missing = execute(vm, 1, "/no/such/program")
    equal(missing.rc, 127)
    contains(missing.err, "/no/such/program")


@road.step
def streams(vm):
    """Standard output and error are two; input ends where it ends."""
    result = execute(vm, 2, "sh -c 'echo out; echo err >&2'")
    equal((result.rc, result.out, result.err), (0, "out\n", "err\n"))
    equal(vm.check("echo hello | mpartctl exec 2 -- cat"), "hello\n")
    equal(vm.check("mpartctl exec 2 -- cat </dev/null"), "")
    equal(execute(vm, 2, "nproc").out, "2\n")


@road.step
def bulk(vm):
    """4 MiB go through a command and come back unharmed, in both kernels at once."""
    vm.check("head -c 4194304 /dev/urandom >/tmp/data")
    out = vm.check("for k in 1 2; do (mpartctl exec $k -- cat </tmp/data >/tmp/back$k) & done; "
                   "s=$(date +%s%N); wait; e=$(date +%s%N); cmp /tmp/data /tmp/back1 && cmp /tmp/data /tmp/back2; "
                   "echo $((8388608000 / ((e - s) / 1000))) kB/s there and back", 240)
    print(f"# {out.strip()}")
    sums = vm.check("sha256sum </tmp/data; mpartctl exec 1 -- sha256sum </tmp/data", 120).splitlines()
    equal(sums[0], sums[1])


@road.step
def latency(vm):
    """A command takes a fraction of a second."""
    out = vm.check("s=$(date +%s%N); for i in 1 2 3 4 5 6 7 8 9 10; do mpartctl exec 1 -- true; done; "
                   "e=$(date +%s%N); echo $(((e - s) / 10000000))")
    print(f"# {out.strip()} ms for one command, process and bus of mpartctl included")


@road.step
def slow_reader(vm):
    """A caller that does not read holds up its own command alone."""
    vm.check("(mpartctl exec 1 -- yes | sleep 5) >/dev/null 2>&1 & sleep 1; "
             "timeout 4 mpartctl exec 1 -- echo other | grep -qx other; wait")


@road.step
def signals(vm):
    """Signals are passed on; a caller that is killed takes its command with it."""
    result = vm.run("mpartctl exec 1 -- sh -c 'trap \"echo caught; exit 3\" TERM; while :; do sleep 0.1; done' "
                    ">/tmp/out & sleep 2; kill $!; wait $!; echo status $?; cat /tmp/out")
    equal(result.out, "status 3\ncaught\n")
    vm.check("mpartctl exec 1 -- sleep 1234 & sleep 2; kill -9 $!; sleep 1")
    equal(execute(vm, 1, "sh -c 'pgrep -f \"sleep [1]234\" | wc -l'").out, "0\n")


@road.step
def clock(vm):
    """The secondary's clock is the primary's."""
    a = float(vm.check("date +%s.%N"))
    b = float(execute(vm, 1, "date +%s").out)
    if abs(b - a) > 5:
        raise AssertionError(f"primary {a}, secondary {b}")


@road.step
def console(vm):
    """The console: typing through mpartctl on a terminal; Ctrl-] leaves."""
    keys = r"(sleep 2; printf 'echo typed-$((6 * 7)); tty; stty size\n'; sleep 3; printf '\035'; sleep 2)"
    seen = vm.check(f"{keys} | script -qec 'stty rows 33 cols 99; mpartctl console 1; echo left $?; stty -a' /dev/null", 60)
    for part in ("Ctrl-]", "typed-42", "/dev/pts/", "33 99", "left 0", " icanon "):
        contains(seen, part)
    contains(vm.check("mpartctl console 1 --log"), "typed-42")


@road.step
def terminal_of_others(vm):
    """The terminal linked in /run/mpartd/console is for cu and the like."""
    vm.check("(timeout 5 cat /run/mpartd/console/2 >/tmp/seen &) ; sleep 0.5; "
             "printf 'echo by-$((2 + 3))-pty\\n' >/run/mpartd/console/2; sleep 3; grep -q by-5-pty /tmp/seen")


@road.step
def readers(vm):
    """Two may read at once, one may type."""
    result = vm.run("sleep 20 | mpartctl console 1 >/tmp/a 2>&1 & sleep 1; mpartctl console 1 </dev/null; echo rc $?; "
                    "timeout 3 mpartctl console 1 --follow >/tmp/b & sleep 1; "
                    "mpartctl exec 1 -- sh -c 'echo both >/dev/pts/0'; wait %2; kill %1; grep -c both /tmp/a /tmp/b", 60)
    contains(result.out, "rc 1")
    contains(result.err, "somebody else types")
    contains(result.out, "/tmp/a:1\n/tmp/b:1")


def cpu_share(run, files, seconds=20):
    """Per cent of a CPU that threads take; `files` are their schedstat, where the first number counts ns."""
    out = run(f"sleep 2; cat {files}; echo; sleep {seconds}; cat {files}")
    before, after = (sum(int(line.split()[0]) for line in part.splitlines()) for part in out.split("\n\n"))
    return (after - before) / seconds / 1e7


@road.step
def idle(vm):
    """Idle, the daemon takes little of a CPU for two kernels, and so does an agent."""
    daemon = cpu_share(vm.check, "/proc/$(pidof mpartd)/task/*/schedstat")
    inside = cpu_share(lambda script: execute(vm, 1, f"sh -c '{script}'").out, "/proc/1/schedstat")
    print(f"# idle, emulated: daemon {daemon:.2f} % of a CPU for two kernels, agent {inside:.2f} %")
    if daemon > 2 or inside > 2:  # emulation costs several times the real thing
        raise AssertionError("busy while idle")


@road.step
def daemon_restart(vm):
    """After the daemon was killed and came back, everything goes on."""
    vm.check("systemctl kill -s KILL mpartd; sleep 1; systemctl restart mpartd")
    wait_agent(vm, 1, "ready")
    equal(execute(vm, 1, "echo still").out, "still\n")


@road.step
def orderly_stop(vm):
    """A stop ends user space first: processes get SIGTERM."""
    vm.check("(mpartctl exec 2 -- sh -c 'trap \"echo bye >/dev/ttyS2; sleep 1; exit\" TERM; while :; do sleep 0.1; done' "
             ">/dev/null 2>&1 &); sleep 2; mpartctl stop 2", 60)
    equal(agent(vm, 2), "none")
    contains(vm.check("journalctl -u mpartd --no-pager"), "agent powered-off")


@road.step
def panic(vm):
    """A panic in mid-transfer is reported, and ends the commands there alone."""
    result = vm.run("timeout 60 mpartctl exec 1 -- sh -c 'cat /dev/zero & sleep 1; echo c >/proc/sysrq-trigger' "
                    "2>/tmp/why | wc -c; cat /tmp/why", 90)
    contains(result.out, "mpartctl: kernel 1: crashed: Kernel panic - not syncing: sysrq triggered crash")
    wait_agent(vm, 1, "none", "gone", seconds=20)
    contains(vm.check("mpartctl list"), "crashed")
    equal(vm.run("mpartctl exec 1 -- true").rc, 1)


@road.step
def restart(vm):
    """After the panic the same partition boots again and talks again."""
    started = time.monotonic()
    boot(vm, 1)
    equal(execute(vm, 1, "echo anew").out, "anew\n")
    print(f"# boot, ready: {time.monotonic() - started:.1f} s")


@road.step
def agent_killed(vm):
    """An agent that is killed is missed."""
    boot(vm, 2, "rdinit=/init-beside")
    vm.run("mpartctl exec 2 -- sh -c 'kill -9 $(pidof init)'", 30)
    wait_agent(vm, 2, "gone", seconds=30)
    equal(execute(vm, 1, "echo untouched").out, "untouched\n")
    vm.check("mpartctl stop 2", 60)


@road.step
def reboot_inside(vm):
    """reboot(2) under a wrapped init ends that init alone and is reported as what it was."""
    for command, reason in (("reboot", "asked for a restart"), ("poweroff", "switched it off")):
        boot(vm, 2, "rdinit=/init-before", "--on-reboot stop --on-poweroff stop")
        equal(execute(vm, 2, "sh -c 'readlink /proc/self/exe'").out, "/bin/busybox\n")
        vm.run(f"mpartctl exec 2 -- {command} -f", 30)
        wait_agent(vm, 2, "none")
        contains(vm.check("for i in $(seq 50); do mpartctl list | grep -q 'inactive' && break; sleep 0.2; done; "
                          "mpartctl status 2"), reason)
    boot(vm, 2, "rdinit=/init-before")
    started = time.monotonic()
    vm.check("mpartctl stop 2", 60)
    print(f"# orderly stop of a wrapped init: {time.monotonic() - started:.1f} s")


@road.step
def stop_all(vm):
    """At the end the primary has all its CPUs."""
    vm.check("mpartctl stop all", 60)
    equal(vm.check("cat /sys/devices/system/cpu/online"), "0-7\n")


def main():
    with VM(sys.argv[1]) as vm:
        return road.walk(vm)


if __name__ == "__main__":
    sys.exit(main())
