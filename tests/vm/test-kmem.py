#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks into the memory of stock kernels while they run and after they have died, and compares with what other tools
make of the same memory. Arguments: make-boot, kmem-tool, find-vmcoreinfo, the build directory.

Kernels and makedumpfile are fetched from Debian's archive and unpacked; what cannot be had is skipped.
$MPART_TEST_SUITES chooses: "bullseye bookworm bookworm-backports" (5.10, 6.1, 6.12)."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from bare import MIB, Machine, command_line, is_parked, is_ready

MAKE_BOOT, KMEM_TOOL, FIND_VMCOREINFO, BUILD = sys.argv[1:5]
HERE = Path(__file__).resolve().parent
VMCORE_DMESG = shutil.which("vmcore-dmesg", path="/usr/sbin:/sbin:/usr/bin")
MEMORY = (256 * MIB, 512 * MIB, 0)
PANIC_AT = 3  # heartbeats; the machine stands still while it is looked at
PANIC_TEXT = "Kernel panic - not syncing: sysrq triggered crash"
PANIC_DEADLINE = 60
SUITES = os.environ.get("MPART_TEST_SUITES", "bullseye bookworm bookworm-backports").split()
STATE = re.compile(r"system_state=(-?\d+) panic_cpu=(-?\d+) jiffies=(\d+)")


