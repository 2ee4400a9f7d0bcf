#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""selftest.py BUILDDIR: prove that the test machine does what vm.py promises. build-image.sh ran before."""

import re
import sys
import time
import unittest
from pathlib import Path

from vm import COMMAND_LINE, VM, Machine, Restarted, Result, VMError, x2apic_machine

BUILDDIR = "build"
# What a test of the native backend asks for: node 3 and a low window left alone.
RESERVED = "memmap=1G$5G memmap=128K$0x10000 iomem=relaxed"


def say(text, since):
    print(f"{time.monotonic() - since:6.1f} s  {text}", flush=True)


class SelfTest(unittest.TestCase):
    """One boot; the tests run in the order of their names."""

    @classmethod
    def setUpClass(cls):
        start = time.monotonic()
        cls.vm = VM(BUILDDIR, Machine())
        cls.addClassCleanup(cls.vm.stop)
        cls.vm.start()
        say("power-on to the command channel", start)

    def test_1_streams_and_exit_status(self):
        self.assertEqual(self.vm.run("echo out; echo err >&2; exit 3"), Result(3, "out\n", "err\n"))
        self.assertEqual(self.vm.run("printf 'a b\\nc'"), Result(0, "a b\nc", ""))
        self.assertEqual(self.vm.run("kill -9 $$").rc, 128 + 9)
        self.assertEqual(len(self.vm.check("head -c 300000 /dev/zero | tr '\\0' x")), 300000)
        self.assertEqual(self.vm.check("cat <<'END'\n" + "é'\"$" * 5000 + "\nEND"), "é'\"$" * 5000 + "\n")
        self.vm.put("/tmp/a file", bytes(range(256)) * 1000, 0o750)
        self.assertEqual(self.vm.check("stat -c '%a %s' '/tmp/a file'"), "750 256000\n")

    def test_2_everything_started(self):
        self.assertEqual(self.vm.settle(), "running", self.vm.check("systemctl --failed"))

    def test_3_nodes(self):
        nodes = "/sys/devices/system/node"
        self.assertEqual(self.vm.check(f"cat {nodes}/online"), "0-3\n")
        self.assertEqual(self.vm.check(f"cat {nodes}/node3/cpulist"), "6-7\n")
        self.assertEqual(self.vm.check(f"cat {nodes}/node0/distance"), "10 20 30 20\n")

    def test_4_deadline(self):
        with self.assertRaisesRegex(VMError, "0.5 s passed"):
            self.vm.wait_console(3, "never said", timeout=0.5)

    def test_5_kexec(self):
        start = time.monotonic()
        before = self.vm.boot
        self.vm.kexec(RESERVED)
        say("kexec to the command channel", start)
        self.assertNotEqual(self.vm.boot, before)
        self.assertIn(RESERVED, self.vm.check("cat /proc/cmdline"))
        self.assertRegex(self.vm.check("cat /proc/iomem"), r"(?m)^00010000-0002ffff : Reserved$")
        self.assertEqual(self.vm.settle(), "running", self.vm.check("systemctl --failed"))

    def test_6_restart_in_a_command(self):
        self.vm.load_kernel("/boot/initrd.img-*", f"{COMMAND_LINE} {RESERVED}")
        with self.assertRaises(Restarted):
            self.vm.run("kexec -e; sleep 99", timeout=120)

    def test_7_ramdisk_of_a_kernel_under_test(self):
        mark = self.vm.mark(1)
        line = "console=ttyS1 nr_cpus=2 tsc=reliable"
        start = time.monotonic()
        self.vm.load_kernel("/boot/guest.img", line)
        self.vm.send("kexec -e")
        self.vm.wait_console(1, r"^mpart-guest: heartbeat=2 ", since=mark)
        say("kexec to the second heartbeat", start)
        said = self.vm.console(1, mark)
        self.assertRegex(said, r"(?m)^mpart-guest: cpus=2 online=0-1 apicids=0,1 numbers=0,1\r$")
        facts = dict(re.findall(r"^mpart-guest: (\w+)=(.*)\r$", said, re.MULTILINE))
        self.assertEqual(facts["cmdline"], line)
        self.assertIn("-cloud-amd64", facts["release"])


class FailureTest(unittest.TestCase):
    def test_machine_that_does_not_start(self):
        with self.assertRaisesRegex(VMError, "nosuch"):
            with VM(BUILDDIR, Machine(cpu="nosuch")):
                pass


class X2apicTest(unittest.TestCase):
    def setUp(self):
        if not (Path(BUILDDIR) / "vm" / "qemu-backports").exists():
            self.skipTest("fetch-qemu.sh has not run")

    def test_mode(self):
        start = time.monotonic()
        with VM(BUILDDIR, x2apic_machine(BUILDDIR), "iomem=relaxed") as vm:
            say("x2APIC machine: power-on to the command channel", start)
            self.assertRegex(vm.check("dmesg"), "Switched APIC routing to cluster x2apic")
            msr = "modprobe msr && dd if=/dev/cpu/7/msr bs=8 count=1 skip=27 iflag=skip_bytes status=none"
            self.assertEqual(vm.check(f"{msr} | od -An -tx8").strip(), "00000000fee00c00")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        BUILDDIR = sys.argv.pop(1)
    unittest.main(failfast=True, verbosity=2)
