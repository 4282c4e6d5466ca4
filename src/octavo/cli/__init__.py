"""The ``octavo`` command: a file a verb, events to text or JSON. Nothing imports this package."""

from __future__ import annotations

from octavo.cli.main import main

__all__ = ["main"]
