"""Heard in the kernel: what the user's code asks for that is not there. `os.path.exists` raises no event."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

QUESTIONS = ((os.path, ("exists", "isfile", "isdir")), (Path, ("exists", "is_file", "is_dir")))


def listen(heard: Callable[[object, bool], None], installed: tuple[str, ...]) -> None:
    """Have ``heard`` called with each path for which the user's code asks, and whether it is there.

    What packages ask, all below the folders ``installed``, is theirs: they look for much that nobody needs.
    """
    for place, names in QUESTIONS:
        for name in names:
            setattr(place, name, _asked(getattr(place, name), heard, installed))


def _asked(
    ask: Callable[..., bool], heard: Callable[[object, bool], None], installed: tuple[str, ...]
) -> Callable[..., bool]:
    @functools.wraps(ask)
    def answer(path: Any, *arguments: Any, **options: Any) -> bool:
        there = ask(path, *arguments, **options)
        if not sys._getframe(1).f_code.co_filename.startswith(installed):
            heard(path, there)
        return there

    return answer
