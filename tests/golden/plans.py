#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plans of known machines, byte for byte: plans/NAME.machine (its first line names the policy and its options) and,
where there is one, the request plans/NAME.request give plans/NAME.json, plans/NAME.why, the explanation, and
plans/NAME.cfg, the drop-in for GRUB.

usage: plans.py PLAN-TOOL SCHEMA REQUEST-SCHEMA [--regenerate]
"""
import difflib
import json
import subprocess
import sys
from pathlib import Path

tool, schema, request_schema = sys.argv[1], *(json.loads(Path(p).read_text()) for p in sys.argv[2:4])
regenerate = "--regenerate" in sys.argv[4:]
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


def validate(document, schema):
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
    text = path.read_text()
    kind, *words = text.split("\n")[0].removeprefix("# ").split()
    request = path.with_suffix(".request")
    if request.exists():
        validate(json.loads(request.read_text()), request_schema)
        text += f"\n---\n{request.read_text()}"
    plan = output("plan", kind, "0", *words, text=text)
    failed += differs(path.with_suffix(".json"), plan)
    failed += differs(path.with_suffix(".why"), output("explain", kind, "0", *words, text=text))
    failed += differs(path.with_suffix(".cfg"), output("dropin", kind, *words, text=text))
    validate(json.loads(plan), schema)
print(f"{len(machines)} machines, {failed} files differ")
sys.exit(failed > 0 or not machines)
