"""The ``octavo`` command: a file a verb, events to text or JSON. Nothing imports this package."""

from __future__ import annotations

import signal

__all__ = ["main"]


def main() -> None:
    """Run the command; the entry point of the ``octavo`` script."""
    # Until it can say that it was stopped there is nothing to stop: a Ctrl-C ends it, without Python's own words.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from octavo.cli.main import main as run

    run()
