# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the built mpartctl, the first argument of the script, on made-up machines and without a daemon."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

MPARTCTL = sys.argv[1]
SOURCE = Path(os.environ.get("MPART_SOURCE", Path(__file__).parents[2]))
NO_BUS = "unix:path=/nonexistent"


def run(*arguments, code=0, env=None):
    """Runs mpartctl where no bus is; returns what it printed after checking its exit code."""
    done = subprocess.run([MPARTCTL, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": NO_BUS, **(env or {})})
    if done.returncode != code:
        raise AssertionError(f"mpartctl {arguments}: exit code {done.returncode}, wanted {code}\n"
                             f"{done.stdout}{done.stderr}")
    return done


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.directory = Path(cls.scratch.name)

    @classmethod
    def machine(cls, *options):
        name = "-".join(["machine", *options]).replace("/", "_").replace(" ", "_")
        root = cls.directory / name
        if not root.exists():
            subprocess.run([SOURCE / "tests/tools/synthetic-root.py", *options, root], check=True)
        return root

    def assert_one_sentence(self, text):
        self.assertRegex(text, r"\Ampartctl: [^\n]+\n\Z")
