#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The drop-in on its whole road: shell, grub-mkconfig with 10_linux, and GRUB itself in a virtual machine.

usage: grub.py PLAN-TOOL

grub-mkconfig runs from a copy that reads a settings directory, kernels and a grub-probe of the test's own, so
that it needs neither root nor an installed GRUB. GRUB then boots from an ISO image whose script prints the
arguments of the `linux` line with `echo`, which expands its words as `linux` does.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

DEADLINE = 60
MKCONFIG, SCRIPT_10 = Path("/usr/sbin/grub-mkconfig"), Path("/etc/grub.d/10_linux")
TOOLS = ["grub-mkrescue", "xorriso", "mformat", "qemu-system-x86_64"]
MACHINE = """node 0 cpus 0-3 memory 0x1000-0x9f000,1M-3G,4G-5G
node 1 cpus 4-7 memory 5G-9G
node 2 cpus 8-11 memory 9218M-13G
apic {apic}
"""
PROBE = """#!/bin/sh
case "$*" in
*target=device*) echo /dev/vda1 ;;
*target=fs_uuid*) echo 01234567-89ab-cdef-0123-456789abcdef ;;
*target=fs*) echo ext2 ;;
*target=partmap*) echo gpt ;;
esac
"""
tool = sys.argv[1]


def missing():
    lacking = [name for name in TOOLS if not shutil.which(name)]
    lacking += [str(path) for path in (MKCONFIG, SCRIPT_10) if not path.exists()]
    if not Path("/usr/lib/grub/i386-pc").is_dir():
        lacking.append("/usr/lib/grub/i386-pc")
    return lacking


def dropin(apic="x2apic"):
    """The fragment, and the words that the kernel must see."""
    text = subprocess.run([tool, "dropin", "per-numa"], input=MACHINE.format(apic=apic), check=True, text=True,
                          capture_output=True).stdout
    fragment, _, line = text.partition("# line: ")
    return fragment, line.strip()


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


def mkconfig(directory, settings, fragments):
    """grub.cfg of Debian's grub-mkconfig and 10_linux for the given settings."""
    etc, boot = directory / "etc", directory / "boot"
    (etc / "default/grub.d").mkdir(parents=True)
    (etc / "grub.d").mkdir()
    boot.mkdir()
    (boot / "vmlinuz-6.1.0").write_bytes(b"kernel")
    (boot / "initrd.img-6.1.0").write_bytes(b"ramdisk")
    (etc / "default/grub").write_text(settings)
    for i, fragment in enumerate(fragments):
        (etc / f"default/grub.d/{i}.cfg").write_text(fragment)
    executable(directory / "grub-probe", PROBE)
    executable(directory / "grub-mkrelpath", "#!/bin/sh\necho \"$1\"\n")
    executable(etc / "grub.d/10_linux", SCRIPT_10.read_text().replace(" /boot/", f" {boot}/"))
    text = re.sub(r'^sysconfdir=.*$', f'sysconfdir="{etc}"', MKCONFIG.read_text(), flags=re.M)
    text = re.sub(r'^grub_probe=.*$', f'grub_probe="{directory}/grub-probe"', text, flags=re.M)
    executable(directory / "grub-mkconfig", text)
    environment = dict(os.environ, EUID="0", LC_ALL="C", grub_probe=str(directory / "grub-probe"),
                       grub_mkrelpath=str(directory / "grub-mkrelpath"))
    result = subprocess.run([directory / "grub-mkconfig"], env=environment, text=True, capture_output=True,
                            timeout=DEADLINE, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def linux_arguments(config):
    """The arguments of the first `linux` line, as they stand in the script."""
    return re.search(r"^\s*linux\s+\S+/vmlinuz-6\.1\.0 (.*)$", config, re.M).group(1)


def expanded_by_grub(directory, arguments):
    """What GRUB makes of the arguments: each list of them is printed on the serial port of its own machine."""
    script = ["serial --unit=0 --speed=115200", "terminal_output serial"]
    script += [f"echo '<<{i}:' {text} ':{i}>>'" for i, text in enumerate(arguments)]
    script.append("halt")
    (directory / "iso/boot/grub").mkdir(parents=True)
    (directory / "iso/boot/grub/grub.cfg").write_text("\n".join(script) + "\n")
    image, serial = directory / "grub.iso", directory / "serial"
    subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", image, directory / "iso"], check=True,
                   capture_output=True, timeout=DEADLINE)
    subprocess.run(["qemu-system-x86_64", "-accel", "tcg", "-m", "128", "-nodefaults", "-display", "none",
                    "-no-reboot", "-boot", "d", "-cdrom", image, "-serial", f"file:{serial}"], check=True,
                   capture_output=True, timeout=DEADLINE)
    # The terminal breaks lines after 79 characters and may send escape sequences.
    output = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]", "", serial.read_text(errors="replace"))
    return [re.search(rf"<<{i}: (.*?) :{i}>>", output).group(1) for i in range(len(arguments))]


class Grub(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="mpart-grub-")
        self.addCleanup(self.temporary.cleanup)
        self.directory = Path(self.temporary.name)

    def sourced(self, fragment, before, times=1, shell="sh"):
        script = f"set -eu\n{before}\n" + fragment * times + 'printf %s "$GRUB_CMDLINE_LINUX"\n'
        return subprocess.run([shell, "-c", script], check=True, text=True, capture_output=True).stdout

    def test_shell(self):
        fragment, line = dropin("xapic")
        self.assertTrue(line.endswith(" iomem=relaxed"))
        escaped = line.replace("$", "\\$")
        for shell in ("sh", "bash"):
            self.assertEqual(self.sourced(fragment, "unset GRUB_CMDLINE_LINUX", shell=shell), escaped)
            self.assertEqual(self.sourced(fragment, "GRUB_CMDLINE_LINUX=''", shell=shell), escaped)
            self.assertEqual(self.sourced(fragment, "GRUB_CMDLINE_LINUX='a b'", shell=shell), f"a b {escaped}")
        self.assertEqual(self.sourced(fragment, "GRUB_CMDLINE_LINUX=a", times=2), f"a {escaped}")

    def test_whole_road(self):
        fragment, line = dropin()
        config = mkconfig(self.directory, 'GRUB_CMDLINE_LINUX="console=ttyS0"\nGRUB_CMDLINE_LINUX_DEFAULT=quiet\n',
                          [fragment])
        arguments = linux_arguments(config)
        check = subprocess.run(["grub-script-check"], input=config, text=True, check=False)
        self.assertEqual(check.returncode, 0)
        printed, naked = expanded_by_grub(self.directory, [arguments, line])
        self.assertEqual(printed.split(), arguments.split()[:2] + ["console=ttyS0"] + line.split() + ["quiet"])
        self.assertNotEqual(naked.split(), line.split(), "GRUB leaves a bare $ alone: the test shows nothing")


if __name__ == "__main__":
    if missing():
        print("skipped, not installed:", ", ".join(missing()))
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
