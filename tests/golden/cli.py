#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives the built mpartctl as a user does, on made-up machines and without a daemon. Argument: mpartctl."""
import json
import os
import pty
import random
import re
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


class Machine(Case):
    def test_table(self):
        out = run("machine", "--root", self.machine("--nodes", "4", "--cpus", "8")).stdout
        self.assertRegex(out, r"(?m)^ *1 +2-3 +1 GiB +0x40000000-0x7fffffff +21 10 21 21$")
        self.assertRegex(out, r"(?m)^ *0 +0-1 .* 0x1000-0x9efff +10 21 21 21\n +0x100000-0x3fffffff *$")
        self.assertIn("8 CPUs (8 online), 8 cores, 4 packages", out)
        self.assertRegex(out, r"(?m)^0000:00:1f\.2 +8086:a182 +010601 +0 +1 +- +ahci$")

    def test_threads_are_no_cores(self):
        out = run("machine", "--root", self.machine("--nodes", "2", "--cpus", "8", "--threads", "2")).stdout
        self.assertIn("8 CPUs (8 online), 4 cores, 2 packages", out)

    def test_json(self):
        machine = json.loads(run("machine", "--json", "--root", self.machine()).stdout)
        self.assertEqual((machine["format"], machine["version"]), ("mpart-machine", 1))

    def test_absent_root(self):
        self.assert_one_sentence(run("machine", "--root", "/nonexistent", code=1).stderr)

    def test_no_colour_in_a_pipe(self):
        self.assertNotIn("\x1b", run("machine", "--root", self.machine(), env={"TERM": "xterm"}).stdout)


