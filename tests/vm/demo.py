#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Show the whole road on a machine: plan, apply, boot three kernels beside the primary. Argument: the build directory."""
import re
import sys

from vm import VM

KERNELS = (1, 2, 3)


def show(vm, command, timeout=240):
    """Type a command as a user would; print what it says."""
    print(f"\n# {command}", flush=True)
    print(vm.check(command, timeout).rstrip(), flush=True)


def report(release, cpus, apic_ids, kib, uptime):
    return f"{release:26} {cpus:>4}   {apic_ids:8} {int(kib) // 1024:>6} MiB   {uptime:>8} s"


def primary_says(vm):
    facts = vm.check("uname -r; nproc; awk -F': ' '/^apicid/ { print $2 }' /proc/cpuinfo | paste -sd,;"
                     "awk '/MemTotal/ { print $2 }' /proc/meminfo; cut -d' ' -f1 /proc/uptime")
    return report(*facts.split())


def secondary_says(vm, kernel):
    """What the kernel prints on its own console, of itself."""
    vm.wait_console(kernel, "mpart-guest: ready=1", 90)
    text = vm.console(kernel)

    def value(pattern):
        return re.search(pattern, text).group(1)

    at = vm.mark(kernel)
    uptime = vm.wait_console(kernel, r"heartbeat=\d+ uptime=([\d.]+)\s", 60, at).group(1)
    return report(value(r"release=(\S+)"), value(r"cpus=(\d+) "), value(r"apicids=(\S+)"),
                  value(r"mem_total_kb=(\d+)"), uptime)


def main():
    print("Starting a machine: 4 NUMA nodes, 8 CPUs, 4 GiB, Debian 12 ...", flush=True)
    with VM(sys.argv[1]) as vm:
        show(vm, "mpartctl machine")
        show(vm, "mpartctl plan --per-numa --save")
        show(vm, "mpartctl cmdline 3")
        show(vm, "mpartctl export grub")
        show(vm, "mpartctl apply --dry-run")
        print("\n# mpartctl apply", flush=True)
        vm.restart("mpartctl apply --yes", 240)
        print("(the primary has started again, through kexec)", flush=True)
        show(vm, "mpartctl boot kernel 3 --image /boot/vmlinuz-$(uname -r) --initrd /boot/guest.img")
        show(vm, "mpartctl boot all --image /boot/vmlinuz-$(uname -r) --initrd /boot/guest.img")
        show(vm, "mpartctl list")
        show(vm, "busctl get-property org.mpartd1 /org/mpartd1/kernel/3 org.mpartd1.Kernel State")

        print("\nFour kernels run at once. Each says of itself:\n")
        print(f"kernel   {'uname -r':26} CPUs   APIC ids     memory        uptime")
        print(f"0        {primary_says(vm)}", flush=True)
        for kernel in KERNELS:
            print(f"{kernel}        {secondary_says(vm, kernel)}", flush=True)
        show(vm, "mpartctl stop kernel 3")
        show(vm, "cat /sys/devices/system/cpu/online")


if __name__ == "__main__":
    main()
