#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures through the built mpartctl: the same plan from the capture as from the machine, nothing private in it, and
nothing unpacked outside its place. Argument: mpartctl."""
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from corpus import corpus, unpacked  # noqa: E402

MPARTCTL = sys.argv[1]
SOURCE = Path(os.environ.get("MPART_SOURCE", Path(__file__).parents[2]))
PRIVATE = {
    "proc/cmdline": "root=UUID=11f2c7f0-aa ro pw=\"secret memmap=1M$2M\" console=ttyS0 quiet\n",
    "etc/hostname": "secret-host\n", "etc/machine-id": "secret\n", "proc/sys/kernel/hostname": "secret-host\n",
    "sys/class/dmi/id/product_serial": "secret-serial\n", "sys/class/net/eth0/address": "52:54:00:11:22:33\n",
    "sys/devices/pci0000:00/0000:00:1f.2/ata1/serial": "secret-serial\n",
}


def run(*arguments, code=0):
    done = subprocess.run([MPARTCTL, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != code:
        raise AssertionError(f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def unzstd(path):
    return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout


class Case(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)
        self.file = self.directory / "machine.tar.zst"

    def synthetic(self):
        root = self.directory / "machine"
        subprocess.run([SOURCE / "tests/tools/synthetic-root.py", "--nodes", "4", "--cpus", "16", "--threads", "2",
                        "--virtual-functions", "3", root], check=True)
        return root

    def assert_same(self, root, policies=("--per-numa", "--per-core")):
        """What planning sees, and every plan, is the same of both."""
        run("capture", self.file, "--root", root)
        for policy in policies:
            direct = subprocess.run([MPARTCTL, "plan", "--json", policy, "--root", root], capture_output=True, text=True)
            again = subprocess.run([MPARTCTL, "plan", "--json", policy, "--root", self.file], capture_output=True,
                                   text=True)
            self.assertEqual((again.returncode, again.stdout), (direct.returncode, direct.stdout))
            self.assertEqual(again.stderr.replace(str(self.file), str(root)), direct.stderr)
        seen, captured = (subprocess.run([MPARTCTL, "machine", "--json", "--root", place], capture_output=True,
                                         text=True).stdout for place in (root, self.file))
        self.assertEqual(captured, seen)


class Same(Case):
    def test_synthetic_machine(self):
        self.assert_same(self.synthetic())

    def test_captures_are_reproducible_and_can_be_captured(self):
        root = self.synthetic()
        self.assert_same(root)
        first, again = self.file.read_bytes(), self.directory / "again.tar.zst"
        run("capture", again, "--root", root)
        self.assertEqual(again.read_bytes(), first)
        unpacked_again = self.directory / "unpacked"
        unpacked_again.mkdir()
        subprocess.run(["tar", "--zstd", "-xf", self.file, "-C", unpacked_again], check=True)
        self.assert_same(unpacked_again)

    def test_machines_of_the_corpus(self):
        machines = corpus("machines")
        if not machines:
            self.skipTest("no captured machines (MPART_CORPUS names their directory)")
        for archive in sorted(machines.glob("*.tar.xz")):
            with self.subTest(machine=archive.name), unpacked(archive) as root:
                self.assert_same(root, ["--per-numa"])

    def test_archives_of_other_compression(self):
        root, archive = self.synthetic(), self.directory / "machine.tar.xz"
        subprocess.run(["tar", "-cJf", archive, "-C", root, "."], check=True)
        self.assertEqual(run("plan", "--json", "--root", archive).stdout, run("plan", "--json", "--root", root).stdout)


class Private(Case):
    def test_nothing_private(self):
        root = self.synthetic()
        for name, text in PRIVATE.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        config = root / "sys/devices/pci0000:00/0000:00:1f.2/config"
        config.write_bytes(config.read_bytes()[:16] + b"\xa5" * 4080)  # capabilities may hold a serial number
        run("capture", self.file, "--root", root)
        data = unzstd(self.file)
        for word in (b"secret", b"UUID", b"52:54", b"GenuineIntel", b"Synthetic", b"\xa5\xa5", b"quiet"):
            self.assertNotIn(word, data)
        archive = tarfile.open(fileobj=io.BytesIO(data))
        self.assertEqual(archive.extractfile("proc/cmdline").read(), b"console=ttyS0 \n")
        for member in archive:
            self.assertEqual((member.uid, member.gid, member.uname, member.gname, member.mtime), (0, 0, "", "", 0))
            self.assertRegex(member.name, r"\A(proc|sys)/")
            self.assertFalse(re.search(r"serial_|/net/|dmi|ata1|uuid", member.name), member.name)


class Hostile(Case):
    def archive(self, *members):
        with tarfile.open(self.file, "w") as tar:
            for member, data in members:
                tar.addfile(member, io.BytesIO(data))

    def member(self, name, data=b"", link=None, kind=None):
        info = tarfile.TarInfo(name)
        info.size, info.type = len(data), kind or tarfile.REGTYPE
        if link is not None:
            info.type, info.linkname = kind or tarfile.SYMTYPE, link
        return info, data

    def assert_refused(self, pattern):
        done = run("plan", "--root", self.file, code=1)
        self.assertRegex(done.stderr, r"\Ampartctl: [^\n]*" + pattern + r"[^\n]*\n\Z")
        self.assertNotIn("/mpart.", done.stderr)

    def test_paths_out_of_the_tree(self):
        for name in ("../escaped", "/escaped", "proc/../../escaped"):
            with self.subTest(name=name):
                self.archive(self.member(name, b"x"))
                self.assert_refused("leads out of the archive")
                self.assertEqual(list(self.directory.iterdir()), [self.file])

    def test_links_out_of_the_tree(self):
        outside = self.directory / "iomem"
        outside.write_text("00001000-3fffffff : System RAM\n")
        flags = self.member("proc/cpuinfo", b"processor : 0\nflags : lm\n")
        cpu = self.member("sys/devices/system/cpu/cpu0", kind=tarfile.DIRTYPE)
        for target in (str(outside), "../" * 20 + str(outside), f"a/../../..{outside}"):
            with self.subTest(target=target):
                self.archive(flags, cpu, self.member("proc/iomem", link=target))
                self.assert_refused("no memory map")

    def test_nothing_is_written_through_a_link(self):
        self.archive(self.member("sys", link="proc"), self.member("sys/x", b"x"))
        self.assert_refused("cannot be unpacked")

    def test_files_twice_and_files_as_directories(self):
        self.archive(self.member("proc/iomem", b"a"), self.member("proc/iomem", b"b"))
        self.assert_refused("twice")
        self.archive(self.member("proc", b"a"), self.member("proc/iomem", b"b"))
        self.assert_refused("cannot be unpacked")

    def test_devices_and_hard_links_are_left_out(self):
        self.archive(self.member("proc/iomem", link="/etc/passwd", kind=tarfile.LNKTYPE),
                     self.member("proc/cpuinfo", kind=tarfile.FIFOTYPE),
                     self.member("proc/zoneinfo", kind=tarfile.CHRTYPE))
        self.assert_refused("no memory map")

    def test_huge_files(self):
        data = b"0" * (65 << 20)
        self.archive(self.member("proc/iomem", data))
        subprocess.run(["zstd", "-q", "--rm", self.file, "-o", self.directory / "huge"], check=True)
        (self.directory / "huge").rename(self.file)
        self.assert_refused("larger than any file of a machine")

    def test_no_archive(self):
        self.file.write_bytes(b"no archive at all" * 1000)
        self.assert_refused("is not an archive of a machine")


class Use(Case):
    def test_capture_cannot_be_written(self):
        done = run("capture", self.directory / "no/such/directory", "--root", self.synthetic(), code=1)
        self.assertIn("cannot be written", done.stderr)

    def test_capture_of_hidden_addresses_is_refused(self):
        root = self.synthetic()
        iomem = root / "proc/iomem"
        iomem.write_text(re.sub(r"[0-9a-f]{8,}-[0-9a-f]{8,}", "00000000-00000000", iomem.read_text()))
        self.assertIn("root", run("capture", self.file, "--root", root, code=1).stderr)
        self.assertFalse(self.file.exists())

    def test_machine_of_a_capture(self):
        root = self.synthetic()
        run("capture", self.file, "--root", root)
        self.assertEqual(len(json.loads(run("machine", "--json", "--root", self.file).stdout)["nodes"]), 4)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
