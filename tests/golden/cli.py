#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives the built mpartctl as a user does, on made-up machines and without a daemon. Argument: mpartctl."""
import json
import os
import pty
import re
import subprocess
import sys
import unittest
from pathlib import Path

from command import MPARTCTL, SOURCE, Case, run


class Usage(Case):
    def test_exit_code_and_text(self):
        for arguments in ([], ["nothing"], ["--nothing"], ["plan", "--nothing"], ["plan", "--root"],
                          ["plan", "--per-core", "--per-cpu"], ["plan", "--alignment", "2Q"], ["plan", "extra"],
                          ["plan", "--image", "a", "--image-size", "1M"], ["plan", "--count", "0"],
                          ["plan", "--count", "2", "--per-numa"], ["plan", "--nodes-per-kernel", "x"],
                          ["plan", "--primary-cpus", ""], ["plan", "--primary-memory", "lots"],
                          ["plan", "--dialect", "english"], ["plan", "--explain", "--json"],
                          ["plan", "--explain", "-o", "/nonexistent"], ["plan", "--save", "--root", "/"],
                          ["boot"], ["boot", "three"], ["boot", "kernel"], ["boot", "kernel", "3", "4"], ["stop"],
                          ["cmdline", "three"], ["cmdline", "--dialect", "english"], ["export"], ["export", "tea"],
                          ["export", "plan", "--install"], ["help", "nothing"], ["completion", "fish"]):
            with self.subTest(arguments=arguments):
                done = run(*arguments, code=2)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, r"\Ampartctl: [^\n]+\nType \"mpartctl help\" [^\n]+\n\Z")

    def test_help_and_version(self):
        self.assertEqual(run("--help").stdout, run("help").stdout)
        self.assertEqual(run("plan", "--help").stdout, run("help", "plan").stdout)
        self.assertRegex(run("--version").stdout, r"\Ampartctl \d+\.\d+\.\d+\n\Z")
        self.assertEqual(run("--version").stdout, run("version").stdout)

    def test_full_disk_is_no_success(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([MPARTCTL, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assert_one_sentence(done.stderr)


def verbs_and_options():
    """The command table as the program tells it."""
    verbs = re.findall(r"^  ([a-z]+) ", run("help").stdout, re.M)
    return {verb: set(re.findall(r"^ .{4} (--[a-z-]+)", run("help", verb).stdout, re.M)) for verb in verbs}


class Manual(Case):
    def test_page_and_table_agree(self):
        page = (SOURCE / "man/mpartctl.1.scd").read_text()
        sections = dict(re.findall(r"^\*mpartctl ([a-z]+)\*(.*?)(?=^\*mpartctl|^# )", page, re.M | re.S))
        table = verbs_and_options()
        self.assertEqual(set(sections), set(table))
        for verb, options in table.items():
            with self.subTest(verb=verb):
                told = set(re.findall(r"\*(?:-[a-z]\*, \*)?(--[a-z-]+)\*", sections[verb])) | {"--help"}
                self.assertEqual(told, options)

    def test_completion_knows_every_verb_and_option(self):
        for shell in ("bash", "zsh"):
            script = run("completion", shell).stdout
            for verb, options in verbs_and_options().items():
                part = re.search(rf"^        {verb}\)(.*?);;", script, re.M | re.S).group(1)
                self.assertEqual(set(re.findall(r"(?:[ '])(--[a-z-]+)", part)), options, (shell, verb))

    def test_bash_completes(self):
        script = self.directory / "completion"
        script.write_text(run("completion", "bash").stdout)
        for words, wanted in ((["p"], {"plan"}), (["plan", "--per-c"], {"--per-core", "--per-cpu"}),
                              (["cmdline", "--dialect", ""], {"linux", "popcorn"}),
                              (["boot", ""], {"kernel", "all"}), (["export", "g"], {"grub"})):
            quoted = " ".join(f"'{word}'" for word in words)
            got = subprocess.run(["bash", "-c", f". {script}; COMP_WORDS=(mpartctl {quoted}); "
                                  f"COMP_CWORD={len(words)}; _mpartctl; echo ${{COMPREPLY[*]}}"],
                                 check=True, capture_output=True, text=True).stdout.split()
            self.assertLessEqual(wanted, set(got))
            self.assertTrue(all(word.startswith(words[-1]) for word in got), got)


class Libraries(Case):
    """Libraries that few verbs need are loaded by those alone: every other one starts several times as fast."""

    LATE = {"libarchive.so.13": "packing", "libsmartcols.so.1": "table", "libsystemd.so.0": "mpartd",
            "libpci.so.3": "PCI"}

    def test_start_needs_none(self):
        linked = run("version", env={"LD_TRACE_LOADED_OBJECTS": "1"}).stdout
        self.assertIn("libcjson", linked)
        for library in (*self.LATE, "libelf", "libkmod", "libnuma", "libcrypto"):
            self.assertNotIn(library, linked)

    def test_one_that_is_broken(self):
        broken = self.directory / "broken"
        broken.mkdir()
        for library in self.LATE:
            (broken / library).touch()
        environment = {"LD_LIBRARY_PATH": broken}
        root = self.machine()
        archive = self.directory / "an.archive"
        archive.touch()
        run("plan", "--json", "--root", root, env=environment)
        for arguments, library in ((["machine", "--root", root], "libsmartcols.so.1"),
                                   (["plan", "--root", archive], "libarchive.so.13"),
                                   (["capture", self.directory / "new.archive"], "libarchive.so.13"),
                                   (["list"], "libsystemd.so.0")):
            with self.subTest(arguments=arguments):
                text = run(*arguments, code=1, env=environment).stderr.splitlines()[-1]
                self.assertRegex(text, rf"\Ampartctl: .*{self.LATE[library]}.* needs {library} \(Debian: .*file too short")
        notes = json.loads(run("machine", "--json", "--root", root, env=environment).stdout)["notes"]
        self.assertEqual(sum("libpci.so.3" in note for note in notes), 1)


class WithoutDaemon(Case):
    def test_every_bus_verb_says_so(self):
        for arguments in (["list"], ["list", "--json"], ["status"], ["status", "3"], ["boot", "3"], ["boot", "all"],
                          ["stop", "kernel", "3"], ["stop", "all"]):
            with self.subTest(arguments=arguments):
                done = run(*arguments, code=1)
                self.assertEqual(done.stdout, "")
                self.assert_one_sentence(done.stderr)
                self.assertIn("system bus", done.stderr)

    def test_absent_image_is_found_out_before_the_bus(self):
        self.assertIn("/nonexistent", run("boot", "3", "--image", "/nonexistent", code=1).stderr)


@unittest.skipUnless(Path("/bin/busybox").exists(), "busybox-static is not installed")
class Initrd(Case):
    """Any static program passes for the agent."""
    agent = {"MPART_AGENT": "/bin/busybox"}

    def create(self, name, *options, code=0):
        path = self.directory / name
        return path, run("initrd", "create", "-o", path, "--kernel", "none", *options, code=code, env=self.agent)

    @staticmethod
    def unpack(path):
        packer = {".zst": ["zstd", "-dc"], ".cpio": ["cat"]}.get(path.suffix, ["gzip", "-dc"])
        return subprocess.run([*packer, path], check=True, capture_output=True).stdout

    def names(self, path):
        return subprocess.run(["cpio", "-t", "--quiet"], input=self.unpack(path), check=True,
                              capture_output=True).stdout.decode().splitlines()

    def test_the_same_twice_in_every_compression(self):
        plain, _ = self.create("a.cpio")
        for name in ("b.cpio", "c.img", "d.gz", "e.zst"):
            path, done = self.create(name)
            self.assertEqual(self.unpack(path), plain.read_bytes(), name)
            self.assertIn(str(path), done.stdout)
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.create("f.gz")[0].read_bytes(), (self.directory / "d.gz").read_bytes())

    def test_members(self):
        names = self.names(self.create("members.img")[0])
        self.assertEqual(names, sorted(names))
        self.assertLessEqual({"init", "init.real", "bin/busybox", "bin/sh", "dev/console", "etc/inittab"}, set(names))

    def test_added_program_has_its_libraries(self):
        names = self.names(self.create("program.img", "--add", "/bin/ls:/opt/ls", "--add",
                                       f"{SOURCE}/tests/golden:/opt/golden")[0])
        self.assertIn("opt/ls", names)
        self.assertIn("opt/golden/cli.py", names)
        self.assertTrue([name for name in names if name.endswith("/libc.so.6")], names)

    def test_wrap(self):
        base, _ = self.create("base.cpio")
        wrapped, _ = self.create("wrapped.cpio", "--wrap", base)
        data = wrapped.read_bytes()
        self.assertTrue(data.startswith(base.read_bytes()))
        tail = subprocess.run(["cpio", "-t", "--quiet"], input=data[(base.stat().st_size + 3) // 4 * 4:], check=True,
                              capture_output=True).stdout.decode().split()
        self.assertEqual(tail, ["init", "init.real"])

    def test_errors(self):
        for options in (["--add", "/nonexistent"], ["--wrap", "/nonexistent"], ["--wrap", "/bin/busybox"],
                        ["--ssh-key", "/etc/passwd"], ["--module", "tun"]):
            path, done = self.create("never.img", *options, code=1)
            self.assert_one_sentence(done.stderr)
            self.assertFalse(path.exists())
        run("initrd", "destroy", code=2)
        run("initrd", "create", "--kernel", "../..", code=2)
        self.assertIn("mpart-agent", run("initrd", "create", "--kernel", "none", "-o", self.directory / "x", code=1,
                                         env={"MPART_AGENT": "/nonexistent/mpart-agent"}).stderr)


class Apply(Case):
    @unittest.skipIf(os.geteuid() == 0, "for an ordinary user")
    def test_is_for_root(self):
        self.assertIn("root", run("apply", "--yes", code=1).stderr)

    def test_dry_run_names_what_is_missing(self):
        done = run("apply", "--dry-run", "--kernel", "/nonexistent", code=1)
        self.assertEqual(done.stdout, "")
        self.assert_one_sentence(done.stderr)


def on_terminal(*arguments, env):
    """What mpartctl writes to a terminal."""
    main, terminal = pty.openpty()
    with subprocess.Popen([MPARTCTL, *map(str, arguments)], stdout=terminal, stderr=subprocess.DEVNULL,
                          env={**os.environ, **env}) as child:
        os.close(terminal)
        text = b""
        try:
            while data := os.read(main, 4096):
                text += data
        except OSError:
            pass  # the terminal's other side is closed
        os.close(main)
    assert child.returncode == 0, arguments
    return text.decode()


class Terminal(Case):
    def test_no_colour_is_respected(self):
        text = on_terminal("plan", "--root", self.machine(), env={"TERM": "xterm", "NO_COLOR": "1"})
        self.assertIn("primary", text)
        self.assertNotIn("\x1b[3", text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
