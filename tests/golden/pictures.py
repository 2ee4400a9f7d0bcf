#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures of plans: well-formed, complete, and one of them byte for byte.

usage: pictures.py MPARTCTL [--regenerate]
"""
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

MPARTCTL = sys.argv[1]
SOURCE = Path(os.environ.get("MPART_SOURCE", Path(__file__).parents[2]))
GOLDEN = Path(__file__).parent / "pictures/two-nodes.svg"
SVG = "{http://www.w3.org/2000/svg}"


class Case(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)

    def machine(self, *options):
        root = self.directory / "machine"
        subprocess.run([SOURCE / "tests/tools/synthetic-root.py", *options, root], check=True)
        return root

    def draw(self, root, *options):
        """(text of the picture, plan document)"""
        picture, plan = self.directory / "plan.svg", self.directory / "plan.json"
        subprocess.run([MPARTCTL, "plan", "--root", root, "--svg", picture, "--output", plan, *options], check=True,
                       stderr=subprocess.DEVNULL)
        return picture.read_text(), json.loads(plan.read_text())

    def assert_complete(self, text, plan):
        svg = ElementTree.fromstring(text)
        told = [node.text or "" for node in svg.iter(f"{SVG}text")]
        width, height = (int(n) for n in svg.get("viewBox").split()[2:])
        for kernel in plan["kernels"]:
            self.assertTrue(any(line.startswith(f"{kernel['name']}: ") for line in told), kernel["name"])
            for r in kernel["memory"]:
                piece = f"{kernel['name']}: {r['start']:#x}-{r['start'] + r['size'] - 1:#x}, "
                self.assertTrue(any((t.text or "").startswith(piece) for t in svg.iter(f"{SVG}title")), piece)
        for node in plan["nodes"] if "nodes" in plan else plan["machine"]["nodes"]:
            self.assertIsNotNone(svg.find(f".//{SVG}g[@id='node{node['id']}']"))
        boxes = [tuple(int(box.get(a)) for a in ("x", "y", "width", "height")) for box in svg.iter(f"{SVG}rect")]
        for x, y, w, h in boxes:
            self.assertTrue(0 <= x and x + w <= width and 0 <= y and y + h <= height, (x, y, w, h))
        for box in svg.iter(f"{SVG}rect"):  # every fill that is used is defined
            name = re.fullmatch(r"url\(#(\w+)\)", box.get("fill"))
            self.assertTrue(not name or svg.find(f".//{SVG}pattern[@id='{name.group(1)}']") is not None)


class Pictures(Case):
    def test_golden(self):
        text, plan = self.draw(self.machine("--nodes", "2", "--cpus", "8", "--threads", "2"))
        self.assert_complete(text, plan)
        if "--regenerate" in sys.argv:
            GOLDEN.parent.mkdir(exist_ok=True)
            GOLDEN.write_text(text)
        self.assertEqual(text, GOLDEN.read_text())

    def test_many_nodes_devices_and_kernels(self):
        root = self.machine("--nodes", "16", "--cpus", "64", "--virtual-functions", "60")
        self.assert_complete(*self.draw(root))
        self.assert_complete(*self.draw(root, "--per-core", "--image-size", "32M"))

    def test_picture_cannot_be_written(self):
        done = subprocess.run([MPARTCTL, "plan", "--root", self.machine(), "--svg", self.directory / "no/such"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"(?m)^mpartctl: .*no/such cannot be written")


class Bars(Case):
    def on_terminal(self, root, **env):
        master, slave = pty.openpty()
        child = subprocess.Popen([MPARTCTL, "plan", "--root", root], stdout=slave, stderr=subprocess.DEVNULL,
                                 env={**os.environ, "LC_ALL": "C", "TERM": "dumb", **env})
        os.close(slave)
        out = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        self.assertEqual(child.wait(), 0)
        return out.decode().replace("\r\n", "\n")

    def test_bars(self):
        root = self.machine("--nodes", "2", "--cpus", "4")
        self.assertRegex(self.on_terminal(root), r"\Anode 0    #+0#+ 1023\.\d+ MiB\nnode 1    #+1#+ 1 GiB\n\nKERNEL")
        self.assertRegex(self.on_terminal(root, LC_ALL="C.UTF-8"), "\\Anode 0    \u2588+0\u2588+ ")
        self.assertIn("\033[38;5;214m", self.on_terminal(root, TERM="xterm"))
        self.assertNotIn("\033", self.on_terminal(root, TERM="xterm", NO_COLOR="1"))

    def test_none_in_a_pipe(self):
        done = subprocess.run([MPARTCTL, "plan", "--root", self.machine()], capture_output=True, text=True)
        self.assertTrue(done.stdout.startswith("KERNEL"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
