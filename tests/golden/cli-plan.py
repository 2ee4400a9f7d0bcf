#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines, plans and command lines by the built mpartctl, as a user asks for them. Argument: mpartctl."""
import json
import os
import random
import re
import subprocess
import sys
import unittest
from pathlib import Path

from command import MPARTCTL, SOURCE, Case, run


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


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
