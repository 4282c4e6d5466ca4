"""What figures' records cost: to read them off beside drawing, and to compare a thousand of them.

It runs as ``python -m benchmarks.figures``; the figures are those of the tests, one for each kind of artist.
"""

from __future__ import annotations

import io
import statistics
import sys
import time

from tests.figures.figure_kinds import KINDS

from octavo.figures import record as records
from octavo.figures.accepted import Drawn, Snapshot, take
from octavo.figures.compare import compare
from octavo.figures.extract import record
from octavo.figures.record import FigureRecord

REPEATED = 5
MANY = 1_000
LIMIT, LIMIT_OF_ONE = 0.10, 0.050  # of the drawing; seconds


def main() -> int:
    """Print what was measured as Markdown tables."""
    drawn = {kind: measure(kind) for kind in KINDS}
    ratios = {kind: taken / drawing for kind, (drawing, taken, _) in drawn.items()}
    worst = max(drawn, key=lambda kind: drawn[kind][1])
    over = [kind for kind, (_, taken, _) in drawn.items() if ratios[kind] > LIMIT and taken > LIMIT_OF_ONE]
    print(f"| Recording, {len(drawn)} kinds of figures | |\n| --- | ---: |")
    print(f"| median of recording over drawing | {statistics.median(ratios.values()):.3f} |")
    print(f"| greatest of recording over drawing | {max(ratios.values()):.3f} |")
    print(f"| longest recording (s), {worst} | {drawn[worst][1]:.4f} |")
    print(f"| kinds over 10 % and 50 ms | {len(over)} |")
    seconds, told = compare_many([found for _, _, found in drawn.values()])
    print(f"\n| Comparing {MANY:,} figures | |\n| --- | ---: |")
    print(f"| seconds | {seconds:.2f} |\n| of them changed | {told} |")
    return 0


def measure(kind: str) -> tuple[float, float, FigureRecord]:
    """Return the seconds to save a figure of a kind as SVG and to record it, medians, and its record."""
    drawing, taking = [], []
    for _ in range(REPEATED):
        figure = KINDS[kind].figure()
        begun = time.perf_counter()
        figure.savefig(io.BytesIO(), format="svg")
        saved = time.perf_counter()
        found = record(figure)
        records.write(found)
        drawing.append(saved - begun)
        taking.append(time.perf_counter() - saved)
    return statistics.median(drawing), statistics.median(taking), found


def compare_many(found: list[FigureRecord]) -> tuple[float, int]:
    """Return the seconds to read and compare many records with the accepted ones, and how many have changed."""
    texts = [records.write(each) for each in found]
    names = [f"one.f{number}" for number in range(MANY)]
    begun = time.perf_counter()
    # Every second figure is compared with another kind: nothing is quick because it is the same.
    then = {name: Drawn("", {}, records.read(texts[n % len(texts)], name)) for n, name in enumerate(names)}
    now = {name: Drawn("", {}, records.read(texts[(n + n % 2) % len(texts)], name)) for n, name in enumerate(names)}
    held = take(None, Snapshot(figures=then), names, "first")
    verdicts = compare(Snapshot(figures=now), held)
    return time.perf_counter() - begun, sum(verdict.state == "changed" for verdict in verdicts)


if __name__ == "__main__":
    sys.exit(main())
