# SPDX-License-Identifier: GPL-2.0-or-later
"""Drive one QEMU machine: the primary of a test, with the consoles of the kernels beside it.

Every wait has a deadline in seconds; when it passes, VMError carries the end of the primary's console.

    with VM("build", append="iomem=relaxed") as vm:
        assert vm.run("uname -r").out
        vm.kexec("console=ttyS0 root=/dev/vda")
        vm.wait_console(1, r"mpart-guest: .*heartbeat=3", timeout=60)
"""

import base64
import itertools
import re
import shlex
import socket
import struct
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = 4096  # of the disk's file system
CONSOLES = 4
SEND_TIMEOUT = 30
# Brings the disk image up without a needless wait. Under emulation mitigations cost time for nothing, a TSC taken
# for unstable makes the kernel fall back to the slow HPET, and on a busy host the check of the timer may miss it.
COMMAND_LINE = (
    "root=/dev/vda rw fsck.mode=skip console=ttyS0 loglevel=5 systemd.show_status=0"
    " mitigations=off tsc=reliable no_timer_check"
)


class VMError(Exception):
    """The machine died, or a deadline passed."""


class Restarted(VMError):
    """The machine came up anew while a command was running."""


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    rc: int
    out: str
    err: str


@dataclass
class Machine:
    """The hardware. Node memory is in MiB; a CPU belongs to node (number / cpus_per_node)."""

    nodes: int = 4
    cpus_per_node: int = 2
    node_mib: int = 1024
    qemu: str = "qemu-system-x86_64"
    machine: str = "q35"
    cpu: str = "max,-cx16"  # QEMU 7.2 emulates CMPXCHG16B wrongly under load
    extra: list = field(default_factory=list)

    def distance(self, a, b):
        """SLIT entry: nodes form a ring."""
        hops = min((a - b) % self.nodes, (b - a) % self.nodes)
        return 10 if hops == 0 else 10 + 10 * hops

    def arguments(self):
        cpus = self.nodes * self.cpus_per_node
        words = [self.qemu, "-machine", self.machine, "-accel", "tcg,thread=multi", "-cpu", self.cpu]
        words += ["-smp", f"{cpus},sockets={self.nodes},cores={self.cpus_per_node},threads=1"]
        words += ["-m", f"{self.nodes * self.node_mib}M"]
        for node in range(self.nodes):
            first = node * self.cpus_per_node
            last = first + self.cpus_per_node - 1
            words += ["-object", f"memory-backend-ram,id=node{node},size={self.node_mib}M"]
            words += ["-numa", f"node,nodeid={node},cpus={first}-{last},memdev=node{node}"]
        for a, b in itertools.permutations(range(self.nodes), 2):
            words += ["-numa", f"dist,src={a},dst={b},val={self.distance(a, b)}"]
        words += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        return words + self.extra


def x2apic_machine(builddir, **changes):
    """A machine whose kernels run their APICs in x2APIC mode; fetch-qemu.sh ran before."""
    return Machine(
        qemu=str(Path(builddir).resolve() / "vm" / "qemu-backports"),
        machine="q35,kernel-irqchip=split",
        cpu="max",
        extra=["-device", "intel-iommu,intremap=on,eim=on"],
        **changes,
    )


class Wire:
    """A character device of QEMU: what it sent so far."""

    def __init__(self, name, changed):
        self.name = name
        self.data = bytearray()
        self.closed = False
        self._changed = changed
        self._here, self.there = socket.socketpair()
        self._here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT, 0))
        self._thread = threading.Thread(target=self._read, daemon=True)

    def chardev(self, log):
        return ["-chardev", f"socket,id={self.name},fd={self.there.fileno()},logfile={log}"]

    def start(self):
        self.there.close()
        self._thread.start()

    def send(self, data):
        self._here.sendall(data)

    def join(self):
        self._thread.join()
        self._here.close()

    def _read(self):
        while True:
            try:
                piece = self._here.recv(65536)
            except OSError:
                piece = b""
            with self._changed:
                self.data += piece
                self.closed = not piece
                self._changed.notify_all()
            if not piece:
                return


