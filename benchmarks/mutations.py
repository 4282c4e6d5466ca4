"""What the comparison of figures catches, and what it cries about for nothing: a table of the tests' figures.

It runs as ``python -m benchmarks.mutations``. To compare with figures that another environment drew (another
matplotlib, say), run it there with ``--write FOLDER``, and here with ``--against FOLDER``.
"""

from __future__ import annotations

import argparse
import copy
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from tests.figures.figure_kinds import KINDS
from tests.figures.figure_mutations import CHANGES, SAID, has, moved

from octavo.figures.difference import differences
from octavo.figures.extract import record
from octavo.figures.record import FigureRecord, read, write

REDRAWN = 10
TOLERATED = 1e-6


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, or write the records of all figures to a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutations", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the record of each figure there and end")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="compare with the records there as well")
    options = parser.parse_args(arguments)
    plain = {kind: drawn(kind) for kind in KINDS}
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        for number, kind in enumerate(KINDS):
            (options.write / f"{number}.json").write_bytes(write(plain[kind]))
        return 0
    print(f"{len(KINDS)} kinds of figures, matplotlib {mpl.__version__}.\n")
    print("| Planted | figures | caught | named | missed |\n| --- | ---: | ---: | ---: | ---: |")
    for name in CHANGES:
        print(line(name, plain))
    print(drift(plain))
    print("\n| Drawn again | figures | false alarms |\n| --- | ---: | --- |")
    for name, redraw in REDRAWS.items():
        print(alarms(name, plain, redraw))
    if options.against:
        there = {k: read((options.against / f"{n}.json").read_bytes(), k) for n, k in enumerate(KINDS)}
        print(alarms("in the other environment", plain, lambda kind: [there[kind]]))
    return 0


def drawn(kind: str, data: Any = None, **options: Any) -> FigureRecord:
    """Return the record of a figure of a kind."""
    figure = KINDS[kind].figure(data)
    figure.savefig(io.BytesIO(), **{"format": "png", **options})
    return record(figure)


def told(then: FigureRecord, now: FigureRecord) -> list[tuple[str, str]]:
    return [(found.degree, found.text) for found in differences(then, now, lambda series: TOLERATED)]


def line(name: str, plain: dict[str, FigureRecord]) -> str:
    """Return the row of one change: in how many figures it was planted, caught, named, missed."""
    needs, change = CHANGES[name]
    kinds = [kind for kind in KINDS if has(kind, needs)]
    found = {kind: told(plain[kind], drawn(kind, change(copy.deepcopy(dict(KINDS[kind].data))))) for kind in kinds}
    caught = [kind for kind in kinds if any(degree == "changed" for degree, _ in found[kind])]
    named = [kind for kind in caught if any(words in text for _, text in found[kind] for words in SAID[name])]
    missed = sorted(set(kinds) - set(caught))
    return f"| {name} | {len(kinds)} | {len(caught)} | {len(named)} | {', '.join(missed) or 0} |"


def drift(plain: dict[str, FigureRecord]) -> str:
    """Return the row of a number that nobody sees move: it is caught where it is drift, or the same."""
    changed = [
        k
        for k in KINDS
        if "changed" in dict(told(plain[k], drawn(k, moved(1.001)(copy.deepcopy(dict(KINDS[k].data))))))
    ]
    return f"| 0.1 %, as drift or the same | {len(KINDS)} | {len(KINDS) - len(changed)} | | {', '.join(changed) or 0} |"


def alarms(name: str, plain: dict[str, FigureRecord], redraw: Callable[[str], Iterable[FigureRecord]]) -> str:
    """Return the row of one way to draw the same figures again: which of them seem to have changed."""
    found = [kind for kind in KINDS if any(told(plain[kind], again) for again in redraw(kind))]
    return f"| {name} | {len(KINDS)} | {', '.join(found) or 0} |"


def in_another_font(kind: str) -> Iterator[FigureRecord]:
    """Yield a figure drawn in another typeface, smaller."""
    with mpl.rc_context({"font.family": "DejaVu Serif", "font.size": 8}):
        yield drawn(kind)


REDRAWS: dict[str, Callable[[str], Iterator[FigureRecord]]] = {
    f"{REDRAWN} times": lambda kind: (drawn(kind) for _ in range(REDRAWN)),
    "at 55 dots an inch": lambda kind: iter([drawn(kind, dpi=55)]),
    "as PDF": lambda kind: iter([drawn(kind, format="pdf")]),
    "as SVG": lambda kind: iter([drawn(kind, format="svg")]),
    "in another font": in_another_font,
}


if __name__ == "__main__":
    sys.exit(main())
