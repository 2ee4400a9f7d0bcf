#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads meson's testlog.json and prints "PASSED FAILED"; a skipped test is neither and is named."""
import json
import sys

passed = failed = 0
with open(sys.argv[1], encoding="utf-8") as log:
    for line in log:
        test = json.loads(line)
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            passed += 1
        elif test["result"] == "SKIP":
            print(f"skipped: {test['name']}", file=sys.stderr)
        else:
            failed += 1
print(passed, failed if passed + failed else 1)