def fetch(suite, package):
    """Where it is unpacked, or None."""
    done = subprocess.run([HERE / "fetch-package.sh", BUILD, suite, package], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        print(f"{package} of {suite} cannot be had: {done.stdout[-500:]}", file=sys.stderr)
        return None
    return Path(BUILD) / "vm" / suite


def find_makedumpfile():
    """Its path and its environment, or None."""
    installed = shutil.which("makedumpfile", path="/usr/sbin:/usr/bin")
    if installed:
        return installed, os.environ
    for package in "makedumpfile", "liblzo2-2", "libsnappy1v5":
        tree = fetch("bookworm", package)
        if not tree:
            return None
    libraries = f"{tree}/usr/lib/x86_64-linux-gnu:{tree}/lib/x86_64-linux-gnu"
    return tree / "usr/bin/makedumpfile", {**os.environ, "LD_LIBRARY_PATH": libraries}


def without_indent(log):
    """makedumpfile indents the further lines of a record."""
    return [line.strip() for line in log.splitlines()]


class Running(Machine):
    def tool(self, *command, check=True):
        start, size, _ = self.memory[0]
        return subprocess.run([KMEM_TOOL, command[0], self.ram_file, f"{start:#x}:{size:#x}"], check=check,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def state(self):
        """system_state, panic_cpu, jiffies; None: unknown."""
        match = STATE.search(self.tool("state").stdout.decode())
        return match and tuple(int(number) for number in match.groups())


class Kernels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kmem-")
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.ramdisk = Path(cls.scratch.name) / "guest.img"
        subprocess.run([HERE / "build-initrd.sh", cls.ramdisk], check=True)
        cls.makedumpfile = find_makedumpfile()

    def boot(self, suite, *more):
        if suite not in SUITES:
            self.skipTest(f"{suite} is not in MPART_TEST_SUITES")
        tree = fetch(suite, "linux-image-cloud-amd64")
        if not tree:
            self.skipTest(f"no kernel of {suite}")
        kernel = next(tree.glob("boot/vmlinuz-*"))
        directory = self.enterContext(tempfile.TemporaryDirectory(dir=self.scratch.name))
        machine = Running(directory, (MEMORY,), ((0, 0), (1, 0)))
        machine.build(MAKE_BOOT, kernel, self.ramdisk, command_line(f"guest_panic_at={PANIC_AT}", *more))
        self.release = kernel.name.removeprefix("vmlinuz-")
        return self.enterContext(machine)

    def figures(self, what, run):
        print(f"{self.release}: {what}: {run.stderr.decode().strip()}", file=sys.stderr)

    def check_log(self, machine, *texts):
        """The log is that of vmcore-dmesg, byte for byte."""
        core = machine.directory / "core"
        start = time.monotonic()
        self.figures("dump", machine.tool(f"vmcore={core}"))
        rate = MEMORY[1] / MIB / (time.monotonic() - start)
        print(f"{self.release}: dump: {rate:.0f} MiB/s", file=sys.stderr)
        theirs = subprocess.run([VMCORE_DMESG, core], stdout=subprocess.PIPE, check=True).stdout
        run = machine.tool("log")
        self.figures("log", run)
        self.assertEqual(run.stdout, theirs)
        for text in texts:
            self.assertIn(text.encode(), run.stdout)

        records = [json.loads(line) for line in machine.tool("log-json").stdout.splitlines()]
        self.assertEqual([r["seq"] for r in records], list(range(len(records))))
        self.assertLessEqual({r["level"] for r in records}, set(range(8)))
        self.assertEqual({r["facility"] for r in records if "mpart-guest" not in r["text"]} - {0, 3}, set())
        self.check_dump(core, theirs)

    def check_dump(self, core, log):
        """makedumpfile finds its way: the log, and a dump without zero pages, whose log is the same again."""
        if not self.makedumpfile:
            return
        program, env = self.makedumpfile
        out = core.with_name("filtered")
        for options in ["--dump-dmesg"], ["-d", "1", "-c"], ["-d", "31", "-E"]:
            out.unlink(missing_ok=True)
            done = subprocess.run([program, *options, core, out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, env=env, check=False)
            self.assertEqual(done.returncode, 0, f"makedumpfile {options}: {done.stdout}")
            if "--dump-dmesg" in options:
                self.assertEqual(without_indent(out.read_bytes()), without_indent(log))
            if "-E" in options:
                self.assertEqual(subprocess.run([VMCORE_DMESG, out], stdout=subprocess.PIPE, check=True).stdout, log)
                self.assertLess(out.stat().st_size, core.stat().st_size / 2)

    def check_symbols(self, machine):
        """The tables agree with VMCOREINFO where both name a symbol."""
        start, size, _ = machine.memory[0]
        both = ["_stext", "prb", "init_uts_ns"]
        others = ["system_state", "panic_cpu", "jiffies_64", "init_task", "start_kernel"]
        run = machine.tool("find=" + ",".join([*both, *others, "no_such"]))
        self.figures("symbols", run)
        found = {name: int(value, 16) for name, value in (line.split("=") for line in run.stdout.decode().split())}
        told = subprocess.run([FIND_VMCOREINFO, machine.ram_file, hex(start), hex(size),
                               *[f"SYMBOL({name})" for name in both]], stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual([found[name] for name in both], [int(word, 16) for word in told.stdout.split()[1:]])
        self.assertEqual(found["no_such"], 0)
        for name in others:
            self.assertGreater(found[name], found["_stext"], name)

    def wait_panic(self, machine):
        """Seconds from the console's word to ours."""
        machine.wait(lambda m: PANIC_TEXT in m.console(1))
        start = time.monotonic()
        while (state := machine.state()) and state[1] < 0:
            self.assertLess(time.monotonic() - start, PANIC_DEADLINE)
        print(f"{self.release}: panic seen {time.monotonic() - start:.2f} s after the console", file=sys.stderr)
        machine.wait(lambda m: "---[ end Kernel panic" in m.console(1))

    def check_life_and_death(self, suite, has_symbols):
        machine = self.boot(suite)
        machine.wait(is_ready)
        machine.qmp("stop")
        self.check_log(machine, f"Linux version {self.release} ", "Run /init as init process")
        if has_symbols:
            self.check_symbols(machine)
            system_state, panic_cpu, jiffies = machine.state()
            self.assertEqual((system_state, panic_cpu), (3, -1))
            machine.qmp("cont")
            machine.wait(lambda m: m.state()[2] > jiffies)
        else:
            self.assertIsNone(machine.state())
            self.assertIn(b"6.0", machine.tool("find=jiffies", check=False).stderr)
            machine.qmp("cont")

        self.wait_panic(machine)
        if has_symbols:
            self.assertIn(machine.state()[1], (0, 1))
        machine.qmp("stop")
        self.check_log(machine, PANIC_TEXT, "---[ end Kernel panic")

    def test_5_10(self):
        self.check_life_and_death("bullseye", False)

    def test_6_1(self):
        self.check_life_and_death("bookworm", True)

    def test_6_12(self):
        self.check_life_and_death("bookworm-backports", True)

    def check_restarts(self, suite):
        """The CPU is parked before the kernel comes to anything that resets the machine, in an emergency, too."""
        for way in "guest_reboot_at=1", "guest_reset_at=1":
            self.boot(suite, way).wait(is_parked)

    def test_restarts_of_5_10(self):
        self.check_restarts("bullseye")

    def test_restarts_of_6_1(self):
        self.check_restarts("bookworm")

    def test_restarts_of_6_12(self):
        self.check_restarts("bookworm-backports")

    def test_four_levels_without_kaslr(self):
        machine = self.boot("bookworm", "no5lvl", "nokaslr")
        machine.wait(is_ready)
        machine.qmp("stop")
        self.assertIn(b"page_offset=0xffff888000000000 five_levels=0", machine.tool("state").stdout)
        self.check_log(machine, "Linux version")
        self.check_symbols(machine)

    def test_following(self):
        """What is followed while the kernel writes is what there is in the end."""
        machine = self.boot("bookworm", "log_buf_len=1M")
        machine.wait(is_ready)
        start, size, _ = machine.memory[0]
        followed = machine.directory / "followed"
        with open(followed, "wb") as f:
            process = subprocess.Popen([KMEM_TOOL, "follow", machine.ram_file, f"{start:#x}:{size:#x}"], stdout=f)
        try:
            self.wait_panic(machine)
            time.sleep(2)
        finally:
            process.kill()
            process.wait()
        whole = machine.tool("log").stdout
        self.assertEqual(followed.read_bytes(), whole)


if __name__ == "__main__":
    if not VMCORE_DMESG:
        print("no vmcore-dmesg: install kexec-tools", file=sys.stderr)
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[5:], verbosity=2)
