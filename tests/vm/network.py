# SPDX-License-Identifier: GPL-2.0-or-later
"""What the network's test and its benchmark share: kernels that one can log in to."""
import shlex
import time

from vm import VMError

KERNELS = (1, 2, 3)
KEY = "/root/key"
RAMDISK = "/root/network.img"
PORT = 5001


def address(kernel):
    """10.1.2.N+1; kernel 0 is the primary."""
    return f"10.1.2.{kernel + 1}"


def apply_plan(vm):
    vm.check("mpartctl plan --per-numa --save")
    vm.restart("mpartctl apply --yes", 240)


def make_ramdisk(vm, *options):
    """A ramdisk whose owner of KEY may log in, and log in from one kernel to another."""
    vm.check(f"[ -e {KEY} ] || dropbearkey -t ed25519 -f {KEY}; dropbearkey -y -f {KEY} | grep ^ssh- >{KEY}.pub")
    words = " ".join(["--ssh-key", f"{KEY}.pub", "--add", f"{KEY}:/root/.ssh/id_dropbear", *options])
    return vm.check(f"mpartctl initrd create -o {RAMDISK} {words}")


def background(vm, command):
    """Start a shell command; go on at once."""
    vm.check(f"setsid sh -c {shlex.quote(command)} </dev/null >/dev/null 2>&1 &")


def remote(kernel, command):
    """A command line that runs another one in a kernel, by ssh. Host keys are new at each boot."""
    return f"dbclient -y -y -i {KEY} root@{address(kernel)} {command}"


def wait_login(vm, kernel, timeout=180):
    """Until ssh works; the seconds that took."""
    start = time.monotonic()
    while vm.run(f"timeout 20 {remote(kernel, 'true')} </dev/null", 60).rc != 0:
        if time.monotonic() - start > timeout:
            state = vm.run("mpartctl list; ip addr; bridge link; journalctl -u mpartd -n 30 --no-pager").out
            raise VMError(f"no login to kernel {kernel} within {timeout} s\n{state}")
        time.sleep(1)
    return time.monotonic() - start
