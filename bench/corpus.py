#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of every machine of the corpus: planned, or refused and why; whether its node ranges are exactly the
expected ones; the part of its RAM that no kernel owns; the time of a plan beside that of lstopo and numactl on the
same tree.

    bench/corpus.py MPARTCTL [RUNS]

The times are CPU times, minima of RUNS (5) runs, each program started afresh: nothing waits for a disk once the tree
is read, and other load does not count. A refused machine is timed by "mpartctl machine",
which reads all that planning reads. numactl has no option for another root: the tree is bound over /sys in a
mount namespace of its own, as root."""
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/tools"))
import boot_log_root  # noqa: E402
from corpus import corpus, unpacked  # noqa: E402

LSTOPO = ["lstopo-no-graphics", "--if", "fsroot", "--of", "console", "-i"]


def expected_ranges(root):
    path = root / "EXPECTED-node-ranges.txt"
    return boot_log_root.node_ranges(path.read_text()) if path.exists() else None


def ranges_of(nodes):
    return {node["id"]: [(r["start"], r["start"] + r["size"]) for r in node["memory"]] for node in nodes if node["memory"]}


def milliseconds(command, runs):
    """CPU time of the best run, or None where the program fails."""
    best = None
    for _ in range(runs):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        elapsed = (usage.ru_utime + usage.ru_stime) * 1000
        if child.returncode != 0:
            return None
        best = min(best or elapsed, elapsed)
    return best


def without_owner(plan, machine):
    """Percent of the RAM that neither the primary nor a secondary has. What others withhold is not ours to give."""
    installed = sum(r["size"] for r in machine["ram"])
    owned = sum(r["size"] for kernel in plan["kernels"] for r in kernel["memory"])
    owned += sum({w["start"]: w["size"] for k in plan["kernels"] for w in [k.get("lowMemory")] if w}.values())
    return 100 * (installed - owned) / installed


def plan_of(mpartctl, root):
    """(document, None) or (None, why not)."""
    done = subprocess.run([mpartctl, "plan", "--json", "--root", root], capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout), None
    return None, re.sub(rf"^mpartctl: ({re.escape(str(root))}: )?", "", done.stderr.strip().split("\n")[-1])


def machines():
    """(name, context manager that gives the root, expected ranges or None)."""
    for archive in sorted(corpus("machines").glob("*.tar.xz")):
        yield archive.name.removesuffix(".tar.xz"), unpacked(archive), None
    for path in sorted(corpus("e820").glob("*.txt")):
        yield f"boot log {path.stem}", written(path), boot_log_root.node_ranges(
            boot_log_root.sections(path.read_text())["expected"])


@contextlib.contextmanager
def written(path):
    with tempfile.TemporaryDirectory() as scratch:
        boot_log_root.write(path.read_text(), scratch)
        yield Path(scratch)


def numactl_time(root, runs):
    """numactl reads /sys and /proc: the tree is put in their place in a mount namespace of its own."""
    if os.geteuid() != 0 or not (root / "sys/devices/system/node").is_dir():
        return None
    script = f"mount --bind {root}/sys /sys && exec numactl --hardware"
    bound = milliseconds(["unshare", "-m", "sh", "-c", script], runs)
    idle = milliseconds(["unshare", "-m", "sh", "-c", f"mount --bind {root}/sys /sys && exec true"], runs)
    return max(bound - idle, 0) if bound and idle else None


def row(mpartctl, name, root, expected, runs):
    machine = subprocess.run([mpartctl, "machine", "--json", "--root", root], capture_output=True, text=True)
    machine = json.loads(machine.stdout) if machine.returncode == 0 else None
    plan, why = plan_of(mpartctl, root)
    expected = expected or expected_ranges(root)
    exact = "-" if expected is None else "exact" if machine and ranges_of(machine["nodes"]) == expected else "WRONG"
    verb = "plan" if plan else "machine"
    return {"name": name, "plan": plan, "why": why, "exact": exact,
            "loose": without_owner(plan, machine) if plan else None,
            "ours": milliseconds([mpartctl, verb, "--json", "--root", root], runs),
            "lstopo": milliseconds([*LSTOPO, root], runs), "numactl": numactl_time(root, runs)}


def number(value, form):
    return "-" if value is None else format(value, form)


def main(mpartctl, runs=5):
    if not corpus("machines"):
        print("no captured machines (MPART_CORPUS names their directory)")
        return 77
    print(f"{'machine':44} {'kernels':>7} {'ranges':6} {'no owner':>8} {'ms':>6} {'lstopo':>7} {'numactl':>7} {'ratio':>6}"
          "  refused because")
    rows = []
    for name, place, expected in machines():
        with place as root:
            r = row(mpartctl, name, root, expected, int(runs))
        ratio = r["ours"] / r["lstopo"] if r["ours"] and r["lstopo"] else None
        rows.append((r, ratio))
        print(f"{name:44} {len(r['plan']['kernels']) if r['plan'] else '-':>7} {r['exact']:6} "
              f"{number(r['loose'], '.3f'):>7}{'%' if r['plan'] else ' '} {number(r['ours'], '.1f'):>6} "
              f"{number(r['lstopo'], '.1f'):>7} {number(r['numactl'], '.1f'):>7} {number(ratio, '.2f'):>6}  {r['why'] or ''}",
              flush=True)
    planned = [r for r, _ in rows if r["plan"]]
    told = [r for r, _ in rows if r["exact"] != "-"]
    ratios = sorted(ratio for _, ratio in rows if ratio)
    print(f"{len(rows)} machines: {len(planned)} planned, {len(rows) - len(planned)} refused; "
          f"{sum(r['exact'] == 'exact' for r in told)} of {len(told)} exact; at most "
          f"{max(r['loose'] for r in planned):.3f} % of RAM without owner (aim: 0.5); time by lstopo's: median "
          f"{ratios[len(ratios) // 2]:.2f}, worst {ratios[-1]:.2f} (aim: 0.25)")
    return 1 if any(r["exact"] == "WRONG" for r in told) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
