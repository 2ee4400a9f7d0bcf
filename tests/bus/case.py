# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests on a private bus have in common. Arguments of each: mpartd, mpartctl."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import dbus

from private_bus import SOURCE, Daemon, PrivateBus

MPARTD, MPARTCTL = sys.argv[1:3]
NO_OPTIONS = dbus.Dictionary(signature="sv")
MANAGER, KERNEL = "org.mpartd1.Manager", "org.mpartd1.Kernel"


def make_root(path, *options):
    tool = SOURCE / "tests/tools/synthetic-root.py"
    subprocess.run([tool, *options, path], check=True, stdout=subprocess.DEVNULL)


def make_plan(root, *options):
    return subprocess.run([MPARTCTL, "plan", "--json", "--root", root, *options], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.root = Path(self.scratch.name) / "machine"
        make_root(self.root, "--nodes", "4", "--cpus", "8", "--node-memory", "2G")
        self.bus = self.enterContext(PrivateBus())
        self.connection = dbus.bus.BusConnection(self.bus.address)
        self.addCleanup(self.connection.close)

    def daemon(self):
        return Daemon(self.bus, MPARTD, self.root)

    def object(self, path="/org/mpartd1"):
        return self.connection.get_object("org.mpartd1", path, introspect=False)

    def manager(self):
        return dbus.Interface(self.object(), MANAGER)

    def property(self, name, path="/org/mpartd1", interface=MANAGER):
        return self.object(path).Get(interface, name, dbus_interface="org.freedesktop.DBus.Properties")

    def assert_error(self, name, call, *arguments, says=""):
        with self.assertRaises(dbus.DBusException) as context:
            call(*arguments)
        self.assertEqual(context.exception.get_dbus_name(), name)
        self.assertIn(says, context.exception.get_dbus_message())

    if sys.version_info < (3, 11):
        def enterContext(self, manager):
            value = manager.__enter__()
            self.addCleanup(manager.__exit__, None, None, None)
            return value
