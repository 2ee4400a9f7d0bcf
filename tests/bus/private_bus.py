# SPDX-License-Identifier: GPL-2.0-or-later
"""A private system bus with mpartd on it, looking at a captured machine."""
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]


class PrivateBus:
    """dbus-daemon with the product's policy file. Use it in a with statement."""

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="mpart-bus-"))
        self.directory.chmod(0o755)
        policy = self.directory / "policy"
        policy.mkdir()
        shutil.copy(SOURCE / "systemd/org.mpartd1.conf", policy)
        config = self.directory / "bus.conf"
        config.write_text((SOURCE / "tests/bus/bus.conf").read_text().replace("@POLICY@", str(policy)))
        self._daemon = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--print-address", "--nofork", "--nopidfile"],
            stdout=subprocess.PIPE, text=True)
        self.address = self._daemon.stdout.readline().strip()
        self.environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}
        return self

    def __exit__(self, *_):
        self._daemon.terminate()
        self._daemon.wait()
        self._daemon.stdout.close()
        shutil.rmtree(self.directory)


class Daemon:
    """mpartd on a private bus; up when the context is entered."""

    def __init__(self, bus, program, root):
        self.bus, self.program, self.root = bus, program, root
        self.state = bus.directory / "state"
        self.runtime = bus.directory / "run"

    def __enter__(self):
        ready = self.bus.directory / "notify"
        ready.unlink(missing_ok=True)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(ready))
        notify.settimeout(30)
        environment = {**self.bus.environment, "NOTIFY_SOCKET": str(ready), "STATE_DIRECTORY": str(self.state),
                       "RUNTIME_DIRECTORY": str(self.runtime)}
        environment.pop("JOURNAL_STREAM", None)
        self._log = open(self.bus.directory / "mpartd.log", "a+", encoding="utf-8")
        self._process = subprocess.Popen([self.program, "--root", str(self.root)], env=environment,
                                         stderr=self._log)
        try:
            while b"READY=1" not in notify.recv(4096):
                pass
        except TimeoutError:
            self._process.kill()
            raise RuntimeError("mpartd did not get ready: " + self.log()) from None
        finally:
            notify.close()
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self.exit_status = self._process.wait(30)
        self._log.close()

    def log(self):
        return Path(self._log.name).read_text(encoding="utf-8")
