# SPDX-License-Identifier: GPL-2.0-or-later
"""What the roads ask of the primary: kernels as mpartd sees them, its journal, its CPUs."""
import re

from vm import VMError

# Shell function, await FILE PATTERN: until the file, which somebody writes or will write, has the pattern.
AWAIT = 'await() { timeout 30 tail -c +1 -F "$1" 2>/dev/null | grep -qm1 -- "$2"; }\n'
PROPERTY = "busctl get-property org.mpartd1 /org/mpartd1/kernel/{} org.mpartd1.Kernel {}"


def string_property(vm, kernel, name):
    return re.fullmatch(r's "(.*)"\n', vm.check(PROPERTY.format(kernel, name))).group(1)


def state(vm, kernel):
    return string_property(vm, kernel, "State")


def reason(vm, kernel):
    return string_property(vm, kernel, "StateReason")


def agent(vm, kernel):
    return string_property(vm, kernel, "AgentState")


def online(vm):
    return vm.check("cat /sys/devices/system/cpu/online").strip()


def since_now(vm):
    """The time of the primary, from which wait_journal can look."""
    return vm.check("date +%s.%N").strip()


def wait_journal(vm, since, pattern, timeout=90, match="-u mpartd", times=1):
    """Until the journal has the pattern (a regular expression of grep) so many times, counted from a time that
    since_now told."""
    journal = f"journalctl -o cat --since=@{since} {match}"
    found = vm.run(f"timeout {timeout} {journal} -f -n all | grep -cm{times} -- '{pattern}'", timeout + 60)
    if found.out.strip() != str(times):
        told = vm.run(f"{journal} | tail -n 60").out
        raise VMError(f"{pattern!r} was not logged within {timeout} s, but:\n{told}")
