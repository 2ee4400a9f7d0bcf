# SPDX-License-Identifier: GPL-2.0-or-later
"""What the roads do with an agent: wait for it, run commands, type on the console."""
import shlex

from primary import AWAIT, wait_journal

CONSOLE = AWAIT + """
set -e
cd $(mktemp -d); mkfifo keys; : >seen
script -qec 'stty rows 33 cols 99; mpartctl console KERNEL; echo left $?; stty -a' /dev/null <keys >seen &
exec 3>keys
await seen 'Ctrl-]'
printf '%s\\n' LINE >&3
await seen EXPECTED
printf '\\035' >&3
await seen 'left [0-9]'
exec 3>&-
wait $!
cat seen
"""


def wait_agent(vm, kernel, since, state, timeout=60):
    """Until its agent has come to the state, counted from a time that since_now told."""
    wait_journal(vm, since, f"^kernel {kernel} (.*): agent {state}$", timeout)


def execute(vm, kernel, command, timeout=60):
    return vm.run(f"mpartctl exec {kernel} -- {command}", timeout)


def type_on_console(vm, kernel, line, expected):
    """Attach the console with a terminal, type a line, wait for what it brings, leave; all that was seen."""
    script = CONSOLE.replace("KERNEL", str(kernel)).replace("LINE", shlex.quote(line))
    return vm.check(script.replace("EXPECTED", shlex.quote(expected)), 120)