class Plan(Case):
    def plan(self, *options, root=None):
        return json.loads(run("plan", "--json", "--root", root or self.machine(), *options).stdout)

    def test_per_numa(self):
        plan = self.plan()
        self.assertEqual((plan["format"], plan["version"]), ("mpart-plan", 1))
        self.assertEqual([k["cpus"] for k in plan["kernels"]], ["0-1", "2-3", "4-5", "6-7"])
        self.assertEqual([k["id"] for k in plan["kernels"]], [0, 1, 2, 3])

    def test_policies(self):
        root = self.machine("--nodes", "2", "--cpus", "8", "--threads", "2")
        cores = [k["cpus"] for k in self.plan("--per-core", root=root)["kernels"]]
        self.assertEqual(cores, ["0,4", "1,5", "2,6", "3,7"])
        cpus = [k["cpus"] for k in self.plan("--per-cpu", root=root)["kernels"]]
        self.assertEqual(len(cpus), 8)

    def test_same_plan_twice(self):
        self.assertEqual(run("plan", "--json", "--root", self.machine()).stdout,
                         run("plan", "--json", "--root", self.machine()).stdout)

    def test_order_of_directories_does_not_matter(self):
        root = self.machine("--nodes", "4", "--cpus", "16", "--node-memory", "4G")
        plan = run("plan", "--json", "--root", root).stdout
        everything = sorted(path.relative_to(root) for path in root.rglob("*"))
        for seed in range(3):
            copy = self.directory / f"shuffled-{seed}"
            random.Random(seed).shuffle(everything)
            for path in everything:
                source, target = root / path, copy / path
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.is_symlink():
                    target.symlink_to(os.readlink(source))
                elif source.is_dir():
                    target.mkdir(exist_ok=True)
                else:
                    target.write_bytes(source.read_bytes())
            self.assertNotEqual(os.listdir(copy / "sys/devices/system/node"),
                                sorted(os.listdir(copy / "sys/devices/system/node")))
            self.assertEqual(run("plan", "--json", "--root", copy).stdout, plan)

    def test_table_tells_every_kernel(self):
        out = run("plan", "--root", self.machine()).stdout
        for kernel in self.plan()["kernels"]:
            self.assertRegex(out, rf"(?m)^ *{kernel['id']} +{kernel['name']} +{kernel['cpus']} ")

    def test_output_file(self):
        path = self.directory / "plan.json"
        self.assertEqual(run("plan", "--root", self.machine(), "-o", path).stdout, "")
        self.assertEqual(path.read_text(), run("plan", "--json", "--root", self.machine()).stdout)
        self.assert_one_sentence(run("plan", "--root", self.machine(), "-o", "/nonexistent/plan", code=1).stderr
                                 .splitlines(True)[-1])

    def test_ramdisk_moves_with_its_size(self):
        ramdisk = self.directory / "ramdisk"
        ramdisk.write_bytes(b"x" * (3 << 20))
        small = self.plan("--initrd", ramdisk)["kernels"][1]["ramdisk"]
        self.assertEqual(small - self.plan()["kernels"][1]["ramdisk"], (64 - 3) << 20)

    def test_bad_files(self):
        empty = self.directory / "empty"
        empty.write_bytes(b"")
        for options in (["--image", empty], ["--image", "/nonexistent"], ["--initrd", "/nonexistent"],
                        ["--initrd", "/dev"], ["--image-size", "1T"]):
            with self.subTest(options=options):
                done = run("plan", "--root", self.machine(), *options, code=1)
                self.assertEqual(done.stdout, "")
                self.assert_one_sentence(done.stderr)


    def test_count_and_primary(self):
        root = self.machine("--nodes", "4", "--cpus", "8")
        cpus = [k["cpus"] for k in self.plan("--count", "2", root=root)["kernels"]]
        self.assertEqual(sorted(map(len, cpus)), [3, 3], cpus)
        self.assertEqual(len(self.plan("--nodes-per-kernel", "3", root=root)["kernels"]), 2)
        kept = self.plan("--per-cpu", "--primary-cpus", "0-1", "--primary-memory", "900M", root=root)
        self.assertEqual(kept["kernels"][0]["cpus"], "0-1")
        self.assertGreaterEqual(sum(r["size"] for r in kept["kernels"][0]["memory"]), 900 << 20)
        window = self.plan("--low-window", "0x50000", "--dialect", "popcorn", root=root)
        self.assertEqual(window["kernels"][1]["low_memory"]["start"], 0x50000)
        self.assertEqual(window["policy"]["dialect"], "popcorn")
        self.assertIn("the nearest that fits: --count 8", run("plan", "--count", "9", "--root", root, code=1).stderr)

    def request(self, text, name="request.json"):
        path = self.directory / name
        path.write_text(text if isinstance(text, str) else
                        json.dumps({"format": "mpart-request", "version": 1, **text}))
        return path

    def test_request(self):
        path = self.request({"kernels": [{"name": "db", "node": 1, "memory": {"size": "512M"}, "extra": "quiet",
                                          "image": "/nonexistent"}]})
        plan = self.plan("--request", path, "--primary-cpus", "2", root=self.machine())
        self.assertEqual([(k["name"], k["cpus"]) for k in plan["kernels"]], [("primary", "0-2,4-7"), ("db", "3")])
        self.assertEqual(sum(r["size"] for r in plan["kernels"][1]["memory"]), 512 << 20)
        self.assertTrue(plan["kernels"][1]["cmdline"]["linux"].endswith(" quiet"))

    def test_bad_request(self):
        for text in ("", "{", {"kernels": [{"name": "a"}]}, {"kernels": [{"name": "a", "node": 99}]},
                     {"kernels": [{"name": "a", "cpus": "0"}]}):
            done = run("plan", "--request", self.request(text, "bad.json"), "--root", self.machine(), code=1)
            self.assertEqual(done.stdout, "")
            self.assert_one_sentence(done.stderr)
        self.assert_one_sentence(run("plan", "--request", "/nonexistent", "--root", self.machine(), code=1).stderr)

    def test_pci_of_a_request(self):
        root = self.machine("--nodes", "4", "--cpus", "8")
        path = self.request({"kernels": [{"name": "net", "node": 1, "pci": [{"class": "02", "node": 1}]}]}, "net.json")
        plan = self.plan("--request", path, root=root)
        self.assertEqual(len(plan["kernels"][1]["pci"]), 1)
        self.assertNotIn(plan["kernels"][1]["pci"][0], plan["kernels"][0]["pci"])
        path = self.request({"kernels": [{"name": "net", "node": 1, "pci": [{"address": "00:1f.2"}]}]}, "net.json")
        self.assertIn("same bus", run("plan", "--request", path, "--root", root, code=1).stderr)

    def test_explain(self):
        out = run("plan", "--explain", "--root", self.machine()).stdout
        for kernel in self.plan()["kernels"]:
            self.assertIn(f"kernel {kernel['id']} ({kernel['name']}): CPUs {kernel['cpus']}\n", out)
        unowned = float(re.search(r"without an owner: ([0-9.]+) % of installed RAM\n\Z", out).group(1))
        self.assertLessEqual(unowned, 0.5)


