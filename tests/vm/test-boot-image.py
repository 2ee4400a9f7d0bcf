#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots what libmpart builds, without a primary: QEMU's memory is a file, filled with garbage where the kernel's
memory is; the segments are written into it, and a ROM jumps to the start address in real mode, as a SIPI would.
Arguments: make-boot, find-vmcoreinfo, the build directory.

The kernel is a stock one: $MPART_TEST_KERNEL, or that of the test machine's image, or the newest in /boot."""
import mmap
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from bare import GIB, MIB, PM_TIMER, Machine, command_line, is_parked, is_ready

MAKE_BOOT, FIND_VMCOREINFO, BUILD = sys.argv[1:4]
HERE = Path(__file__).resolve().parent
RESET_VALUE = 0x5A
REACHED = 0x6D706172
ACPI_COMPLAINT = re.compile(
    r".*(?:ACPI (?:BIOS )?(?:Error|Warning|Exception)|ACPI: .*[Ii]nvalid|Firmware (?:Bug|Warn)).*")


def find_kernel():
    named = os.environ.get("MPART_TEST_KERNEL")
    if named:
        return Path(named)
    image = Path(BUILD) / "vm/vmlinuz"
    installed = sorted(Path("/boot").glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    return next((path for path in [image, *reversed(installed)] if path.exists()), None)


class Boot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="boot-image-")
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.ramdisk = Path(cls.scratch.name) / "guest.img"
        cls.kernels = Path(cls.scratch.name) / "kernels"
        subprocess.run([HERE / "build-initrd.sh", cls.ramdisk], check=True)
        subprocess.run([HERE / "image-kernels.py", KERNEL, cls.kernels], check=True)

    def boot(self, kernel, *more, memory=((256 * MIB, 512 * MIB, 0),), cpus=((0, 0), (1, 0)), ram=GIB, done=is_ready):
        directory = self.enterContext(tempfile.TemporaryDirectory(dir=self.scratch.name))
        machine = Machine(directory, memory, cpus, ram)
        machine.build(MAKE_BOOT, kernel, self.ramdisk, command_line(*more))
        return machine, machine.run(done)

    def check_log(self, machine, log):
        self.assertIn("mpart-guest: cpus=2 online=0-1 apicids=0,1", log)
        self.assertRegex(log, r"ttyS1 at I/O 0x2f8 \(irq = 0, ")
        self.assertIn(f"ACPI: PM-Timer IO Port: {PM_TIMER:#x}", log)
        self.assertRegex(log, "clocksource: acpi_pm: ")  # it counts
        self.assertEqual(ACPI_COMPLAINT.findall(log), [])
        self.assertNotIn("ttyS0", log)
        self.assertEqual(machine.console(0), "")
        self.assertEqual(machine.read(machine.address["reached"], 4), struct.pack("<I", REACHED))
        self.assertEqual(machine.read(machine.address["reset"], 1), b"\0")

    def test_bzimage(self):
        machine, log = self.boot(KERNEL)
        self.check_log(machine, log)
        start, size, _ = machine.memory[0]
        out = subprocess.run([FIND_VMCOREINFO, machine.ram_file, hex(start), hex(size), "OSRELEASE", "PAGESIZE"],
                             check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        self.assertIn(f"mpart-guest: release={out[1]}", log)
        self.assertEqual(out[2], str(mmap.PAGESIZE))

    def test_vmlinux(self):
        self.check_log(*self.boot(self.kernels / "vmlinux"))

    def test_two_nodes_above_4_gib(self):
        memory = ((4 * GIB, 256 * MIB, 5), (5 * GIB, 512 * MIB, 2))
        machine, log = self.boot(KERNEL, memory=memory, cpus=((0, 2), (1, 5)), ram=4 * GIB)
        self.check_log(machine, log)
        self.assertIn("mpart-guest: node=0 cpus=0 ", log)
        self.assertIn("mpart-guest: node=1 cpus=1 ", log)

    def test_reboot_parks_the_cpu(self):
        machine, log = self.boot(KERNEL, "guest_reboot_at=1", memory=((4 * GIB, 512 * MIB, 0),), ram=4 * GIB,
                                 done=is_parked)
        self.assertIn("reboot: machine restart", log)
        self.assertEqual(machine.read(machine.address["reset"], 1), b"\0")

    def test_reboot_without_tboot_writes_the_reset_byte(self):
        def has_reset(machine):
            return machine.read(machine.address["reset"], 1) == bytes([RESET_VALUE])

        # The machine has no one to stop its CPUs, so what comes after the byte does not count.
        _, log = self.boot(KERNEL, "mpart.tboot=off guest_reboot_at=1", done=has_reset)
        self.assertIn("reboot: machine restart", log)


KERNEL = find_kernel()
if __name__ == "__main__":
    if not KERNEL:
        print("no kernel: set MPART_TEST_KERNEL", file=sys.stderr)
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
