"""``octavo stop``."""

from __future__ import annotations

import json

import click

from octavo.engine import forked


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print how many were ended as JSON.")
def stop(as_json: bool) -> None:
    """End the processes that kernels and workers are forked from.

    They wait for the next build, and end after ten idle minutes. A build that is at work goes on; the next one starts
    them anew.

    \b
    octavo stop                before a long pause, to have the memory back
    """
    ended = forked.stop() if forked.forkable() else 0
    if as_json:
        print(json.dumps({"stopped": ended}))
    else:
        print(f"Stopped {ended}." if ended else "Nothing waits.")
