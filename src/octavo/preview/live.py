"""The loop of a preview: make the paper, show it, wait until something was saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from octavo.preview import watch
from octavo.preview.board import Board, faults
from octavo.preview.making import Made, Maker

Tell = Callable[[Made, float], None]


def live(maker: Maker, board: Board, tell: Tell) -> None:
    """Keep the board at what the project has, for ever; ``tell`` hears what was made, and the seconds it took."""
    before = maker.watched().look()
    warm = False
    while True:
        begun = time.monotonic()
        board.show(working=True)
        made = maker.make(lambda name, data: board.show(files={**board.state.files, name: data}))
        watched = maker.watched()
        now = watched.look()
        if _moved(before.rest, now.rest) or _moved(before.sources, now.sources):  # it was made of what is gone by now
            _reread(maker, before, now)
            before = now
            continue
        _show(board, made)
        tell(made, time.monotonic() - begun)
        if not warm:
            maker.begin()
            warm = True
        maker.tidy()
        before = _awaited(maker, watched, now)


def _awaited(maker: Maker, watched: watch.Watched, before: watch.Seen) -> watch.Seen:
    """Wait until something was saved of which the paper is made."""
    while True:
        now = watch.changed(watched, before)
        _reread(maker, before, now)
        if now.sources != before.sources or now.rest != before.rest or maker.concerns():
            return now
        before = now  # another build remembered results that are none of the paper's


def _reread(maker: Maker, before: watch.Seen, now: watch.Seen) -> None:
    if now.rest != before.rest:
        maker.forget()


def _moved(before: watch.States, now: watch.States) -> bool:
    """Whether a file that was looked at both times was saved in between."""
    return any(before[name] != now[name] for name in before.keys() & now.keys())


def _show(board: Board, made: Made) -> None:
    """Show what was made; where that failed, the last good files stay."""
    files: Mapping[str, Any] = {} if made.errors else {"files": made.files}
    board.show(working=False, errors=faults(made.errors), stale=made.stale, **files)
