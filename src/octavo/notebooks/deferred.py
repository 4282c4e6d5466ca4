"""Import jsonschema without what takes it two seconds: who reads notebooks needs it, hardly anybody its grammar.

jsonschema takes ``is_valid_syntax`` from rfc3987_syntax, which compiles a grammar when it is imported. Here it takes
a function that does this when it is called.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

NAME = "rfc3987_syntax"


def _is_valid_syntax(term: str, value: str) -> bool:
    return bool(importlib.import_module(NAME).is_valid_syntax(term, value))


def import_jsonschema() -> None:
    """Import it, where it is not loaded yet; others who import the package of the grammar are given that."""
    if NAME in sys.modules or "jsonschema" in sys.modules or not importlib.util.find_spec(NAME):
        return
    stand_in = ModuleType(NAME)
    stand_in.__dict__["is_valid_syntax"] = _is_valid_syntax
    sys.modules[NAME] = stand_in
    try:
        importlib.import_module("jsonschema")
    finally:
        del sys.modules[NAME]


import_jsonschema()  # the process that workers are forked from is given this module first
