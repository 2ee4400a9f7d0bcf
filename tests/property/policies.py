#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plans of random machines: disjoint, complete, aligned and deterministic; every changed plan is refused.

usage: plans.py PLAN-TOOL SCHEMA    (MPART_EXAMPLES: how many machines, default 300)
"""
import copy
import errno
import json
import os
import subprocess
import sys
import unittest

try:
    import jsonschema
    from hypothesis import HealthCheck, given, settings, strategies as st
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4 * KIB
REFUSALS = {errno.ENOSPC, errno.EOPNOTSUPP, errno.ENODATA, errno.E2BIG}
COMMON = settings(max_examples=int(os.environ.get("MPART_EXAMPLES", "300")), deadline=None, derandomize=True,
                  database=None, suppress_health_check=list(HealthCheck))
tool, schema = sys.argv[1], json.load(open(sys.argv[2]))


def run(*arguments, text):
    return subprocess.run([tool, *map(str, arguments)], input=text, capture_output=True, text=True, check=False)


def ranges_text(ranges):
    return ",".join(f"{start:#x}-{end:#x}" for start, end in ranges) or "-"


class Machine:
    """A machine and its text."""

    def __init__(self, nodes, extra):
        self.nodes, self.extra = nodes, extra  # nodes: {id: (cpus, [(start, end)])}

    def text(self, *more):
        lines = [f"node {i} cpus {','.join(map(str, cpus)) or '-'} memory {ranges_text(memory)}"
                 for i, (cpus, memory) in sorted(self.nodes.items())]
        return "\n".join(lines + self.extra + list(more)) + "\n"

    def ram(self):
        return merge(r for _, memory in self.nodes.values() for r in memory)


@st.composite
def machines(draw):
    ids = sorted(draw(st.sets(st.integers(0, 9), min_size=1, max_size=5)))
    n_cpus = draw(st.integers(1, 12))
    homes = draw(st.lists(st.sampled_from(ids), min_size=n_cpus, max_size=n_cpus))
    nodes = {i: ([c for c in range(n_cpus) if homes[c] == i], []) for i in ids}

    # Memory as firmware leaves it: pieces in address order, of any node, with gaps of whole pages.
    low = draw(st.sampled_from([[(PAGE, 0x9f000)], [(PAGE, 0x90000)], [(PAGE, 0x58000), (0x5a000, 0x9e000)]]))
    pieces, at, unused = low, MIB, []
    for _ in range(draw(st.integers(1, 9))):
        size = draw(st.sampled_from([16 * MIB, 300 * MIB, 2 * GIB, 4 * GIB]))
        size += PAGE * draw(st.integers(0, 600))
        kind = draw(st.sampled_from(["ram"] * 8 + ["withheld", "unclaimed"]))
        if kind == "ram":
            pieces = pieces + [(at, at + size)]
        else:
            unused.append(f"{kind} {at:#x}-{at + size:#x}")
        at += size + draw(st.sampled_from([0, 0, PAGE, 5 * MIB, GIB])) + PAGE * draw(st.integers(0, 3))
    for piece in pieces:
        nodes[draw(st.sampled_from(ids))][1].append(piece)
    nodes = {i: (cpus, merge(memory)) for i, (cpus, memory) in nodes.items() if cpus or memory}

    extra = unused
    n = len(nodes)
    if draw(st.booleans()):
        row = st.lists(st.integers(11, 40), min_size=n, max_size=n)
        for i in range(n):
            distances = draw(row)
            distances[i] = 10
            extra.append("distance " + " ".join(map(str, distances)))
    if n_cpus % 2 == 0 and draw(st.booleans()):
        extra += [f"core {c},{c + n_cpus // 2}" for c in range(n_cpus // 2)]
    if draw(st.booleans()):
        extra += ["pci 0000:00:1f.2 8086:2922 010601", "pci 10000:e1:00.0 8086:0a54 010802", "uarts 0-2", "consoles 1"]
    return Machine(nodes, extra)


policies = st.tuples(st.sampled_from(["per-numa", "per-core", "per-cpu"]),
                     st.sampled_from([0, 2 * MIB, 128 * MIB, GIB]))


def merge(ranges):
    merged = []
    for start, end in sorted(ranges):
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def span(r):
    return (r["start"], r["start"] + r["size"])


def overlap(ranges):
    ranges = sorted(ranges)
    return any(a[1] > b[0] for a, b in zip(ranges, ranges[1:]))


def cpu_list(text):
    cpus = []
    for part in text.split(",") if text else []:
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def planned(machine, policy):
    """The plan, or None where the machine is refused for a reason that is legal."""
    result = run("plan", *policy, text=machine.text())
    assert result.returncode in (0, 1), result.stderr
    if result.returncode == 0:
        return result.stdout
    code = -int(result.stdout.split()[0])
    assert code in REFUSALS, result.stdout
    return None


def verify(plan, machine):
    kernels, nodes = plan["kernels"], machine.nodes
    windows = {span(k["low_memory"]) for k in kernels[1:]}
    owned = [span(r) for k in kernels for r in k["memory"]] + sorted(windows)
    assert not overlap(owned + [span(u) for u in plan["unused"]])
    assert merge(owned) == machine.ram()
    for node in plan["machine"]["nodes"]:
        assert [span(r) for r in node["memory"]] == nodes[node["id"]][1]

    cpus = [cpu_list(k["cpus"]) for k in kernels]
    assert sorted(sum(cpus, [])) == sorted(c for cs, _ in nodes.values() for c in cs)
    assert 0 in cpus[0]
    for k, own in zip(kernels, cpus):
        assert k["boot_cpu"] == min(own)
        for r in k["memory"]:
            assert any(s <= r["start"] and r["start"] + r["size"] <= e for s, e in nodes[r["node"]][1])

    alignment = plan["policy"]["alignment"]
    for k in kernels[1:]:
        assert all(r["start"] % alignment == 0 and r["size"] % alignment == 0 for r in k["memory"])
        assert all(r["start"] >= 128 * MIB for r in k["memory"])
        parts = [(k["load"], k["load"] + plan["policy"]["image_size"]),
                 (k["ramdisk"], k["ramdisk"] + plan["policy"]["ramdisk_size"]),
                 (k["shared"]["start"] - 2 * MIB, k["shared"]["start"]), span(k["shared"])]
        assert not overlap(parts)
        assert any(s <= min(parts)[0] and max(parts)[1] <= e for s, e in map(span, k["memory"]))
    assert len({k["cmdline"]["linux"].partition("console=")[2] or k["id"] for k in kernels[1:]}) == len(kernels) - 1


def primary_terms(plan):
    words = plan["kernels"][0]["cmdline"]["linux"].split()
    units = {"K": KIB, "M": MIB, "G": GIB}
    for word in words:
        if word.startswith("memmap="):
            size, start = word.removeprefix("memmap=").split("$")
            size = int(size[:-1]) * units[size[-1]]
            yield (int(start, 16), int(start, 16) + size)


# Each takes a plan and a kernel (not the primary) and breaks one rule.
MUTATIONS = {
    "grow": lambda p, k: k["memory"][-1].update(size=k["memory"][-1]["size"] + p["policy"]["alignment"]),
    "shrink": lambda p, k: k["memory"][0].update(size=k["memory"][0]["size"] - PAGE),
    "shift": lambda p, k: k["memory"][0].update(start=k["memory"][0]["start"] + PAGE),
    "lose": lambda p, k: k["memory"].pop(0),
    "double": lambda p, k: p["kernels"][0]["memory"].append(dict(k["memory"][0])),
    "steal": lambda p, k: p["kernels"][0]["memory"].pop(),
    "node": lambda p, k: k["memory"][0].update(node=77),
    "cpu twice": lambda p, k: k.update(cpus=p["kernels"][0]["cpus"], boot_cpu=0),
    "cpu lost": lambda p, k: p["machine"]["nodes"][0].update(cpus="0-40"),
    "cpu unknown": lambda p, k: k.update(cpus=k["cpus"] + ",41"),
    "boot cpu": lambda p, k: k.update(boot_cpu=40),
    "load": lambda p, k: k.update(load=k["load"] + PAGE),
    "load below": lambda p, k: k.update(load=k["load"] - 2 * MIB),
    "ramdisk": lambda p, k: k.update(ramdisk=k["ramdisk"] + PAGE),
    "ramdisk on load": lambda p, k: k.update(ramdisk=k["load"]),
    "shared": lambda p, k: k["shared"].update(start=k["shared"]["start"] - PAGE),
    "shared size": lambda p, k: k["shared"].update(size=k["shared"]["size"] + 2 * MIB),
    "window": lambda p, k: k["low_memory"].update(start=k["low_memory"]["start"] - 64 * KIB),
    "window size": lambda p, k: k["low_memory"].update(size=64 * KIB),
    "id": lambda p, k: k.update(id=k["id"] + 1),
    "name": lambda p, k: k.update(name="primary"),
    "kernel lost": lambda p, k: p["kernels"].pop(),
    "digest": lambda p, k: p["machine"].update(digest="0" * 64),
    "huge": lambda p, k: k["memory"][0].update(start=(1 << 53) - 2 * MIB),
    "alignment": lambda p, k: p["policy"].update(alignment=p["policy"]["alignment"] + 1),
    "pci twice": lambda p, k: [q.update(pci=["0000:00:00.0"]) for q in p["kernels"]],
    "line": lambda p, k: k["cmdline"].update(linux="x" * 2048),
    "unknown field": lambda p, k: k.update(colour="red"),
    "missing field": lambda p, k: k.pop("load"),
    "unused twice": lambda p, k: p["unused"].append(dict(k["memory"][0], reason="none")),
}


class Plans(unittest.TestCase):
    counts = {"plans": 0, "refusals": 0, "mutations": 0}

    @COMMON
    @given(machines(), policies)
    def test_plans(self, machine, policy):
        text = planned(machine, policy)
        if text is None:
            self.counts["refusals"] += 1
            return
        self.counts["plans"] += 1
        plan = json.loads(text)
        verify(plan, machine)
        jsonschema.validate(plan, schema, cls=jsonschema.Draft202012Validator)
        self.assertEqual(text, planned(machine, policy), "not deterministic")

        windows = [span(k["low_memory"]) for k in plan["kernels"][1:]]
        withheld = merge(windows + [span(r) for k in plan["kernels"][1:] for r in k["memory"]])
        self.assertEqual(list(primary_terms(plan)), withheld)
        if withheld:  # the same machine, restarted with the plan in effect
            again = run("plan", *policy, text=machine.text(f"ours {ranges_text(withheld)}"))
            self.assertEqual(text, again.stdout)

    @COMMON
    @given(machines(), policies, st.data())
    def test_changed_plans(self, machine, policy, data):
        text = planned(machine, policy)
        plan = json.loads(text) if text else None
        if not plan or len(plan["kernels"]) < 2:
            return
        which = data.draw(st.integers(1, len(plan["kernels"]) - 1))
        documents = [plan]
        for mutate in MUTATIONS.values():
            changed = copy.deepcopy(plan)
            mutate(changed, changed["kernels"][which])
            documents.append(changed)
        lines = "\n".join(json.dumps(d) for d in documents)
        result = run("check", text=f"{machine.text()}\n---\n{lines}\n")
        verdicts = result.stdout.splitlines()
        self.assertEqual(len(verdicts), len(documents), result.stderr)
        self.assertEqual(verdicts[0], "ok")
        for name, verdict in zip(MUTATIONS, verdicts[1:]):
            self.assertRegex(verdict, r"^-\d+ .+", f"{name} was not refused")
            self.assertEqual(verdict.startswith(f"-{errno.ESTALE} "), name == "digest", verdict)
            self.counts["mutations"] += 1

    @classmethod
    def tearDownClass(cls):
        print(cls.counts)
        assert cls.counts["plans"] > cls.counts["refusals"] / 3, "most machines were refused: nothing was tested"


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