class Corpus(Case):
    def test_little_is_left_without_an_owner(self):
        corpus = Path(os.environ.get("MPART_CORPUS", SOURCE / "../shared/corpus")) / "machines"
        if not corpus.is_dir():
            self.skipTest(f"{corpus} is not there")
        planned = 0
        for archive in sorted(corpus.glob("*.tar.xz")):
            root = self.directory / archive.name
            root.mkdir()
            subprocess.run(["tar", "-xf", archive, "-C", root, "--exclude=dev"], check=False, stderr=subprocess.DEVNULL)
            for policy in (["--per-numa"], ["--per-core"], ["--count", "3"]):
                done = subprocess.run([MPARTCTL, "plan", "--explain", *policy, "--root", root], capture_output=True,
                                      text=True, stdin=subprocess.DEVNULL)
                if done.returncode:
                    self.assert_one_sentence(done.stderr)
                    break
                planned += 1
                unowned = re.search(r"without an owner: ([0-9.]+) %", done.stdout).group(1)
                self.assertLessEqual(float(unowned), 0.5, (archive.name, policy))
        self.assertGreater(planned, 0)


class Lines(Case):
    def saved(self):
        path = self.directory / "plan.json"
        run("plan", "--root", self.machine(), "-o", path)
        return path, json.loads(path.read_text())

    def test_cmdline_prints_the_plan_s_lines(self):
        path, plan = self.saved()
        for kernel in plan["kernels"]:
            for dialect in ("linux", "popcorn"):
                line = run("cmdline", kernel["id"], "--dialect", dialect, "--plan", path).stdout
                self.assertEqual(line, kernel["cmdline"][dialect] + "\n")
        primary = plan["kernels"][0]["cmdline"]["linux"] + "\n"
        for arguments in (["cmdline"], ["cmdline", "primary"], ["cmdline", "0"], ["export", "cmdline"]):
            self.assertEqual(run(*arguments, "--plan", path).stdout, primary)

    def test_cmdline_of_a_root(self):
        line = run("cmdline", "1", "--root", self.machine()).stdout
        self.assertEqual(line, self.saved()[1]["kernels"][1]["cmdline"]["linux"] + "\n")

    def test_plan_of_another_machine(self):
        path, _ = self.saved()
        run("cmdline", "1", "--plan", path, "--root", self.machine())
        self.assert_one_sentence(
            run("cmdline", "1", "--plan", path, "--root", self.machine("--node-memory", "2G"), code=1).stderr)

    def test_export(self):
        path, plan = self.saved()
        self.assertEqual(run("export", "plan", "--plan", path).stdout, path.read_text())
        dropin = self.directory / "dropin"
        dropin.write_text(run("export", "grub", "--plan", path).stdout)
        value = subprocess.run(["sh", "-c", f". {dropin}; printf %s \"$GRUB_CMDLINE_LINUX\""],
                               check=True, capture_output=True, text=True).stdout
        self.assertIn("memmap=", value)

    def test_errors(self):
        path, _ = self.saved()
        self.assertIn("no kernel 9", run("cmdline", "9", "--plan", path, code=1).stderr)
        broken = self.directory / "broken.json"
        for text in ("", "{", "[]", '{"format":"mpart-plan"}', path.read_text().replace("kernels", "kernel", 1),
                     path.read_text()[:-40]):
            broken.write_text(text)
            done = run("cmdline", "1", "--plan", broken, code=1)
            self.assert_one_sentence(done.stderr)
            self.assertIn(str(broken), done.stderr)


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