class Channel:
    """The host's end of the command channel; image/tree/usr/local/lib/vm-channel has the protocol."""

    def __init__(self, wire):
        self.wire = wire
        self.boots = []
        self.results = {}
        self._ids = itertools.count(1)
        self._parsed = 0

    def send(self, script):
        number = next(self._ids)
        body = script.encode()
        self.wire.send(f"run {number} {len(body)}\n".encode() + body)
        return number

    def parse(self):
        """Digest the complete lines that came since the last call."""
        end = self.wire.data.rfind(b"\n") + 1
        lines = self.wire.data[self._parsed : end].decode(errors="replace").split("\n")
        self._parsed = max(end, self._parsed)
        for words in map(str.split, lines):
            if len(words) == 2 and words[0] == "hello":
                self.boots.append(words[1])
            elif len(words) == 5 and words[0] == "done":
                out, err = (base64.b64decode(word[1:]).decode(errors="replace") for word in words[3:])
                self.results[int(words[1])] = Result(int(words[2]), out, err)


class VM:
    """One machine, made from what build-image.sh left in builddir/vm. Use it in a with statement."""

    def __init__(self, builddir, machine=None, append="", disk=None, logs=None, unreadable=()):
        """unreadable: (path of a file on the disk, block of BLOCK bytes in it) that the disk fails to read."""
        self.files = Path(builddir) / "vm"
        self.machine = machine or Machine()
        self.append = append
        self.disk = Path(disk) if disk else self.files / "disk.img"
        self.logs = Path(logs or tempfile.mkdtemp(prefix="vm-", dir=self.files))
        self._unreadable = unreadable
        self._changed = threading.Condition()
        self._consoles = [Wire(f"ttyS{n}", self._changed) for n in range(CONSOLES)]
        self._channel = Channel(Wire("channel", self._changed))
        self._process = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    # --- the machine ---

    def _arguments(self):
        words = self.machine.arguments()
        words += ["-kernel", str(self.files / "vmlinuz"), "-initrd", str(self.files / "initrd")]
        words += ["-append", f"{COMMAND_LINE} {self.append}".strip()]
        words += ["-drive", self._drive()]
        for wire in self._wires():
            words += wire.chardev(self.logs / f"{wire.name}.log")
        for wire in self._consoles:
            words += ["-serial", f"chardev:{wire.name}"]
        words += ["-device", "virtio-serial"]
        return words + ["-device", "virtserialport,chardev=channel,name=vm.channel"]

    def _drive(self):
        words = ["if=virtio,snapshot=on,cache=unsafe"]
        words += [f"driver=blkdebug,image.driver=raw,image.file.driver=file,image.file.filename={self.disk}"]
        for number, (path, block) in enumerate(self._unreadable):
            rule = f"inject-error.{number}"
            words += [f"{rule}.event=none,{rule}.iotype=read,{rule}.sector={self._sector(path, block)}"]
        return ",".join(words)

    def _sector(self, path, block):
        """Where that block of a file is on the disk, in sectors of 512 bytes."""
        command = ["/sbin/debugfs", "-R", f"bmap {path} {block}", str(self.disk)]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        if not found.stdout.strip().isdigit() or int(found.stdout) == 0:
            raise VMError(f"{self.disk}: block {block} of {path}: {found.stdout}{found.stderr}")
        return int(found.stdout) * BLOCK // 512

    def _wires(self):
        return [*self._consoles, self._channel.wire]

    def start(self, timeout=120):
        """Switch the machine on; return when the command channel answers."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with open(self.logs / "qemu.log", "wb") as log:
            handles = [wire.there.fileno() for wire in self._wires()]
            self._process = subprocess.Popen(
                self._arguments(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=handles
            )
        for wire in self._wires():
            wire.start()
        self._wait(lambda: self._channel.boots, timeout, "the machine to come up")
        return self

    def stop(self):
        """Switch the machine off. What it said stays in self.logs."""
        if not self._process:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for wire in self._wires():
            wire.join()
        self._process = None

    def _wait(self, ready, timeout, what):
        """Wait until ready() is true and return it."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                self._channel.parse()
                value = ready()
                if value:
                    return value
                left = deadline - time.monotonic()
                if self._consoles[0].closed:
                    raise self._error(f"QEMU ended (reset or power-off of the machine?), waiting for {what}")
                if left <= 0:
                    raise self._error(f"{timeout} s passed, waiting for {what}")
                self._changed.wait(left)

    def _error(self, text):
        tail = bytes(self._consoles[0].data[-3000:]).decode(errors="replace")
        qemu = (self.logs / "qemu.log").read_text(errors="replace")[-1000:]
        return VMError(f"{text}\n--- QEMU ---\n{qemu}\n--- end of ttyS0, all in {self.logs} ---\n{tail}")

    # --- commands in the primary ---

    @property
    def boot(self):
        """Boot id of the running primary."""
        return self._channel.boots[-1]

    def run(self, script, timeout=120):
        """Run a shell script as root in the primary."""
        boots = len(self._channel.boots)
        number = self._channel.send(script)
        results = self._channel.results

        def ended():
            return number in results or len(self._channel.boots) > boots

        self._wait(ended, timeout, f"the end of: {script}")
        if number not in results:
            raise Restarted(f"the machine restarted during: {script}")
        return results[number]

    def send(self, script):
        """Start a shell script of which no answer is expected."""
        self._channel.send(script)

    def check(self, script, timeout=120):
        """run(), but anything other than exit status 0 is an error; return the standard output."""
        result = self.run(script, timeout)
        if result.rc != 0:
            raise VMError(f"exit status {result.rc}: {result.err}{result.out}\nof: {script}")
        return result.out

    def put(self, path, data, mode=0o644):
        """Write a file in the primary."""
        name = shlex.quote(path)
        text = base64.encodebytes(data).decode()
        self.check(f"base64 -d >{name} <<'END'\n{text}END\nchmod {mode:o} {name}")

    def restart(self, script, timeout=120):
        """Run a script that restarts the primary; return when the command channel answers again."""
        boots = len(self._channel.boots)
        self.send(script)
        self._wait(lambda: len(self._channel.boots) > boots, timeout, f"the restart by: {script}")

    def load_kernel(self, ramdisk, line):
        """Load the primary's own kernel for kexec, with a ramdisk (a shell pattern) and a command line."""
        words = f"--initrd=$(echo {ramdisk}) --command-line={shlex.quote(line)}"
        self.check(f"kexec -s -l /boot/vmlinuz-* {words}")

    def kexec(self, append="", timeout=120):
        """Restart the primary with its own kernel and another command line."""
        self.load_kernel("/boot/initrd.img-*", f"{COMMAND_LINE} {append}".strip())
        self.restart("systemctl kexec", timeout)

    def settle(self, timeout=120):
        """Wait until systemd has started everything; return its verdict, e.g. running or degraded."""
        return self.run("systemctl is-system-running --wait", timeout).out.strip()

    # --- consoles ---

    def console(self, number, since=0):
        """What came out of ttyS<number> after the first `since` bytes."""
        with self._changed:
            return bytes(self._consoles[number].data[since:]).decode(errors="replace")

    def mark(self, number):
        """The count of bytes that came out of ttyS<number> so far."""
        with self._changed:
            return len(self._consoles[number].data)

    def wait_console(self, number, pattern, timeout=60, since=0):
        """Wait for a regular expression on ttyS<number>; return the match."""
        wanted = re.compile(pattern, re.MULTILINE)
        what = f"{pattern!r} on ttyS{number}"
        return self._wait(lambda: wanted.search(self.console(number, since)), timeout, what)

    def type(self, number, text):
        """Send text to ttyS<number>."""
        self._consoles[number].send(text.encode())
