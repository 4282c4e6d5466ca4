"""Read off a drawn matplotlib figure what it shows, as a record: every artist, or the name of one that is not known.

The figure must have been drawn: only then are colours mapped and labels set. Nothing of it is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from octavo.figures import artists
from octavo.figures.artists import Seen
from octavo.figures.record import Axis, FigureRecord, Number, Panel, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis as MatplotlibAxis
    from matplotlib.figure import Figure

LETTERS = "abcdefghijklmnopqrstuvwxyz"
DATES = re.compile(r"Date|Period|Time")  # in the names of converters: matplotlib's, and those that pandas registers


def record(figure: Figure) -> FigureRecord:
    """Return the record of a figure that has been drawn."""
    panels = dict(_panels(figure))
    texts, unknown = _outside(figure)
    named = {axes: name for axes, (name, _) in panels.items()}
    made = tuple(_panel(axes, name, role or _role(axes, named)) for axes, (name, role) in panels.items())
    return FigureRecord(made, texts, unknown)


def _panels(figure: Figure) -> Iterator[tuple[Axes, tuple[str, str]]]:
    """Yield all axes with their names and what they are: those of subfigures, then those that lie in others."""
    for number, axes in enumerate(figure.axes):
        name = LETTERS[number] if number < len(LETTERS) else f"{LETTERS[number // 26 - 1]}{LETTERS[number % 26]}"
        yield axes, (name, "colour bar" if axes.get_label() == "<colorbar>" else "")
        yield from _insets(axes, name)


def _insets(axes: Axes, name: str) -> Iterator[tuple[Axes, tuple[str, str]]]:
    """Yield the axes inside of others, which the figure does not list: insets and second scales."""
    for number, inner in enumerate(getattr(axes, "child_axes", ()), start=1):
        what = "second scale" if type(inner).__name__ == "SecondaryAxis" else "inset"
        yield inner, (f"{name}{number}", f"{what} of {name}")
        yield from _insets(inner, f"{name}{number}")


def _role(axes: Any, named: dict[Axes, str]) -> str:
    """Return what a panel is to one before it: drawn over it, with a second scale."""
    twins = axes._twinned_axes.get_siblings(axes)  # there is no public way to ask
    first = next((name for other, name in named.items() if other in twins), named[axes])
    return "" if first == named[axes] else f"twin of {first}"


def _panel(axes: Axes, name: str, role: str) -> Panel:
    legends = _legends(axes)
    names = {colour: text for legend in legends for colour, text in _meanings(legend)}
    seen = artists.Seen(axes) if role == "colour bar" else artists.read(axes)  # its limits say all of that
    titles = [axes.get_title(loc=loc) for loc in ("left", "center", "right")]
    return Panel(
        name,
        role,
        " ".join(title for title in titles if title),
        {which: _axis(axis, fixed=not getattr(axes, f"get_autoscale{which}_on")()) for which, axis in _axes_of(axes)},
        tuple(text.get_text() for legend in legends for text in legend.get_texts()) if legends else (),
        " ".join(filter(None, (legend.get_title().get_text() for legend in legends))),
        tuple(seen.texts),
        tuple(_named(seen, names)),
        tuple(sorted(seen.unknown)),
    )


def _axes_of(axes: Axes) -> Iterator[tuple[str, MatplotlibAxis]]:
    yield "x", axes.xaxis
    yield "y", axes.yaxis
    if hasattr(axes, "zaxis"):
        yield "z", axes.zaxis


def _axis(axis: MatplotlibAxis, *, fixed: bool) -> Axis:
    low, high = (artists.number(end) for end in axis.get_view_interval())
    converter = axis.get_converter() if hasattr(axis, "get_converter") else getattr(axis, "converter", None)
    mapping = getattr(axis.units, "_mapping", None) or {}
    ticks: tuple[str, ...] = ()
    places: tuple[Number, ...] = ()
    if not mapping and type(axis.get_major_locator()).__name__ == "FixedLocator":
        ticks = tuple(label.get_text() for label in axis.get_ticklabels())
        places = tuple(artists.number(place) for place in axis.get_majorticklocs())
    return Axis(
        axis.get_label().get_text(),
        axis.get_scale(),
        (float(low or 0.0), float(high or 0.0)),
        fixed,
        tuple(str(category) for category in mapping),
        bool(converter is not None and DATES.search(type(converter).__name__)),
        ticks,
        places if len(places) == len(ticks) else (),
    )


def _legends(axes: Axes) -> list[Any]:
    """Return the legends that tell of these axes: their own, or else those of the figure."""
    from matplotlib.legend import Legend

    own = [child for child in axes.get_children() if isinstance(child, Legend)]
    figure = axes.get_figure()
    return own or list(figure.legends if figure else ())


def _meanings(legend: Any) -> Iterator[tuple[str, str]]:
    """Yield which colour a legend gives to which name; a colour that it gives to two names tells nothing."""
    pairs = [
        (artists.colour_of(handle), text.get_text())
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=False)
        if handle is not None
    ]
    colours = [colour for colour, _ in pairs]
    yield from ((colour, text) for colour, text in pairs if colour and colours.count(colour) == 1)


def _named(seen: Seen, names: dict[str, str]) -> Iterator[Series]:
    """Yield series with the names that a reader knows them by: their own label, or that of the legend's colour."""
    for series in seen.series:
        name = series.name or names.get(series.colour, "")
        yield Series(
            series.kind,
            name,
            series.colour,
            series.columns,
            series.at,
            series.ordered,
            dict(sorted(series.facts.items())),
        )


def _outside(figure: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the texts outside of all panels, and the artists there that are not known."""
    from matplotlib.legend import Legend
    from matplotlib.text import Text

    texts: list[str] = []
    unknown: list[str] = []
    for child in figure.get_children():
        if isinstance(child, Text):
            texts += [child.get_text()] if child.get_text() else []
        elif isinstance(child, Legend):
            texts += [text.get_text() for text in (child.get_title(), *child.get_texts()) if text.get_text()]
        elif child in figure.subfigs:
            inner, strange = _outside(child)
            texts += inner
            unknown += strange
        elif child is not figure.patch and child not in figure.axes and not _empty(child):
            unknown.append(type(child).__name__)
    return tuple(texts), tuple(unknown)


def _empty(artist: Any) -> bool:
    return not artist.get_visible()
