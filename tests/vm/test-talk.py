#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Talk with kernels through their shared regions: commands, console, shutdown, and what happens when the other side dies.

    test-talk.py BUILDDIR
"""
import sys
import time

from primary import AWAIT, agent, since_now, wait_journal
from steps import Road, contains, equal
from talking import execute, type_on_console, wait_agent
from vm import VM

road = Road()
BOOT = "--image $(echo /boot/vmlinuz-*) --initrd /boot/agent.img"


def boot(vm, kernel, words="", options=""):
    now = since_now(vm)
    vm.check(f"mpartctl boot {kernel} {BOOT} --no-dump {options} --cmdline '{words}'", 180)
    wait_agent(vm, kernel, now, "ready")


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
    vm.check("mkfifo /tmp/slow; mpartctl exec 1 -- yes >/tmp/slow & exec 3</tmp/slow; head -n 1 <&3; "
             "timeout 10 mpartctl exec 1 -- echo other | grep -qx other; exec 3<&-; wait")


@road.step
def signals(vm):
    """Signals are passed on; a caller that is killed takes its command with it."""
    result = vm.run(AWAIT + "mpartctl exec 1 -- sh -c 'trap \"echo caught; exit 3\" TERM; echo ready; sleep 1000 & wait' "
                    ">/tmp/caught & await /tmp/caught ready; kill $!; wait $!; echo status $?; cat /tmp/caught")
    equal(result.out, "status 3\nready\ncaught\n")
    # Somebody waits at the pipe already: that the death of sleep interrupts its opening is not the question.
    vm.check(AWAIT + "mpartctl exec 1 -- mkfifo /tmp/end; mpartctl exec 1 -- cat /tmp/end >/tmp/told & reader=$!; "
             "mpartctl exec 1 -- sh -c 'trap \"echo hung up >/tmp/end; exit\" HUP; echo ready; sleep 1000 & wait' "
             ">/tmp/orphan & await /tmp/orphan ready; kill -9 $!; wait $reader; grep -qx 'hung up' /tmp/told")


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
    seen = type_on_console(vm, 1, "echo typed-$((6 * 7)); tty; stty size", "33 99")
    for part in ("Ctrl-]", "typed-42", "/dev/pts/", "33 99", "left 0", " icanon "):
        contains(seen, part)
    contains(vm.check("mpartctl console 1 --log"), "typed-42")


@road.step
def terminal_of_others(vm):
    """The terminal linked in /run/mpartd/console is for cu and the like."""
    vm.check("exec 3<>/run/mpartd/console/2; printf 'echo by-$((2 + 3))-pty\\n' >&3; "
             "timeout 20 grep -qm1 by-5-pty <&3")


@road.step
def readers(vm):
    """Two may read at once, one may type."""
    result = vm.run(AWAIT + "mkfifo /tmp/typed; mpartctl console 1 </tmp/typed >/tmp/a & exec 3>/tmp/typed; "
                    "printf 'echo first-$((1 + 1))\\n' >&3; await /tmp/a first-2; "
                    "mpartctl console 1 </dev/null; echo rc $?; "
                    "mpartctl console 1 --follow >/tmp/b & await /tmp/b first-2; "
                    "mpartctl exec 1 -- sh -c 'echo both >/dev/pts/0'; await /tmp/a both && await /tmp/b both && "
                    "echo read by both; kill $!; exec 3>&-; wait", 90)
    contains(result.out, "rc 1")
    contains(result.err, "somebody else types")
    contains(result.out, "read by both")


def cost(run, process, seconds=20):
    """What a process costs: wake-ups a second of all its threads, and per cent of a CPU that they take."""
    files = f"/proc/{process}/task/*"
    count = f"grep -h ^voluntary {files}/status; cat {files}/schedstat"
    out = run(f"sleep 2; {count}; echo; sleep {seconds}; {count}")

    def add(lines):
        switches = sum(int(line.split()[1]) for line in lines if line.startswith("v"))
        return switches, sum(int(line.split()[0]) for line in lines if not line.startswith("v"))  # schedstat: ns

    before, after = (add(part.splitlines()) for part in out.split("\n\n"))
    return (after[0] - before[0]) / seconds, (after[1] - before[1]) / seconds / 1e7


@road.step
def idle(vm):
    """Idle, the daemon wakes no more often for two kernels than for one, and an agent seldom."""
    daemon = cost(vm.check, "$(pidof mpartd)")
    inside = cost(lambda script: execute(vm, 1, f"sh -c '{script}'").out, "1")
    for name, (wakes, share), limit in (("daemon", daemon, 250), ("agent", inside, 150)):
        print(f"# idle, emulated: {name} {wakes:.0f} wake-ups a second, {share:.2f} % of a CPU")
        # Who looks without a pause does not sleep at all; shares below that are for bench/, not for a busy host.
        if wakes > limit or share > 30:
            raise AssertionError(f"{name}: busy while idle")


@road.step
def daemon_restart(vm):
    """After the daemon was killed and came back, everything goes on."""
    now = since_now(vm)
    vm.check("systemctl kill -s KILL mpartd; systemctl restart mpartd")
    wait_agent(vm, 1, now, "ready")
    equal(execute(vm, 1, "echo still").out, "still\n")


@road.step
def orderly_stop(vm):
    """A stop ends user space first: processes get SIGTERM."""
    now = since_now(vm)
    vm.check(AWAIT + "mpartctl exec 2 -- sh -c 'exec 3>/dev/ttyS2; trap \"echo bye >&3; exit\" TERM; echo ready; sleep 1000 & wait' "
             ">/tmp/stopped & await /tmp/stopped ready; mpartctl stop 2; wait", 60)
    vm.wait_console(2, "^bye", 10)
    equal(agent(vm, 2), "none")
    wait_agent(vm, 2, now, "powered-off")


@road.step
def reboot_inside(vm):
    """reboot(2) under a wrapped init ends that init alone and is reported as what it was."""
    for command, reason in (("reboot", "asked for a restart"), ("poweroff", "switched it off")):
        boot(vm, 2, "rdinit=/init-before", "--on-reboot stop --on-poweroff stop")
        equal(execute(vm, 2, "sh -c 'readlink /proc/self/exe'").out, "/bin/busybox\n")
        now = since_now(vm)
        vm.run(f"mpartctl exec 2 -- {command} -f", 30)
        wait_journal(vm, now, f"^kernel 2 .*: inactive: .*{reason}")
        equal(agent(vm, 2), "none")
        contains(vm.check("mpartctl status 2"), reason)
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
