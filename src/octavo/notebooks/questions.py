"""Heard in the kernel: for which files and folders the user's code asks whether they are there.

`os.path.exists` and its like raise no event of the interpreter's, so they are wrapped.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

QUESTIONS = ((os.path, ("exists", "isfile", "isdir")), (Path, ("exists", "is_file", "is_dir")))


def listen(heard: Callable[[object], None], installed: tuple[str, ...]) -> None:
    """Have ``heard`` called with each path of which the user's code asks whether it is there.

    What packages ask, all below the folders ``installed``, is theirs: they look for much that nobody needs.
    """
    for place, names in QUESTIONS:
        for name in names:
            ask = getattr(place, name)
            wrapped = _asked(ask, heard, installed)
            setattr(place, name, wrapped)
            home = sys.modules[ask.__module__]
            if getattr(home, name, None) is ask:  # by this name pickle looks for it, and must find the same
                setattr(home, name, wrapped)


def _asked(
    ask: Callable[..., bool], heard: Callable[[object], None], installed: tuple[str, ...]
) -> Callable[..., bool]:
    @functools.wraps(ask)
    def answer(*arguments: Any, **options: Any) -> bool:
        there = ask(*arguments, **options)
        given = (*arguments, *options.values())
        if len(given) == 1 and not sys._getframe(1).f_code.co_filename.startswith(installed):
            heard(given[0])
        return there

    return answer
