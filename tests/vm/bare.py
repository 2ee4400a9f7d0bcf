# SPDX-License-Identifier: GPL-2.0-or-later
"""A bare QEMU that runs what libmpart builds for one secondary: its memory is a file, the segments are written into
it, and a ROM switches the PM timer on and jumps to the start address in real mode, as a SIPI would."""
import json
import re
import socket
import struct
import subprocess
import time
from pathlib import Path

DEADLINE = 120
GIB = 1 << 30
MIB = 1 << 20
Q35_LOW_MEMORY = 2 * GIB  # with more than 2.75 GiB of RAM, what is beyond lies from 4 GiB on
PAGE = 4096
PARK = 0x30  # in the page of the start code
SHUTDOWN_TYPE = slice(28, 32)  # in the page shared with tboot
LOW_WINDOW = 0x80000
# What firmware writes into the LPC bridge of ICH9 (bus 0, device 31): where the PM timer is, and that it counts.
PM_BASE = 0x600
PM_TIMER = PM_BASE + 8
PCI_ADDRESS, PCI_DATA = 0xCF8, 0xCFC
LPC_WRITES = [(0x40, PM_BASE | 1), (0x44, 0x80)]
# Keeps the driver of serial ports away from those that are not in the kernel's ACPI tables.
OTHER_PORTS = "reserve=0x3f8,8,0x3e8,8,0x2e8,8"


def tsc_khz():
    """TCG hands the host's TSC on; nothing hangs on how exact this is."""
    match = re.search(r"cpu MHz\s*: ([0-9.]+)", Path("/proc/cpuinfo").read_text())
    return int(float(match.group(1)) * 1000)


def command_line(*more):
    """What a secondary is started with. TCG's TSC is steady, but it does not say so."""
    words = ["console=ttyS1,115200", "no_ipi_broadcast=1", "panic=0", "reboot=acpi", "pci=off", "tsc=reliable",
             f"tsc_early_khz={tsc_khz()}"]
    return " ".join([*words, OTHER_PORTS, *more])


def is_ready(machine):
    return "mpart-guest: ready=1" in machine.console(1)


def is_parked(machine):
    """The kernel has said that it restarts, and the CPU that did so stands for good."""
    park = machine.address["start"] + PARK
    page = machine.read(machine.address["reset"] & -PAGE, PAGE)
    return page[SHUTDOWN_TYPE] == bytes(4) and any(park <= at < park + 8 for at in machine.halted_at())


def rom(start):
    """64 KiB of real mode up to 4 GiB, entered 16 bytes before its end."""
    def out(port, value):
        return b"\x66\xb8" + struct.pack("<I", value) + b"\xba" + struct.pack("<H", port) + b"\x66\xef"

    code = b"".join(out(PCI_ADDRESS, 0x80000000 | 31 << 11 | register) + out(PCI_DATA, value)
                    for register, value in LPC_WRITES)
    code += b"\xea" + struct.pack("<HH", 0, start >> 4)  # ljmpw
    entry = b"\xe9" + struct.pack("<H", 0x10000 - 0xFFF3)  # jmp to the first byte
    return code.ljust(0xFFF0, b"\0") + entry.ljust(16, b"\0")


class Machine:
    """One run of QEMU with what make-boot has made."""

    def __init__(self, directory, memory, cpus, ram=GIB):
        self.directory, self.memory, self.cpus, self.ram = Path(directory), memory, cpus, ram
        self.split = Q35_LOW_MEMORY if ram > 2816 * MIB else ram

    def file_offset(self, address):
        return address if address < 4 * GIB else address - 4 * GIB + self.split

    def build(self, make_boot, kernel, ramdisk, cmdline):
        words = [make_boot, "--kernel", kernel, "--ramdisk", ramdisk, "--cmdline", cmdline, "--low", hex(LOW_WINDOW),
                 "--pm-timer", hex(PM_TIMER)]
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
        (self.directory / "rom").write_bytes(rom(self.address["start"]))
        backend = f"memory-backend-file,id=ram,share=on,size={self.ram},mem-path={self.ram_file}"
        words = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-accel", "tcg"]
        words += ["-machine", "q35,memory-backend=ram", "-object", backend, "-m", f"{self.ram // MIB}M"]
        words += ["-cpu", "max,-cx16", "-smp", str(len(self.cpus)), "-bios", self.directory / "rom"]
        words += ["-qmp", f"unix:{self.directory}/qmp,server=on,wait=off"]
        return words + ["-serial", f"file:{self.directory}/ttyS0", "-serial", f"file:{self.directory}/ttyS1"]

    def console(self, number):
        path = self.directory / f"ttyS{number}"
        return path.read_text(errors="replace") if path.exists() else ""

    def run(self, done):
        """Until `done(self)` or the deadline; what ttyS1 then says."""
        with self:
            self.wait(done)
            return self.console(1)

    def __enter__(self):
        self.write_memory()
        self.qemu = subprocess.Popen(self.arguments())
        return self

    def __exit__(self, *_):
        self.qemu.kill()
        self.qemu.wait()

    def wait(self, done):
        end = time.monotonic() + DEADLINE
        while not done(self):
            if time.monotonic() > end or self.qemu.poll() is not None:
                raise AssertionError(f"not reached; the console ends in:\n{self.console(1)[-4000:]}")
            time.sleep(0.1)

    def qmp(self, command, **arguments):
        """Tells QEMU, for one `stop` or `cont`, which are for all CPUs; what it answers."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.directory / "qmp"))
            with s.makefile("rw") as f:
                for name, words in ("qmp_capabilities", {}), (command, arguments):
                    f.write(json.dumps({"execute": name, "arguments": words}) + "\n")
                    f.flush()
                    while "return" not in (answer := json.loads(f.readline())):
                        assert "error" not in answer, answer
                return answer["return"]

    def halted_at(self):
        """Addresses at which CPUs stand in HLT."""
        text = self.qmp("human-monitor-command", **{"command-line": "info registers -a"})
        return [int(rip, 16) for rip in re.findall(r"RIP=([0-9a-f]+) .* HLT=1", text)]
