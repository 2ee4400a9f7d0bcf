# SPDX-License-Identifier: GPL-2.0-or-later
"""A test that is a road of steps on one machine. Each step is a function; they run in the order they are written, and
the first that fails ends the road, since the later ones stand on it. Prints TAP."""
import sys
import time
import traceback


class Road:
    def __init__(self):
        self._steps = []

    def step(self, function):
        """Decorator: the next step. Its doc string is its name."""
        self._steps.append(function)
        return function

    def walk(self, *arguments):
        """Run the steps; exit status for sys.exit()."""
        print(f"1..{len(self._steps)}", flush=True)
        for number, function in enumerate(self._steps, 1):
            name = (function.__doc__ or function.__name__).strip().rstrip(".")
            start = time.monotonic()
            try:
                function(*arguments)
            except Exception:  # every failure is reported the same way
                print(f"not ok {number} - {name}")
                traceback.print_exc(file=sys.stderr)
                print(f"Bail out! {name}", flush=True)
                return 1
            print(f"ok {number} - {name} ({time.monotonic() - start:.1f} s)", flush=True)
        return 0


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"got {actual!r}, wanted {expected!r}")


def contains(text, part):
    if part not in text:
        raise AssertionError(f"{part!r} is not in:\n{text}")
