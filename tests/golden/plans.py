#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plans of known machines, byte for byte: plans/NAME.machine (its first line names the policy) gives
plans/NAME.json and plans/NAME.cfg, the drop-in for GRUB.

usage: plans.py PLAN-TOOL SCHEMA [--regenerate]
"""
import difflib
import json
import subprocess
import sys
from pathlib import Path

tool, schema = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
regenerate = "--regenerate" in sys.argv[3:]
directory = Path(__file__).parent / "plans"


def output(*arguments, text):
    return subprocess.run([tool, *arguments], input=text, capture_output=True, text=True, check=True).stdout


def differs(path, text):
    if regenerate:
        path.write_text(text)
        return False
    wanted = path.read_text() if path.exists() else ""
    sys.stdout.writelines(difflib.unified_diff(wanted.splitlines(True), text.splitlines(True), str(path), "now"))
    return wanted != text


def validate(document):
    try:
        import jsonschema
    except ImportError:
        print("the schema was not tried: python3-jsonschema is not installed")
        return
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)


failed = 0
machines = sorted(directory.glob("*.machine"))
for path in machines:
    machine = path.read_text()
    kind = machine.split("\n")[0].removeprefix("# ")
    plan = output("plan", kind, "0", text=machine)
    failed += differs(path.with_suffix(".json"), plan)
    failed += differs(path.with_suffix(".cfg"), output("dropin", kind, text=machine))
    validate(json.loads(plan))
print(f"{len(machines)} machines, {failed} files differ")
sys.exit(failed > 0 or not machines)
