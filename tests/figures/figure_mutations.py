"""Changes that a test plants in figures of all kinds, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.figures.figure_kinds import KINDS, Data

Change = Callable[[Data], Data]


def values(data: Data) -> np.ndarray[Any, Any]:
    """Return the numbers of which one is moved."""
    if "series" in data:
        return next(iter(data["series"].values()))
    return data["z"] if "z" in data else data["x"]  # type: ignore[no-any-return]


def moved(factor: float) -> Change:
    def change(data: Data) -> Data:
        numbers = values(data)
        place = (3, 4) if numbers.ndim == 2 else int(np.nanargmax(np.abs(numbers)))
        numbers[place] *= factor
        return data

    return change


def dropped(data: Data) -> Data:
    if "z" in data:
        return {**data, "z": data["z"][:-1]}
    cut: Data = {name: data[name][:-1] for name in ("x", "half", "categories") if name in data and len(data[name]) == 6}
    return {**data, **cut, "series": {name: y[:-1] for name, y in data["series"].items()}}


def swapped(data: Data) -> Data:
    first, second = data["series"].values()
    return {**data, "series": dict(zip(data["series"], (second, first), strict=True))}


def renamed(data: Data) -> Data:
    return {**data, "categories": [*data["categories"][:2], "2SLS", *data["categories"][3:]]}


def widened(data: Data) -> Data:
    half = data["half"].copy()
    half[2] *= 1.5
    return {**data, "half": half}


CHANGES: dict[str, tuple[str, Change]] = {
    "3 %": ("", moved(1.03)),
    "a point dropped": ("series", dropped),
    "series swapped": ("two", swapped),
    "a category renamed": ("categories", renamed),
    "a scale": ("scale", lambda data: {**data, "scale": "log"}),
    "a label": ("label", lambda data: {**data, "label": "length (km)"}),
    "an interval": ("half", widened),
    "a colour map": ("range", lambda data: {**data, "range": (data["range"][0], 1.5 * data["range"][1])}),
}
# What one of the sentences says, if it names the change rightly: any of these.
SAID: dict[str, tuple[str, ...]] = {
    "3 %": ("moved",),
    "a point dropped": ("has no point any more", "is gone", "points and has now", "is new", "moved"),
    "series swapped": ("have changed places", "moved"),
    "a category renamed": ("2SLS",),
    "a scale": ("is now log",),
    "a label": ("length (km)",),
    "an interval": ("its lower end", "its upper end", "moved"),
    "a colour map": ("colours to",),
}


def has(kind: str, what: str) -> bool:
    data = KINDS[kind].data
    if what == "two":
        return len(data.get("series", ())) == 2
    if what == "series":
        grids = "z" in data and kind not in ("surface", "wires", "streams")  # they take a grid of one size
        return grids or ("series" in data and len(values(dict(data))) == 6)
    return not what or what in data
