#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot logs of real machines, written as roots: mpartctl gives exactly the ranges that their kernels found. Argument:
mpartctl."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import boot_log_root  # noqa: E402
from corpus import corpus  # noqa: E402


def ranges_told(mpartctl, root):
    done = subprocess.run([mpartctl, "machine", "--json", "--root", root], check=True, capture_output=True, text=True)
    return {node["id"]: [(r["start"], r["start"] + r["size"]) for r in node["memory"]]
            for node in json.loads(done.stdout)["nodes"] if node["memory"]}


def main():
    logs = corpus("e820")
    if not logs:
        print("no boot logs (MPART_CORPUS names the directory of the corpus)")
        return 77
    failed = 0
    for path in sorted(logs.glob("*.txt")):
        with tempfile.TemporaryDirectory() as scratch:
            m = boot_log_root.write(path.read_text(), scratch)
            told = ranges_told(sys.argv[1], scratch)
            exact = told == m.expected
            failed += not exact
            print(f"{'exact ' if exact else 'DIFFERS'} {path.stem}: {m.n_nodes} nodes, block {m.block >> 20} MiB")
            if not exact:
                print("  told", told, "\n  expected", m.expected)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
