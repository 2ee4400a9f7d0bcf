#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The bus interface of the real mpartd on a private bus, looking at a made-up machine (nothing can be booted there;
the machine tests boot). Arguments: mpartd, mpartctl."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
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


class Plans(Case):
    def test_without_a_plan(self):
        with self.daemon():
            self.assert_error("org.mpartd1.Error.NoPlan", self.manager().GetPlan)
            self.assert_error("org.mpartd1.Error.NoPlan", self.manager().Boot, dbus.UInt32(1), NO_OPTIONS)
            self.assertEqual(self.manager().ListKernels(), [])
            self.assertFalse(self.property("PlanInEffect"))

    def test_plan_is_kept_over_a_restart(self):
        plan = make_plan(self.root)
        with self.daemon():
            self.manager().SetPlan(plan)
            self.assertEqual(self.manager().GetPlan(), plan)
        with self.daemon() as daemon:
            self.assertEqual(self.manager().GetPlan(), plan)
        self.assertEqual(daemon.exit_status, 0)

    def test_bad_plans_change_nothing(self):
        plan = make_plan(self.root)
        broken = json.loads(plan)
        broken["kernels"][1]["memory"][0]["start"] += 4096
        other_root = Path(self.scratch.name) / "other"
        make_root(other_root, "--nodes", "2", "--cpus", "8", "--node-memory", "2G")
        invalid = "org.mpartd1.Error.InvalidPlan"
        with self.daemon():
            self.manager().SetPlan(plan)
            for text in ("", "{", "[]", "{}", plan[:-20], plan.replace('"kernels"', '"colonels"', 1)):
                self.assert_error(invalid, self.manager().SetPlan, text)
            self.assert_error(invalid, self.manager().SetPlan, json.dumps(broken))
            self.assert_error("org.mpartd1.Error.ForeignMachine", self.manager().SetPlan, make_plan(other_root))
            self.assertEqual(self.manager().GetPlan(), plan)

    def test_a_damaged_store_is_told_and_kept(self):
        with self.daemon() as daemon:
            self.manager().SetPlan(make_plan(self.root))
            stored = daemon.state / "plan.json"
        stored.write_text(stored.read_text()[:100])
        with self.daemon() as daemon:
            self.assert_error("org.mpartd1.Error.NoPlan", self.manager().GetPlan)
            self.assertIn("plan.json is not used", daemon.log())
        self.assertEqual(len(stored.read_text()), 100)

    def test_the_running_primary_is_compared(self):
        plan = make_plan(self.root)
        with self.daemon():
            self.manager().SetPlan(plan)
            self.assertFalse(self.property("PlanInEffect"))
            memory = json.loads(plan)["kernels"][1]["memory"][0]
            self.assertIn(f"{memory['start']:#x}", self.property("PlanDifferences"))


