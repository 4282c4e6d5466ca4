"""Loaded into each kernel of a build as an IPython extension: notes what is read, records figures that are saved."""

from __future__ import annotations

from typing import Any

from octavo import saved
from octavo.notebooks import trace


def load_ipython_extension(shell: Any) -> None:
    """Begin both, the trace last: what the other one imports is Octavo's own."""
    saved.load_ipython_extension(shell)
    trace.load_ipython_extension(shell)
