"""``octavo serve``."""

from __future__ import annotations

import signal
import sys
import webbrowser
from pathlib import Path

import click

from octavo import pipeline, planning, project
from octavo.cli import progress
from octavo.cli.build import told_once
from octavo.cli.main import words
from octavo.errors import each_of
from octavo.planning import Plan
from octavo.preview.board import Board
from octavo.preview.live import Tell, live
from octavo.preview.making import DOCUMENTS, HTML, PDF, Made, making, notebooks
from octavo.preview.server import serving

PORT = 8017
FORMATS = (PDF, HTML)


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, metavar="N", help="0: one that is free."
)
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@click.pass_obj
def serve(folder: Path, port: int, opened: bool) -> None:
    """Show the paper in the browser, and make it anew whenever something of it is saved.

    First the notebooks that the paper needs are run, as `octavo build paper` does; later they are not: the page says
    which results are older than their notebooks, and shows new ones when an `octavo build` made them. An error stands
    in place of the page until it is mended. The PDF is at /paper.pdf, and like the page in build/paper/. Ctrl-C ends
    it, with exit code 0.

    \b
    octavo serve               look at http://127.0.0.1:8017/
    octavo serve --open        open the browser, too
    octavo serve --port 0      take a port that is free
    """
    plan = planning.make_plan(project.read(project.find_root(folder)))
    needed, board = set(notebooks(plan)), Board()
    with serving(port, board) as server:
        print(
            f"The paper is at {server.address} and its PDF at {server.address}paper.pdf. Ctrl-C ends this.", flush=True
        )
        if opened:
            webbrowser.open(server.address)
        with making(plan.project.root) as maker:
            run(plan, needed)
            try:
                live(maker, board, teller())
            except KeyboardInterrupt:  # that is how it ends: nothing was cut short that anybody waits for
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                print("\nStopped.", file=sys.stderr)


def run(plan: Plan, needed: set[str]) -> None:
    """Bring the notebooks up to date that the paper needs. One that fails is told of; the last results are shown."""
    if not any(name in needed for name in pipeline.stale(plan, FORMATS)):
        return
    with progress.shown(quiet=False) as (listen, _):
        outcomes = pipeline.build(plan, FORMATS, listen)
    # Of the documents it is told below.
    if error := told_once({name: outcome for name, outcome in outcomes.items() if name not in DOCUMENTS}):
        print(words(error), file=sys.stderr, flush=True)


def teller() -> Tell:
    """Return what tells on the terminal what was made: of stale notebooks only what is new."""
    known: dict[str, str] = {}

    def tell(made: Made, seconds: float) -> None:
        for name, reason in made.stale.items():
            if known.get(name) != reason:
                print(f"{name} is stale ({reason}): its last results are shown. `octavo build` runs it.", flush=True)
        known.clear()
        known.update(made.stale)
        for fault in dict.fromkeys(words(fault) for error in made.errors for fault in each_of(error)):
            print(fault, file=sys.stderr, flush=True)
        if not made.errors:
            print(f"paper.pdf and paper.html are up to date ({seconds:.1f} s).", flush=True)

    return tell