class Kernels(Case):
    def setUp(self):
        super().setUp()
        self.plan = make_plan(self.root)
        self.enterContext(self.daemon())
        self.manager().SetPlan(self.plan)

    def test_every_property(self):
        for kernel in json.loads(self.plan)["kernels"]:
            path = f"/org/mpartd1/kernel/{kernel['id']}"
            properties = self.object(path).GetAll(KERNEL, dbus_interface="org.freedesktop.DBus.Properties")
            self.assertEqual(properties["Id"], kernel["id"])
            self.assertEqual(properties["Name"], kernel["name"])
            self.assertEqual(properties["Cpus"], kernel["cpus"])
            self.assertEqual([tuple(m) for m in properties["Memory"]],
                             [(m["start"], m["size"], m["node"]) for m in kernel["memory"]])
            self.assertEqual(list(properties["Pci"]), kernel["pci"])
            self.assertEqual(properties["Cmdline"], kernel["cmdline"]["linux"])
            self.assertEqual(properties["State"], "inactive" if kernel["id"] else "running")
            self.assertEqual(properties["Backend"], "native" if kernel["id"] else "primary")
            self.assertEqual(properties["BootTimestamp"], 0)
            self.assertEqual((properties["StateReason"], properties["StateCause"]), ("", "none"))
            self.assertEqual((properties["StateTimestamp"], properties["CpusOnline"]), (0, 0))

    def test_documents(self):
        def document(*words):
            return json.loads(subprocess.run([MPARTCTL, *words, "--json"], check=True, stdout=subprocess.PIPE,
                                             env=self.bus.environment).stdout)

        planned = json.loads(self.plan)["kernels"]
        listed = document("list")["kernels"]
        self.assertEqual([k["id"] for k in listed], [k["id"] for k in planned])
        one = document("status", "1")
        self.assertEqual((one.pop("format"), one.pop("version")), ("mpart-kernel", 1))
        self.assertEqual({key: one[key] for key in listed[1]}, listed[1])
        self.assertEqual((one["state"], one["cause"], one["reason"], one["state_since"]), ("inactive", "none", "", 0))
        self.assertEqual([r["start"] for r in one["ranges"]], [m["start"] for m in planned[1]["memory"]])
        self.assertEqual(one["cmdline"], planned[1]["cmdline"]["linux"])
        status = document("status")
        self.assertEqual((status["format"], status["plan_in_effect"]), ("mpart-status", False))
        self.assertGreater(len(status["differences"]), 0)

    def test_object_manager_lists_all(self):
        objects = self.object().GetManagedObjects(dbus_interface="org.freedesktop.DBus.ObjectManager")
        self.assertEqual({str(p) for p in objects if KERNEL in objects[p]},
                         {f"/org/mpartd1/kernel/{i}" for i in range(4)})

    def test_refusals(self):
        boot, stop = self.manager().Boot, self.manager().Stop
        self.assert_error("org.mpartd1.Error.NoSuchKernel", boot, dbus.UInt32(99), NO_OPTIONS, says="99")
        self.assert_error("org.mpartd1.Error.NoSuchKernel", stop, dbus.UInt32(99))
        self.assert_error("org.mpartd1.Error.WrongState", boot, dbus.UInt32(0), NO_OPTIONS, says="primary")
        self.assert_error("org.mpartd1.Error.WrongState", stop, dbus.UInt32(0))
        self.assert_error("org.mpartd1.Error.WrongState", stop, dbus.UInt32(1), says="does not run")
        self.assert_error("org.mpartd1.Error.Refused", boot, dbus.UInt32(1), NO_OPTIONS, says="captured machine")
        self.assert_error("org.mpartd1.Error.Refused", self.manager().BootAll, NO_OPTIONS)
        invalid = "org.freedesktop.DBus.Error.InvalidArgs"
        self.assert_error(invalid, boot, dbus.UInt32(1), dbus.Dictionary({"colour": "red"}, signature="sv"), says="colour")
        self.assert_error(invalid, boot, dbus.UInt32(1), dbus.Dictionary({"image": "relative"}, signature="sv"), says="absolute")
        self.assert_error(invalid, boot, dbus.UInt32(1), dbus.Dictionary({"image": dbus.UInt32(3)}, signature="sv"), says="string")
        self.assertEqual(self.property("State", "/org/mpartd1/kernel/1", KERNEL), "inactive")

    def test_looking_inside(self):
        def kernel(number):
            return dbus.Interface(self.object(f"/org/mpartd1/kernel/{number}"), KERNEL)

        wrong_state, invalid = "org.mpartd1.Error.WrongState", "org.freedesktop.DBus.Error.InvalidArgs"
        self.assert_error(wrong_state, kernel(1).OpenLog, NO_OPTIONS, says="inactive")
        self.assert_error(wrong_state, kernel(0).OpenLog, NO_OPTIONS, says="dmesg")
        for options, says in ({"backwards": True}, "backwards"), ({"lines": True}, "lines"), ({"follow": "1"}, "follow"):
            self.assert_error(invalid, kernel(1).OpenLog, dbus.Dictionary(options, signature="sv"), says=says)
        with tempfile.TemporaryFile() as file:
            self.assert_error(wrong_state, kernel(1).Dump, dbus.types.UnixFd(file.fileno()), says="inactive")
        self.assert_error(wrong_state, kernel(1).CancelDump, says="not being dumped")

    def test_unknown_objects(self):
        for path in ("/org/mpartd1/kernel/4", "/org/mpartd1/kernel/01", "/org/mpartd1/kernel/x"):
            self.assert_error("org.freedesktop.DBus.Error.UnknownObject", self.property, "State", path, KERNEL)

    def test_interface_is_the_documented_one(self):
        documented = ElementTree.parse(SOURCE / "src/mpartd/org.mpartd1.xml").getroot()
        for path in ("/org/mpartd1", "/org/mpartd1/kernel/1"):
            text = self.object(path).Introspect(dbus_interface="org.freedesktop.DBus.Introspectable")
            offered = ElementTree.fromstring(text)
            for interface in offered.findall("interface"):
                name = interface.get("name")
                if name.startswith("org.mpartd1"):
                    wanted = documented.find(f"interface[@name='{name}']")
                    self.assertEqual(signature(interface), signature(wanted))

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_others_may_read_but_not_write(self):
        def busctl(*words):
            return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "busctl",
                                   f"--address={self.bus.address}", *words], capture_output=True, text=True,
                                  check=False)
        read = busctl("get-property", "org.mpartd1", "/org/mpartd1/kernel/1", KERNEL, "State")
        self.assertEqual((read.returncode, read.stdout), (0, 's "inactive"\n'))
        self.assertEqual(busctl("call", "org.mpartd1", "/org/mpartd1", MANAGER, "GetPlan").returncode, 0)
        writes = [("/org/mpartd1", MANAGER, "SetPlan", "s", "{}"), ("/org/mpartd1", MANAGER, "Boot", "ua{sv}", "1", "0"),
                  ("/org/mpartd1", MANAGER, "Stop", "u", "1"), ("/org/mpartd1", MANAGER, "BootAll", "a{sv}", "0"),
                  ("/org/mpartd1/kernel/1", KERNEL, "Boot", "a{sv}", "0"), ("/org/mpartd1/kernel/1", KERNEL, "Stop"),
                  ("/org/mpartd1/kernel/1", KERNEL, "OpenLog", "a{sv}", "0"), ("/org/mpartd1/kernel/1", KERNEL, "CancelDump")]
        for words in writes:
            with self.subTest(words[2]):
                refused = busctl("call", "org.mpartd1", *words)
                self.assertNotEqual(refused.returncode, 0)
                self.assertRegex(refused.stderr, "[Aa]ccess")


def signature(interface):
    """Names and types of an interface, in an order that does not depend on the text's."""
    methods = sorted((m.get("name"), tuple((a.get("type"), a.get("direction")) for a in m.findall("arg")))
                     for m in interface.findall("method"))
    properties = sorted((p.get("name"), p.get("type"), p.get("access")) for p in interface.findall("property"))
    return methods, properties


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
