"""Names of files: which count in a folder that was listed, how JSON has those that are no text, what is there."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

UNDECODABLE = re.compile("[\udc80-\udcff]")  # how Python has the bytes of a name that are not UTF-8
ENCODED = re.compile("\0([0-9a-f]{2})")
FILE, FOLDER, MISSING = "a file", "a folder", "missing"


def presence(path: str | os.PathLike[str]) -> str:
    """Return as what something is there, by a question that raises nothing: FILE, FOLDER or MISSING."""
    try:
        return FOLDER if stat.S_ISDIR(os.stat(path).st_mode) else FILE  # noqa: PTH116
    except (OSError, ValueError):
        return MISSING


def counts(name: str) -> bool:
    """Whether a name in a folder that was listed counts: a file of a program's own does not."""
    return not name.startswith(".") and name != "__pycache__"


def files_below(folder: Path, kept: Callable[[str], bool] = lambda name: True) -> list[Path]:
    """Return the files in a folder at any depth, sorted, behind links to folders too.

    Files and folders whose names are not ``kept`` are left out, and so is a link to a folder that it lies in.
    """
    found = []
    for place, folders, files in os.walk(folder, followlinks=True):
        around = Path(os.path.realpath(place))
        folders[:] = (n for n in folders if kept(n) and not around.is_relative_to(os.path.realpath(f"{place}/{n}")))
        found += [Path(place, name) for name in files if kept(name)]
    return sorted(path for path in found if path.is_file())


def encodable(name: str) -> str:
    """Return a file's name as JSON can have it; two names stay two, since none has the sign NUL in it."""
    return UNDECODABLE.sub(lambda found: f"\0{ord(found[0]) - 0xDC00:02x}", name)


def decoded(name: str) -> str:
    """Return a file's name of what ``encodable`` made of it."""
    return ENCODED.sub(lambda found: chr(int(found[1], 16) + 0xDC00), name) if "\0" in name else name
