#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random policies and requests on random machines: plans keep what they promise, and what is suggested instead of a
refused request is planned.

usage: policies.py PLAN-TOOL PLAN-SCHEMA REQUEST-SCHEMA    (MPART_EXAMPLES: how many machines, default 300)
"""
import errno
import json
import re
import sys
import unittest

from plans import COMMON, MIB, REFUSALS, cpu_list, machines, merge, primary_terms, ranges_text, run, schema, span, verify

import jsonschema  # plans.py has skipped where it is absent
from hypothesis import given, strategies as st

request_schema = json.load(open(sys.argv[3]))
DIALECT = jsonschema.Draft202012Validator
UNITS = {"": 1, "M": MIB}
REFUSED_REQUESTS = REFUSALS | {errno.EBUSY, errno.EINVAL, errno.ENOTUNIQ}


def refusal(result):
    assert result.returncode == 1, (result.returncode, result.stderr)
    code, text = result.stdout.split(" ", 1)
    return -int(code), text


def total(kernel):
    return sum(r["size"] for r in kernel["memory"])


def check_same_again(case, arguments, machine, text, tail=""):
    """The same again gives the same plan; so does the machine that runs with it."""
    plan = json.loads(text)
    withheld = merge([span(k["low_memory"]) for k in plan["kernels"][1:]] +
                     [span(r) for k in plan["kernels"][1:] for r in k["memory"]])
    case.assertEqual(list(primary_terms(plan)), withheld)
    for more in ([], [f"ours {ranges_text(withheld)}"] if withheld else []):
        case.assertEqual(run(*arguments, text=machine.text(*more) + tail).stdout, text)
    line = json.dumps(plan)
    verdict = run("check", text=f"{machine.text()}\n---\n{line}\n").stdout
    case.assertEqual(verdict, "ok\n")


def owners(plan):
    return {cpu: k["id"] for k in plan["kernels"] for cpu in cpu_list(k["cpus"])}


def cores(machine, cpus):
    """The cores of some CPUs of one node."""
    lists = [list(map(int, line.split()[1].split(","))) for line in machine.extra if line.startswith("core ")]
    found = [set(c) & set(cpus) for c in lists] + [{c} for c in cpus if not any(c in core for core in lists)]
    return [core for core in found if core]


@st.composite
def counted(draw):
    kind = draw(st.sampled_from(["count", "count", "count", "nodes-per-kernel", "per-numa", "per-core", "per-cpu"]))
    options = {}
    if kind == "count":
        options["count"] = draw(st.integers(1, 14))
    if kind == "nodes-per-kernel":
        options["nodes"] = draw(st.integers(1, 4))
    if draw(st.booleans()):
        options["primary-memory"] = f"{draw(st.sampled_from([1, 200, 1000, 5000, 20000]))}M"
    if draw(st.integers(0, 2)) == 0:
        options["low-window"] = hex(draw(st.integers(1, 8)) << 16)
    return kind, draw(st.sampled_from([0, 0, 128 * MIB])), options


def words(options):
    return [f"{key}={value}" for key, value in options.items()]


WAYS = {  # what a refusal suggests, and how to ask for it
    r"--count (\d+)": lambda kind, alignment, o, n: ("count", alignment, o | {"count": n}),
    r"--nodes-per-kernel (\d+)": lambda kind, alignment, o, n: (kind, alignment, o | {"nodes": n}),
    r"--primary-memory (\d+)M": lambda kind, alignment, o, n: (kind, alignment, o | {"primary-memory": f"{n}M"}),
    r"--alignment (\d+)M": lambda kind, alignment, o, n: (kind, int(n) * MIB, o),
    r"a ramdisk of (\d+) MiB": lambda kind, alignment, o, n: (kind, alignment, o | {"ramdisk": f"{n}M"}),
    r"--image-size (\d+)M": lambda kind, alignment, o, n: (kind, alignment, o | {"image": f"{n}M"}),
}


def suggested(text, kind, alignment, options):
    """The arguments that a refusal suggests, or None."""
    for pattern, change in WAYS.items():
        match = re.search("the nearest that fits: " + pattern, text)
        if match:
            return change(kind, alignment, options, match.group(1))
    return None


class Counted(unittest.TestCase):
    counts = {"plans": 0, "refusals": 0, "suggestions": 0}

    @COMMON
    @given(machines(), counted(), st.sets(st.integers(0, 11), max_size=3))
    def test_counted(self, machine, policy, keep):
        kind, alignment, options = policy
        present = {c for cpus, _ in machine.nodes.values() for c in cpus}
        keep &= present
        if keep:
            options = options | {"primary-cpus": ",".join(map(str, sorted(keep)))}
        arguments = ["plan", kind, alignment, *words(options)]
        result = run(*arguments, text=machine.text())
        if result.returncode == 0:
            self.counts["plans"] += 1
            self.check_plan(json.loads(result.stdout), machine, options, keep)
            check_same_again(self, arguments, machine, result.stdout)
            return
        code, text = refusal(result)
        self.assertIn(code, REFUSALS, text)
        self.counts["refusals"] += 1
        again = suggested(text, kind, alignment, options)
        if again:
            self.counts["suggestions"] += 1
            kind, alignment, options = again
            result = run("plan", kind, alignment, *words(options), text=machine.text())
            self.assertEqual(result.returncode, 0, (text, result.stdout))
        window = re.search(r"the nearest place that fits is (0x[0-9a-f]+)", text)
        if window:
            options = options | {"low-window": window.group(1)}
            result = run("plan", kind, alignment, *words(options), text=machine.text())
            self.assertNotIn("low window", result.stdout if result.returncode else "")

    def check_plan(self, plan, machine, options, keep):
        verify(plan, machine)
        jsonschema.validate(plan, schema, cls=DIALECT)
        owner, kernels = owners(plan), plan["kernels"]
        self.assertTrue(all(owner[c] == 0 for c in keep | {0}))
        self.assertGreaterEqual(total(kernels[0]), int(options.get("primary-memory", "0M")[:-1]) * MIB)
        if "low-window" in options:
            self.assertTrue(all(k["low_memory"]["start"] == int(options["low-window"], 16) for k in kernels[1:]))
        if "count" in options:
            self.assertEqual(len(kernels), int(options["count"]))
            self.check_equal(kernels, machine, owner, keep)

    def check_equal(self, kernels, machine, owner, keep):
        divided = {i: [c for c in cpus if not keep or (c not in keep and c != 0)] for i, (cpus, _) in machine.nodes.items()}
        divided = {i: cpus for i, cpus in divided.items() if cpus}
        groups = len(kernels) - bool(keep)
        if groups == 0:
            return
        all_cores = [core for cpus in divided.values() for core in cores(machine, cpus)]
        if groups <= sum(bool(machine.nodes[i][1]) for i in divided):
            for cpus in divided.values():
                self.assertEqual(len({owner[c] for c in cpus}), 1, "a node is split")
        if groups <= len(all_cores):
            for core in all_cores:
                self.assertEqual(len({owner[c] for c in core}), 1, "a core is split")
        sizes = [len(cpu_list(k["cpus"])) for k in kernels[bool(keep):]]
        whole = groups <= len([i for i in divided if machine.nodes[i][1]])
        if not whole:
            share = -(-sum(sizes) // groups)
            self.assertLessEqual(max(sizes), 2 * share, "not near equal")
        elif all(machine.nodes[i][1] for i in divided):
            self.assertLessEqual(max(sizes) - min(sizes), max(map(len, divided.values())), "not near equal")

    @classmethod
    def tearDownClass(cls):
        print(cls.counts)
        assert all(cls.counts.values()), "none of a kind: nothing was tested"


class Function:
    def __init__(self, bus, slot, function, kind, ids, node, group):
        self.bus, self.slot, self.function, self.kind, self.ids = bus, slot, function, kind, ids
        self.node, self.group = node, group
        self.address = f"0000:{bus:02x}:{slot:02x}.{function}"
        self.bridge = kind.startswith("06")

    def text(self):
        words = f"pci {self.address} {self.ids} {self.kind}"
        words += f" node {self.node}" if self.node is not None else ""
        return words + (f" group {self.group}" if self.group is not None else "")

    def bound_to(self, other):
        return not self.bridge and not other.bridge and (
            (self.bus, self.slot) == (other.bus, other.slot) or
            (self.group is not None and self.group == other.group))


@st.composite
def functions(draw):
    found = [Function(0, 0, 0, "060000", "8086:29c0", None, None)]
    for bus in range(draw(st.integers(1, 4))):
        node = draw(st.sampled_from([None, 0, 1, 2]))
        found.append(Function(0, bus + 1, 0, "060400", "1b36:000c", node, None))
        for slot in range(draw(st.sampled_from([1, 1, 2]))):
            for function in range(draw(st.integers(1, 2))):
                found.append(Function(bus + 1, slot, function, draw(st.sampled_from(["020000", "020000", "010802", "010802", "060100"])),
                                      draw(st.sampled_from(["8086:10d3", "8086:0a54", "144d:a808"])), node,
                                      draw(st.sampled_from([None, 10 + bus, 10 + bus, 1]))))
    return sorted(found, key=lambda f: f.address)


@st.composite
def requests(draw, machine, pci):
    """Mostly of what is there."""
    sizes = st.sampled_from([140 * MIB, "132M", "300M", "1G", 1, 50 << 30])
    cpus = sorted({c for cs, _ in machine.nodes.values() for c in cs} - {0}) * 5 + [0, 13]
    nodes = [i for i, (cs, _) in machine.nodes.items() if cs] * 5 + [8]
    homes = [i for i, (_, memory) in machine.nodes.items() if memory] * 5 + [8]
    kernels = []
    for i in range(draw(st.integers(0, 3))):
        k = {"name": f"k{i}"}
        way = draw(st.sampled_from(["cpus", "count", "count", "node", "both"]))
        if way == "cpus":
            k["cpus"] = ",".join(map(str, sorted(draw(st.sets(st.sampled_from(cpus), min_size=1, max_size=3)))))
        if way in ("count", "both"):
            k["cpu_count"] = draw(st.sampled_from([1, 1, 2, 3]))
        if way in ("node", "both"):
            k["node"] = draw(st.sampled_from(nodes))
        memory = {}
        if draw(st.integers(0, 3)) == 0:
            memory["size"] = draw(sizes)
        else:
            values = sorted(draw(st.lists(st.sampled_from([134, 150, 200, 500, 9000]), min_size=3, max_size=3)))
            for name, value in zip(("min", "desired", "max"), values):
                if draw(st.booleans()):
                    memory[name] = f"{value}M"
        if draw(st.integers(0, 3)) == 0:
            memory["node"] = draw(st.sampled_from(homes))
        if memory or draw(st.booleans()):
            k["memory"] = memory
        selectors = st.one_of(st.sampled_from([f for f in pci if not f.bridge] or pci).map(lambda f: {"address": f.address}),
                              st.sampled_from([{"class": "02"}, {"class": "0108", "node": 1}, {"node": 0}]))
        if draw(st.booleans()):
            k["pci"] = draw(st.lists(selectors, min_size=1, max_size=2))
        if draw(st.booleans()):
            k |= {"extra": "quiet a=b", "restart": "always", "image": "/boot/x"}
        for field in ("after", "requires"):
            if kernels and draw(st.integers(0, 2)) == 0:
                k[field] = [other["name"] for other in draw(st.lists(st.sampled_from(kernels), min_size=1, max_size=2))]
        kernels.append(k)
    primary = {}
    if draw(st.booleans()):
        primary["cpus"] = "0"
    if draw(st.booleans()):
        primary["memory"] = draw(st.sampled_from(["100M", "200M", "9G"]))
    dialect = draw(st.sampled_from(["linux", "linux", "popcorn"]))
    return {"format": "mpart-request", "version": 1, "primary": primary, "options": {"dialect": dialect},
            "kernels": kernels}


def size_of(value):
    if isinstance(value, int):
        return value
    return int(value[:-1]) << {"M": 20, "G": 30}[value[-1]]


def up(size, unit):
    return -(-size // unit) * unit


def masked(line, pci):
    """The functions that pci_dev_flags= of a line names."""
    match = re.search(r"pci_dev_flags=(\S+)", line)
    found = set()
    for entry in match.group(1).split(",") if match else []:
        vendor, device, *slot = entry.removesuffix(":b").split(":")
        ids = f"{int(vendor, 16):04x}:{int(device, 16):04x}"
        found |= {f.address for f in pci if f.ids == ids and (not slot or f"{f.slot:x}.{f.function}" == slot[0])}
    return found


class Requests(unittest.TestCase):
    counts = {"plans": 0, "refusals": 0, "suggestions": 0, "given functions": 0}

    @COMMON
    @given(machines(), st.data())
    def test_requests(self, machine, data):
        machine.extra = [line for line in machine.extra if not line.startswith("pci ")]
        pci = data.draw(functions())
        machine.extra += [f.text() for f in pci]
        request = data.draw(requests(machine, pci))
        jsonschema.validate(request, request_schema, cls=DIALECT)
        tail = f"\n---\n{json.dumps(request)}"
        arguments = ["plan", "request", data.draw(st.sampled_from([0, 0, 16 * MIB]))]
        result = run(*arguments, text=machine.text() + tail)
        if result.returncode != 0:
            self.counts["refusals"] += 1
            self.check_refusal(result, arguments, machine, request)
            return
        self.counts["plans"] += 1
        plan = json.loads(result.stdout)
        verify(plan, machine)
        jsonschema.validate(plan, schema, cls=DIALECT)
        check_same_again(self, arguments, machine, result.stdout, tail)
        self.check_kernels(plan, machine, request)
        self.check_pci(plan, pci, request)
        self.check_masks(plan, pci)

    def check_kernels(self, plan, machine, request):
        unit, kernels = plan["policy"]["alignment"], plan["kernels"]
        self.assertEqual([k["name"] for k in kernels], ["primary"] + [k["name"] for k in request["kernels"]])
        self.assertGreaterEqual(total(kernels[0]), size_of(request["primary"].get("memory", 0)))
        for asked, got in zip(request["kernels"], kernels[1:]):
            cpus, memory = cpu_list(got["cpus"]), asked.get("memory", {})
            if "cpus" in asked:
                self.assertEqual(cpus, cpu_list(asked["cpus"]))
            if "cpu_count" in asked:
                self.assertEqual(len(cpus), asked["cpu_count"])
            if "node" in asked:
                self.assertLessEqual(set(cpus), set(machine.nodes[asked["node"]][0]))
            if "size" in memory:
                self.assertEqual(total(got), up(size_of(memory["size"]), unit))
            self.assertGreaterEqual(total(got), size_of(memory.get("min", 0)))
            most = memory.get("max") or memory.get("desired")
            self.assertLessEqual(total(got), up(size_of(most), unit) if most else total(got))
            if "node" in memory:
                self.assertEqual({r["node"] for r in got["memory"]}, {memory["node"]})
            for field in ("image", "extra", "restart"):
                self.assertEqual(got.get(field), asked.get(field))
            for field in ("after", "requires"):
                ids = {1 + [k["name"] for k in request["kernels"]].index(name) for name in asked.get(field, [])}
                self.assertEqual(got.get(field, []), sorted(ids))
            if "extra" in asked:
                self.assertTrue(got["cmdline"]["linux"].endswith(" " + asked["extra"]))

    def check_pci(self, plan, pci, request):
        owner = {address: k["id"] for k in plan["kernels"] for address in k["pci"]}
        self.assertEqual(set(owner), {f.address for f in pci})
        for f in pci:
            self.assertFalse(f.bridge and owner[f.address])
            for other in pci:
                together = f.bound_to(other) or (request["options"]["dialect"] == "linux" and
                                                 owner[f.address] and f.bus == other.bus)
                if together:
                    self.assertEqual(owner[f.address], owner[other.address], (f.address, other.address))
        for i, k in enumerate(request["kernels"]):
            for selector in k.get("pci", []):
                if "address" in selector:
                    self.assertEqual(owner[selector["address"]], i + 1)
        self.counts["given functions"] += sum(map(bool, owner.values()))

    def check_masks(self, plan, pci):
        others = {address for k in plan["kernels"][1:] for address in k["pci"]}
        for k in plan["kernels"]:
            wanted = {f.address for f in pci if not f.kind.startswith(("0600", "0604"))} - set(k["pci"])
            if k["cmdline"]["popcorn"]:
                self.assertEqual(masked(k["cmdline"]["popcorn"], pci), wanted if k["id"] else others)

    def check_refusal(self, result, arguments, machine, request):
        code, text = refusal(result)
        self.assertIn(code, REFUSED_REQUESTS, text)
        again = suggested(text, "request", arguments[2], {})
        if again:
            result = run("plan", again[0], again[1], *words(again[2]), text=f"{machine.text()}\n---\n{json.dumps(request)}")
            self.assertEqual(result.returncode, 0, (text, result.stdout))
        match = re.search("the nearest that fits: (.*)\n", text)
        if not match or not self.complaint(text):
            return
        self.take_advice(request, self.complaint(text)[0], match.group(1))
        self.counts["suggestions"] += 1
        result = run(*arguments, text=f"{machine.text()}\n---\n{json.dumps(request)}")
        if result.returncode:
            self.assertNotEqual(self.complaint(text), self.complaint(refusal(result)[1]), (text, result.stdout))

    @staticmethod
    def complaint(text):
        """Which kernel cannot have what: CPUs or memory."""
        match = re.match(r"kernel (k\d): it (?:asks for \d+ (CPU|MiB)|cannot have (CPU))", text)
        return match and (match.group(1), match.group(2) or match.group(3))

    @staticmethod
    def take_advice(request, name, advice):
        kernel = next(k for k in request["kernels"] if k["name"] == name)
        if advice.startswith('"'):
            kernel |= json.loads("{" + advice + "}")
        elif advice.endswith("primary"):
            request["primary"]["memory"] = advice.split()[0] + "M"
        else:
            kernel["memory"] = {key: value for key, value in kernel.get("memory", {}).items() if key == "node"}
            kernel["memory"]["size"] = advice.removesuffix(" MiB") + "M"

    @classmethod
    def tearDownClass(cls):
        print(cls.counts)
        assert all(cls.counts.values()), "none of a kind: nothing was tested"


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
