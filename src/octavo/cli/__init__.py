"""The ``octavo`` command: a file a verb, events to text or JSON. Nothing imports this package."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress

__all__ = ["main"]


def main() -> None:
    """Run the command; the entry point of the ``octavo`` script."""
    # Until it can say that it was stopped there is nothing to stop: a Ctrl-C ends it, without Python's own words.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from octavo.cli.main import main as run

    try:
        run()
    except SystemExit as end:
        if isinstance(end.code, int):
            _leave(end.code)
        raise


def _leave(code: int) -> None:
    """End as Python does, but without taking all modules apart: a fifth of the time of a command with nothing to do."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    with suppress(OSError):  # nobody reads what it says any more: Python has its own code for that
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
