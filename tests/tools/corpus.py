# SPDX-License-Identifier: GPL-2.0-or-later
"""The collection of captured machines, which is not part of the sources: MPART_CORPUS names it, else it is looked for
beside them."""
import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(os.environ.get("MPART_SOURCE", Path(__file__).resolve().parents[2]))


def corpus(part):
    """The directory of one part of it, or None where it is not there."""
    directory = Path(os.environ.get("MPART_CORPUS", SOURCE.parent / "shared/corpus")) / part
    return directory if directory.is_dir() else None


@contextlib.contextmanager
def unpacked(archive):
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["tar", "-C", scratch, "-xf", archive], check=True)
        yield Path(scratch)
