#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what: mpartd on a private bus, asked by an ordinary user, with polkit played by mock-polkit or absent.
Arguments: mpartd, mpartctl, mock-polkit."""
import json
import os
import signal
import subprocess
import sys
import threading
import unittest
import xml.etree.ElementTree as ElementTree

import dbus

from case import KERNEL, MANAGER, NO_OPTIONS, Case, make_plan
from private_bus import SOURCE

POLKIT = sys.argv[3]
USER = 65534
OPEN_TO_ALL = {"GetPlan", "ListKernels"}
ACTION = {"SetPlan": "set-plan", "Boot": "boot-kernels", "Stop": "boot-kernels", "BootAll": "boot-kernels",
          "StopAll": "boot-kernels", "Exec": "exec", "OpenConsole": "console", "SetConsoleSize": "console",
          "OpenLog": "read-log", "Dump": "dump", "CancelDump": "dump"}
ARGUMENTS = {"s": "{}", "u": dbus.UInt32(1), "b": False, "q": dbus.UInt16(1), "as": ["true"], "a{sv}": NO_OPTIONS}
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
UNANSWERED = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
WRONG_STATE = "org.mpartd1.Error.WrongState"


def methods():
    """Interface, method and fitting arguments of each method that is documented."""
    for interface in ElementTree.parse(SOURCE / "src/mpartd/org.mpartd1.xml").getroot().findall("interface"):
        for method in interface.findall("method"):
            types = [a.get("type") for a in method.findall("arg") if a.get("direction") == "in"]
            yield interface.get("name"), method.get("name"), types


def arguments_for(types):
    return [dbus.types.UnixFd(0) if t == "h" else ARGUMENTS[t] for t in types]


class Ordinary:
    """A process of an ordinary user in which one call on the bus is made."""

    def __init__(self, address, interface, method, *arguments, interactive=False):
        read, write = os.pipe()
        self._answer = open(read, encoding="utf-8")
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.write(write, json.dumps(self._call(address, interface, method, arguments, interactive)).encode())
                status = 0
            finally:
                os._exit(status)
        os.close(write)

    @staticmethod
    def _call(address, interface, method, arguments, interactive):
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
        path = "/org/mpartd1" if interface == MANAGER else "/org/mpartd1/kernel/1"
        connection = dbus.bus.BusConnection(address)
        call = dbus.lowlevel.MethodCallMessage("org.mpartd1", path, interface, method)
        types = next(t for i, m, t in methods() if (i, m) == (interface, method))
        call.append(*arguments, signature="".join(types))
        if interactive:
            call.set_allow_interactive_authorization(True)
        try:
            connection.send_message_with_reply_and_block(call, 60)
        except dbus.DBusException as error:
            return [error.get_dbus_name(), error.get_dbus_message()]
        return ["", ""]

    def result(self):
        """Name and text of the error, "" where there is none."""
        with self._answer as stream:
            text = stream.read()
        os.waitpid(self.pid, 0)
        return json.loads(text)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._answer.close()


class Polkit:
    """mock-polkit with its rules; `questions` has the lines it prints."""

    def __init__(self, bus, *rules):
        self._process = subprocess.Popen([POLKIT, *rules], env=bus.environment, stdout=subprocess.PIPE, text=True)
        self.next()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()

    def next(self):
        """The next line, as words."""
        late = threading.Timer(30, self._process.kill)
        late.start()
        line = self._process.stdout.readline().split()
        late.cancel()
        if not line:
            raise AssertionError("polkit was not asked")
        return line

    def let_go(self):
        """Those who wait are allowed what they want."""
        self._process.send_signal(signal.SIGUSR1)


@unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
class Others(Case):
    def setUp(self):
        super().setUp()
        self.plan = make_plan(self.root)
        self.enterContext(self.daemon())
        self.manager().SetPlan(self.plan)

    def ordinary(self, method, *arguments, interface=KERNEL, **options):
        return Ordinary(self.bus.address, interface, method, *arguments, **options)

    def test_every_method_has_its_action(self):
        self.assertEqual({m for _, m, _ in methods()}, OPEN_TO_ALL | set(ACTION))
        installed = ElementTree.parse(SOURCE / "systemd/org.mpartd1.policy").getroot().findall("action")
        self.assertEqual({a.get("id") for a in installed}, {f"org.mpartd1.{a}" for a in ACTION.values()})
        for action in installed:
            self.assertEqual([d.text for d in action.find("defaults")], ["auth_admin", "auth_admin", "auth_admin_keep"])
        with Polkit(self.bus) as polkit:
            for interface, method, types in methods():
                with self.subTest(method):
                    name, text = self.ordinary(method, *arguments_for(types), interface=interface).result()
                    if method in OPEN_TO_ALL:
                        self.assertEqual((name, text), ("", ""))
                        continue
                    self.assertEqual(name, DENIED)
                    self.assertIn("not allowed to you", text)
                    self.assertEqual(polkit.next()[0], f"org.mpartd1.{ACTION[method]}")

    def test_without_polkit_root_alone(self):
        for interface, method, types in methods():
            with self.subTest(method):
                name, text = self.ordinary(method, *arguments_for(types), interface=interface).result()
                if method in OPEN_TO_ALL:
                    self.assertEqual((name, text), ("", ""))
                else:
                    self.assertEqual(name, DENIED)
                    self.assertIn("root alone while polkit does not decide", text)
        self.manager().SetPlan(self.plan)

    def test_one_action_is_not_another(self):
        with Polkit(self.bus, "org.mpartd1.exec=yes") as polkit:
            name, text = self.ordinary("Exec", ["true"], NO_OPTIONS).result()
            self.assertEqual((name, text), (WRONG_STATE, "kernel 1 does not run; boot it first"))
            self.assertEqual(polkit.next()[2:], ["0", "kernel=1", "name=" + json.loads(self.plan)["kernels"][1]["name"]])
            for method, arguments in (("Boot", [NO_OPTIONS]), ("Stop", []), ("OpenConsole", [False]), ("OpenLog", [NO_OPTIONS])):
                self.assertEqual(self.ordinary(method, *arguments).result()[0], DENIED)
        with Polkit(self.bus, "org.mpartd1.boot-kernels=yes") as polkit:
            self.assertEqual(self.ordinary("Exec", ["true"], NO_OPTIONS).result()[0], DENIED)
            for method, interface, arguments in (("Boot", KERNEL, [NO_OPTIONS]), ("BootAll", MANAGER, [NO_OPTIONS]),
                                                 ("Boot", MANAGER, [dbus.UInt32(1), NO_OPTIONS])):
                name, text = self.ordinary(method, *arguments, interface=interface).result()
                self.assertEqual(name, "org.mpartd1.Error.Refused")
                self.assertIn("captured machine", text)

    def test_passwords_are_asked_for_where_the_caller_lets(self):
        with Polkit(self.bus, "org.mpartd1.exec=challenge") as polkit:
            for interactive in (False, True):
                name, text = self.ordinary("Exec", ["true"], NO_OPTIONS, interactive=interactive).result()
                self.assertEqual(name, UNANSWERED)
                self.assertIn("needs a password", text)
                self.assertEqual(polkit.next()[2], str(int(interactive)))

    def test_polkit_fails(self):
        with Polkit(self.bus, "org.mpartd1.exec=error"):
            name, text = self.ordinary("Exec", ["true"], NO_OPTIONS).result()
            self.assertEqual(name, DENIED)
            self.assertIn("the rules are broken", text)

    def test_a_plan_set_once_allowed(self):
        other = make_plan(self.root, "--count", "2")
        with Polkit(self.bus, "org.mpartd1.set-plan=wait") as polkit:
            caller = self.ordinary("SetPlan", other, interface=MANAGER)
            polkit.next()
            self.assertEqual(self.manager().GetPlan(), self.plan)
            polkit.let_go()
            self.assertEqual(caller.result(), ["", ""])
            self.assertEqual(self.manager().GetPlan(), other)

    def test_a_caller_who_has_gone_gets_nothing(self):
        other = make_plan(self.root, "--count", "2")
        with Polkit(self.bus, "org.mpartd1.set-plan=wait") as polkit:
            caller = self.ordinary("SetPlan", other, interface=MANAGER)
            _, name, *_ = polkit.next()
            self.assertTrue(self.connection.name_has_owner(name))
            caller.kill()
            last = self.ordinary("SetPlan", self.plan, interface=MANAGER)
            polkit.next()
            polkit.let_go()
            self.assertEqual(last.result(), ["", ""])
            self.assertEqual(self.manager().GetPlan(), self.plan)

    def test_the_plan_is_replaced_meanwhile(self):
        with Polkit(self.bus, "org.mpartd1.boot-kernels=wait") as polkit:
            caller = self.ordinary("Boot", NO_OPTIONS)
            polkit.next()
            renamed = json.loads(self.plan)
            renamed["kernels"][1]["name"] = "another"
            self.manager().SetPlan(json.dumps(renamed))
            polkit.let_go()
            name, text = caller.result()
            self.assertEqual(name, DENIED)
            self.assertIn("replaced", text)
            caller = self.ordinary("Boot", NO_OPTIONS)
            polkit.next()
            self.manager().SetPlan(make_plan(self.root, "--count", "1"))
            polkit.let_go()
            self.assertEqual(caller.result()[0], "org.freedesktop.DBus.Error.UnknownObject")

    def test_questions_are_limited(self):
        with Polkit(self.bus, "org.mpartd1.exec=wait") as polkit:
            callers = [self.ordinary("Exec", ["true"], NO_OPTIONS) for _ in range(16)]
            for _ in callers:
                polkit.next()
            self.assertEqual(self.ordinary("Exec", ["true"], NO_OPTIONS).result()[0],
                             "org.freedesktop.DBus.Error.LimitsExceeded")
            self.manager().SetPlan(self.plan)  # root is not counted
            polkit.let_go()
            self.assertEqual({c.result()[0] for c in callers}, {WRONG_STATE})
            caller = self.ordinary("Exec", ["true"], NO_OPTIONS)
            polkit.next()
            polkit.let_go()
            self.assertEqual(caller.result()[0], WRONG_STATE)


@unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
class Ends(Case):
    def test_the_daemon_ends_meanwhile(self):
        with Polkit(self.bus, "org.mpartd1.set-plan=wait") as polkit, self.daemon() as daemon:
            caller = Ordinary(self.bus.address, MANAGER, "SetPlan", "{}")
            polkit.next()
            daemon.__exit__()
            self.assertEqual(caller.result(), ["org.mpartd1.Error.Failed", "mpartd ends"])
            self.assertEqual(daemon.exit_status, 0)
            daemon.__enter__()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
