"""Imported first by the process that workers are forked from: puts off what takes a second and hardly anybody uses.

jsonschema takes ``is_valid_syntax`` from rfc3987_syntax, which compiles a grammar when it is imported. Here it takes
a function that does this when it is called. ``octavo.notebooks.warm_worker`` ends it.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

NAME = "rfc3987_syntax"


def _is_valid_syntax(term: str, value: str) -> bool:
    return bool(importlib.import_module(NAME).is_valid_syntax(term, value))


def begin() -> None:
    """Put off the import of the package, where it is installed and not loaded yet."""
    if NAME not in sys.modules and importlib.util.find_spec(NAME):
        stand_in = ModuleType(NAME)
        stand_in.__dict__["is_valid_syntax"] = _is_valid_syntax
        sys.modules[NAME] = stand_in


def end() -> None:
    """Let the package be imported as ever."""
    if getattr(sys.modules.get(NAME), "is_valid_syntax", None) is _is_valid_syntax:
        del sys.modules[NAME]


begin()
