"""Two settings of a formula compared: the same signs, in the same letters and sizes, at the same places to one another.

Fonts and systems differ a little in widths, so places are not compared on the page but to the nearest signs: what
shifts slowly along a line is spacing, what jumps against its neighbours is another formula.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from tests.formulas.marks import ARROWS, TALL, Mark

NEIGHBOURS = 4
# How far (in em) a sign may stand from where LaTeX has it, seen from its neighbours, and how much it may be larger.
ACROSS, UPWARD, SIZE = 0.45, 0.38, 0.12
LOOSE = TALL | {"piece", "stroke"}  # how high these reach is the font's own affair


@dataclass(frozen=True)
class Difference:
    """What one setting has otherwise than the other: signs that only one has, and the farthest moves (em)."""

    lost: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    resized: tuple[str, ...] = ()
    across: float = 0.0
    upward: float = 0.0
    mover: str = ""

    @property
    def found(self) -> bool:
        """Whether it is more than fonts account for."""
        return bool(self.lost or self.added or self.resized) or self.across > ACROSS or self.upward > UPWARD

    def told(self) -> str:
        """Return it in words."""
        parts = [f"without {' '.join(self.lost)}"] if self.lost else []
        parts += [f"with {' '.join(self.added)}"] if self.added else []
        parts += [f"{' '.join(self.resized)} of another size"] if self.resized else []
        if self.across > ACROSS or self.upward > UPWARD:
            parts.append(f"moved by {max(self.across, self.upward):.1f} em ({self.mover})")
        return "; ".join(parts)


def compare(wanted: Sequence[Mark], made: Sequence[Mark]) -> Difference:
    """Return how ``made`` differs from ``wanted``."""
    lost = Counter(_name(m) for m in wanted) - Counter(_name(m) for m in made)
    added = Counter(_name(m) for m in made) - Counter(_name(m) for m in wanted)
    pairs = _pairs(wanted, made)
    resized = sorted({a.sign for a, b in pairs if abs(a.size - b.size) > SIZE and a.sign not in LOOSE})
    across, upward, mover = _moved(pairs)
    return Difference(
        tuple(sorted(lost.elements())), tuple(sorted(added.elements())), tuple(resized), across, upward, mover
    )


def _name(mark: Mark) -> str:
    return f"{mark.style} {mark.sign}".strip()


def _pairs(wanted: Sequence[Mark], made: Sequence[Mark]) -> list[tuple[Mark, Mark]]:
    """Return each sign with the one of the other setting that is nearest when the two are laid over one another."""
    groups: dict[tuple[str, str], tuple[list[Mark], list[Mark]]] = defaultdict(lambda: ([], []))
    for side, marks in enumerate((wanted, made)):
        for mark in marks:
            groups[mark.kind][side].append(mark)
    if not wanted or not made:
        return []
    fitted = _fitted(wanted, made)
    found = []
    for first, second in groups.values():
        if not first or not second:
            continue
        there, here = _points(first), fitted(second)
        cost = np.abs(there[:, None, 0] - here[None, :, 0]) + 3 * np.abs(there[:, None, 1] - here[None, :, 1])
        cost += 2 * np.abs(np.array([m.size for m in first])[:, None] - np.array([m.size for m in second])[None, :])
        found += [(first[i], second[j]) for i, j in zip(*linear_sum_assignment(cost), strict=True)]
    return found


def _fitted(wanted: Sequence[Mark], made: Sequence[Mark]) -> Callable[[Sequence[Mark]], np.ndarray]:
    """Return how the places of ``made`` are laid over those of ``wanted``: by the edges of all the signs."""
    there, here = _points(wanted), _points(made)
    width, own = np.ptp(there[:, 0]), np.ptp(here[:, 0])
    scale = np.array([width / own if own > 1 and width > 1 else 1.0, 1.0])
    corner, other = there.min(0), here.min(0)
    corner[1], other[1] = np.median(there[:, 1]), np.median(here[:, 1])
    return lambda marks: (_points(marks) - other) * scale + corner


def _points(marks: Sequence[Mark]) -> np.ndarray:
    return np.array([[m.center, m.base] for m in marks])


def _moved(pairs: Sequence[tuple[Mark, Mark]]) -> tuple[float, float, str]:
    """Return the farthest that a sign moved against its nearest neighbours: across, upward, and which sign."""
    if len(pairs) < 2:
        return 0.0, 0.0, ""
    places = np.array([(a.center, (a.bottom + a.top) / 2) for a, _ in pairs])
    moves = np.array([_move(a, b) for a, b in pairs])
    distance = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    np.fill_diagonal(distance, np.inf)
    worst = (0.0, 0.0, "")
    for i, row in enumerate(distance):
        for j in np.argsort(row)[:NEIGHBOURS]:
            if not np.isfinite(row[j]):
                continue
            across, upward = np.nan_to_num(np.abs(moves[i] - moves[j]))
            if max(across / ACROSS, upward / UPWARD) > max(worst[0] / ACROSS, worst[1] / UPWARD):
                worst = (float(across), float(upward), f"{pairs[i][0].sign} {pairs[j][0].sign}")
    return worst


def _move(wanted: Mark, made: Mark) -> tuple[float, float]:
    if wanted.part or made.part:
        return float("nan"), float("nan")
    upward = float("nan") if wanted.sign in LOOSE else (made.bottom + made.top - wanted.bottom - wanted.top) / 2
    across = made.center - wanted.center
    if wanted.sign == "rule":  # of a root or a fraction: how far it reaches says what is under it
        across = max(made.left - wanted.left, made.right - wanted.right, key=abs)
    elif wanted.sign in ARROWS | {"⏟"}:  # how long these are is free
        across = min(made.left - wanted.left, made.right - wanted.right, key=abs)
    return across, upward
