#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots what libmpart builds, without a primary: QEMU's memory is a file, filled with garbage where the kernel's
memory is; the segments are written into it, and a ROM of one instruction jumps to the start address in real mode, as a
SIPI would. Arguments: make-boot, find-vmcoreinfo, the build directory.

The kernel is a stock one: $MPART_TEST_KERNEL, or that of the test machine's image, or the newest in /boot."""
import mmap
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

MAKE_BOOT, FIND_VMCOREINFO, BUILD = sys.argv[1:4]
HERE = Path(__file__).resolve().parent
DEADLINE = 120
GIB = 1 << 30
MIB = 1 << 20
Q35_LOW_MEMORY = 2 * GIB  # with more than 2.75 GiB of RAM, what is beyond lies from 4 GiB on
LOW_WINDOW = 0x80000
RESET_VALUE = 0x5A
REACHED = 0x6D706172
# Keeps the driver of serial ports away from those that are not in the kernel's ACPI tables.
OTHER_PORTS = "reserve=0x3f8,8,0x3e8,8,0x2e8,8"
ACPI_COMPLAINT = re.compile(
    r".*(?:ACPI (?:BIOS )?(?:Error|Warning|Exception)|ACPI: .*[Ii]nvalid|Firmware (?:Bug|Warn)).*")


def find_kernel():
    named = os.environ.get("MPART_TEST_KERNEL")
    if named:
        return Path(named)
    image = Path(BUILD) / "vm/vmlinuz"
    installed = sorted(Path("/boot").glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    return next((path for path in [image, *reversed(installed)] if path.exists()), None)


def tsc_khz():
    """TCG hands the host's TSC on; nothing hangs on how exact this is."""
    match = re.search(r"cpu MHz\s*: ([0-9.]+)", Path("/proc/cpuinfo").read_text())
    return int(float(match.group(1)) * 1000)


class Machine:
    """One run of QEMU with what make-boot has made."""

    def __init__(self, directory, memory, cpus, ram=GIB):
        self.directory, self.memory, self.cpus, self.ram = Path(directory), memory, cpus, ram
        self.split = Q35_LOW_MEMORY if ram > 2816 * MIB else ram

    def file_offset(self, address):
        return address if address < 4 * GIB else address - 4 * GIB + self.split

    def build(self, kernel, ramdisk, cmdline):
        words = [MAKE_BOOT, "--kernel", kernel, "--ramdisk", ramdisk, "--cmdline", cmdline, "--low", hex(LOW_WINDOW)]
        for start, size, node in self.memory:
            words += ["--memory", f"{start:#x}:{size:#x}:{node}"]
        for apic_id, node in self.cpus:
            words += ["--cpu", f"{apic_id}:{node}"]
        out = subprocess.run([*words, self.directory], check=True, stdout=subprocess.PIPE, text=True).stdout
        lines = [line.split() for line in out.splitlines()]
        self.segments = [(int(w[1], 16), int(w[2], 16), w[3]) for w in lines if w[0] == "segment"]
        self.address = {w[0]: int(w[1], 16) for w in lines if w[0] in ("start", "reached", "reset")}

    def write_memory(self):
        self.ram_file = self.directory / "ram"
        with open(self.ram_file, "wb") as f:
            f.truncate(self.ram)
            for start, size, _ in self.memory:
                f.seek(self.file_offset(start))
                for _ in range(size // MIB):
                    f.write(b"\xa5" * MIB)
            for address, size, name in self.segments:
                f.seek(self.file_offset(address))
                f.write((Path(name).read_bytes() if name != "-" else b"").ljust(size, b"\0"))

    def read(self, address, size):
        with open(self.ram_file, "rb") as f:
            f.seek(self.file_offset(address))
            return f.read(size)

    def arguments(self):
        rom = bytearray(64 << 10)
        rom[-16:-11] = b"\xea" + struct.pack("<HH", 0, self.address["start"] >> 4)  # ljmpw
        (self.directory / "rom").write_bytes(rom)
        backend = f"memory-backend-file,id=ram,share=on,size={self.ram},mem-path={self.ram_file}"
        words = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-accel", "tcg"]
        words += ["-machine", "q35,memory-backend=ram", "-object", backend, "-m", f"{self.ram // MIB}M"]
        words += ["-cpu", "max,-cx16", "-smp", str(len(self.cpus)), "-bios", self.directory / "rom"]
        return words + ["-serial", f"file:{self.directory}/ttyS0", "-serial", f"file:{self.directory}/ttyS1"]

    def console(self, number):
        path = self.directory / f"ttyS{number}"
        return path.read_text(errors="replace") if path.exists() else ""

    def run(self, done):
        """Until `done(self)` or the deadline; what ttyS1 then says."""
        self.write_memory()
        qemu = subprocess.Popen(self.arguments())
        try:
            end = time.monotonic() + DEADLINE
            while not done(self):
                if time.monotonic() > end or qemu.poll() is not None:
                    raise AssertionError(f"not reached; the console ends in:\n{self.console(1)[-4000:]}")
                time.sleep(0.1)
            return self.console(1)
        finally:
            qemu.kill()
            qemu.wait()


def is_ready(machine):
    return "mpart-guest: ready=1" in machine.console(1)


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
        # What a secondary is started with. TCG's TSC is steady, but it does not say so.
        words = ["console=ttyS1,115200", "no_ipi_broadcast=1", "panic=0", "reboot=acpi", "pci=off", "tsc=reliable",
                 f"tsc_early_khz={tsc_khz()}"]
        machine.build(kernel, self.ramdisk, " ".join([*words, OTHER_PORTS, *more]))
        return machine, machine.run(done)

    def check_log(self, machine, log):
        self.assertIn("mpart-guest: cpus=2 online=0-1 apicids=0,1", log)
        self.assertRegex(log, r"ttyS1 at I/O 0x2f8 \(irq = 0, ")
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

    def test_reboot_writes_the_reset_byte(self):
        def has_reset(machine):
            return machine.read(machine.address["reset"], 1) == bytes([RESET_VALUE])

        # The machine has no one to stop its CPUs, so what comes after the byte does not count.
        _, log = self.boot(KERNEL, "guest_reboot_at=1", done=has_reset)
        self.assertIn("reboot: machine restart", log)


KERNEL = find_kernel()
if __name__ == "__main__":
    if not KERNEL:
        print("no kernel: set MPART_TEST_KERNEL", file=sys.stderr)
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
