"""The grammar of jsonschema is compiled by whoever asks for it, and by nobody else."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("rfc3987_syntax")
ASKS = """
import sys
from octavo.notebooks import deferred
import nbformat.v4
loaded = [name for name in sys.modules if name.startswith("rfc3987_syntax")]
from jsonschema import FormatChecker
says = FormatChecker().conforms
print(loaded, says("https://example.org/é", "iri"), says("no iri", "iri"))
import rfc3987_syntax
print(rfc3987_syntax.is_valid_syntax("iri", "no iri"), bool(rfc3987_syntax.__file__))
"""


def test_a_grammar_that_nobody_asks_for_is_not_compiled() -> None:
    """Where it is asked for it answers, and who imports its package has that."""
    said = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == "[] True False\nFalse True\n"
