"""Figures of all kinds, each drawn from a few numbers that a test can change one by one.

The data of a kind: ``x``, ``series`` (by name), ``z`` (a grid), ``categories``, ``half`` (half widths of intervals),
``range`` (of a colour map), ``label`` and ``scale``. A kind has those that it draws.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import tri
from matplotlib.figure import Figure

Data = dict[str, Any]
KINDS: dict[str, Kind] = {}


@dataclass(frozen=True)
class Kind:
    """A kind of figure: its data, and how it is drawn."""

    data: Mapping[str, Any]
    draw: Callable[[Any, Data], Any]

    def figure(self, data: Data | None = None, dpi: float = 100) -> Any:
        """Return a figure, not drawn yet; seaborn's grids make their own."""
        figure = Figure(figsize=(5, 3.5), dpi=dpi)
        return self.draw(figure, copy.deepcopy(dict(self.data)) if data is None else data) or figure


X = np.arange(1.0, 7.0)
A = np.array([1.0, 2.5, 3.0, 4.5, 6.0, 8.0])
B = np.array([2.0, 2.2, 3.7, 3.1, 5.2, 4.4])
HALF = np.array([0.3, 0.4, 0.5, 0.4, 0.6, 0.7])
NAMES = ["OLS", "IPW", "AIPW", "DML", "PLR", "IV"]
GRID = np.add.outer(np.linspace(1, 4, 7), np.linspace(0, 3, 8) ** 2)
CLOUD = np.random.default_rng(0).normal(size=(40, 2))
SAMPLES = [np.random.default_rng(seed).gamma(2.0, 1.0, 60) for seed in (1, 2)]
TABLE = pd.DataFrame(
    {
        "group": np.repeat(NAMES[:3], 20),
        "half": np.tile(["left", "right"], 30),
        "n": np.tile([1.0, 2.0, 5.0, 10.0], 15),
        "y": np.random.default_rng(3).gamma(3.0, 1.0, 60),
    }
)
BOTH: Data = {"x": X, "series": {"first": A, "second": B}}
ONE = {"x": X, "series": {"first": A}}


def kind(name: str, **data: Any) -> Callable[[Callable[[Any, Data], Any]], Callable[[Any, Data], Any]]:
    """Register a kind of figure; every one has a label and a linear scale to change."""

    def register(draw: Callable[[Any, Data], Any]) -> Callable[[Any, Data], Any]:
        KINDS[name] = Kind(data, draw)
        return draw

    return register


def plain(name: str, draw: Callable[[Any, Data], Any], **data: Any) -> None:
    """Register a kind of one pair of axes, with a label, and a scale where its data have one."""

    def whole(fig: Any, d: Data) -> None:
        ax = fig.subplots()
        draw(ax, d)
        ax.set_xlabel(d["label"])
        if "scale" in d:
            ax.set_yscale(d["scale"])

    KINDS[name] = Kind({"label": "length (m)", **data}, whole)


def lines(ax: Any, d: Data, **style: Any) -> None:
    for name, y in d["series"].items():
        ax.plot(d["x"], y, label=name, **style)
    ax.legend()


def scatters(ax: Any, d: Data) -> None:
    for name, y in d["series"].items():
        ax.scatter(d["x"], y, label=name)
    ax.legend()


def bands(ax: Any, d: Data, along: str = "x") -> None:
    fill = ax.fill_between if along == "x" else ax.fill_betweenx
    for name, y in d["series"].items():
        fill(d["x"], y - d["half"], y + d["half"], alpha=0.4, label=name)
    ax.legend()


def lines_in_bands(ax: Any, d: Data) -> None:
    for name, y in d["series"].items():
        (line,) = ax.plot(d["x"], y, label=name)
        ax.fill_between(d["x"], y - d["half"], y + d["half"], alpha=0.4, color=line.get_color())
    ax.legend()


def grouped(ax: Any, d: Data) -> None:
    for number, (name, y) in enumerate(d["series"].items()):
        ax.bar(d["x"] + 0.4 * number, y, 0.4, label=name)
    ax.legend()


def stacked(ax: Any, d: Data) -> None:
    below = np.zeros_like(d["x"])
    for name, y in d["series"].items():
        ax.bar(d["x"], y, bottom=below, label=name)
        below = below + y
    ax.legend()


def error_bars(ax: Any, d: Data, **more: Any) -> None:
    for name, y in d["series"].items():
        ax.errorbar(d["x"], y, yerr=d["half"], label=name, **more)
    ax.legend()


first = lambda d: d["series"]["first"]  # noqa: E731
LINEAR = {"scale": "linear"}

plain("lines", lines, **BOTH, **LINEAR)
plain("lines with markers", lambda ax, d: lines(ax, d, marker="o"), **BOTH, **LINEAR)
plain("points alone", lambda ax, d: lines(ax, d, marker="o", linestyle=""), **BOTH, **LINEAR)
plain("a line without a legend", lambda ax, d: ax.plot(d["x"], first(d)), **ONE, **LINEAR)
plain("a line on steps", lambda ax, d: lines(ax, d, drawstyle="steps-mid"), **BOTH, **LINEAR)
plain("a gap in a line", lambda ax, d: ax.plot(d["x"], first(d)), x=X, series={"first": np.where(X == 3, np.nan, A)})
plain("a masked line", lambda ax, d: ax.plot(d["x"], np.ma.masked_less(first(d), 2)), **ONE)
plain("log log", lambda ax, d: (ax.loglog(d["x"], first(d)), None)[1], **ONE)
plain("symlog", lambda ax, d: (ax.plot(d["x"], first(d)), ax.set_yscale("symlog")), **ONE)
plain("scatter", scatters, **BOTH, **LINEAR)
plain("scatter by size", lambda ax, d: ax.scatter(d["x"], first(d), s=20 * d["x"]), **ONE, **LINEAR)
plain(
    "scatter by colour",
    lambda ax, d: ax.scatter(d["x"], first(d), c=first(d), vmin=d["range"][0], vmax=d["range"][1]),
    **ONE,
    range=(0.0, 9.0),
)
plain("bars", lambda ax, d: ax.bar(d["categories"], first(d)), categories=NAMES, series={"first": A})
plain("bars across", lambda ax, d: ax.barh(d["categories"], first(d)), categories=NAMES, series={"first": A})
plain("bars in groups", grouped, **BOTH)
plain("bars on bars", stacked, **BOTH)
plain(
    "bars with error bars",
    lambda ax, d: ax.bar(d["categories"], first(d), yerr=d["half"]),
    categories=NAMES,
    series={"first": A},
    half=HALF,
)
plain("error bars", lambda ax, d: error_bars(ax, d, capsize=3), **BOTH, half=HALF)
plain("error bars alone", lambda ax, d: error_bars(ax, d, fmt="none"), **ONE, half=HALF)
plain("error bars both ways", lambda ax, d: error_bars(ax, d, xerr=0.2, fmt="o"), **ONE, half=HALF)
plain("bands", bands, **BOTH, half=HALF)
plain("bands upright", lambda ax, d: bands(ax, d, "y"), **BOTH, half=HALF)
plain("lines in bands", lines_in_bands, **BOTH, half=HALF)
plain("stairs", lambda ax, d: ax.stairs(first(d), np.arange(len(first(d)) + 1.0)), series={"first": A})
plain("steps", lambda ax, d: ax.step(d["x"], first(d)), **ONE)
plain("stems", lambda ax, d: ax.stem(d["x"], first(d)), **ONE)
plain("stacks", lambda ax, d: ax.stackplot(d["x"], *d["series"].values(), labels=[*d["series"]]), **BOTH)
plain("events", lambda ax, d: ax.eventplot(first(d)), series={"first": A})
plain("horizontal lines", lambda ax, d: ax.hlines(first(d), 0, d["x"]), **ONE)
plain("vertical lines", lambda ax, d: ax.vlines(d["x"], 0, first(d)), **ONE)
plain(
    "reference lines",
    lambda ax, d: (ax.axhline(first(d)[-1]), ax.axvline(2.0), ax.set(ylim=(0, 9))),
    series={"first": A},
)
plain(
    "a slanted line",
    lambda ax, d: (ax.axline((0, 0), (1.0, first(d)[-1])), ax.set(xlim=(0, 9), ylim=(0, 9))),
    series={"first": A},
)
plain("spans", lambda ax, d: (ax.axvspan(1, first(d)[-1]), ax.axhspan(0.2, 0.4)), series={"first": A})
plain("a polygon", lambda ax, d: ax.fill(np.cos(d["x"]) * first(d), np.sin(d["x"]) * first(d)), **ONE)
plain("categories on a line", lambda ax, d: ax.plot(d["categories"], first(d)), categories=NAMES, series={"first": A})
plain(
    "an annotation",
    lambda ax, d: (ax.annotate("here", (3, first(d)[-1]), (1, 1), arrowprops={}), ax.set(xlim=(0, 9), ylim=(0, 9))),
    series={"first": A},
)
plain("boxes", lambda ax, d: ax.boxplot([*d["series"].values()]), series=dict(zip("ab", SAMPLES, strict=True)))
plain("violins", lambda ax, d: ax.violinplot([*d["series"].values()]), series=dict(zip("ab", SAMPLES, strict=True)))
plain("histogram", lambda ax, d: ax.bar(d["x"], first(d), width=1.0, align="edge"), **ONE)
plain("histogram of steps", lambda ax, d: ax.hist(d["x"], bins=X, weights=first(d), histtype="step"), **ONE)
plain("pie", lambda ax, d: ax.pie(first(d), labels=d["categories"]), categories=NAMES, series={"first": A})
plain("image", lambda ax, d: ax.imshow(d["z"], vmin=d["range"][0], vmax=d["range"][1]), z=GRID, range=(0.0, 14.0))
plain("picture", lambda ax, d: ax.imshow(np.stack([d["z"] / 20] * 3, axis=-1)), z=GRID)
plain("mesh", lambda ax, d: ax.pcolormesh(d["z"], vmin=d["range"][0], vmax=d["range"][1]), z=GRID, range=(0.0, 14.0))
plain("cells", lambda ax, d: ax.pcolor(d["z"], vmin=d["range"][0], vmax=d["range"][1]), z=GRID, range=(0.0, 14.0))
plain("contours", lambda ax, d: ax.contour(d["z"], levels=[2, 4, 6, 8, 10]), z=GRID)
plain("areas", lambda ax, d: ax.contourf(d["z"], levels=[0, 2, 4, 6, 8, 10, 14]), z=GRID)
plain("hexagons", lambda ax, d: ax.hexbin(*CLOUD.T, C=d["x"], gridsize=5), x=np.arange(1.0, 41.0))
plain("arrows", lambda ax, d: ax.quiver(d["x"], d["x"], first(d), d["x"] * 0 + 1), **ONE)
plain("barbs", lambda ax, d: ax.barbs(d["x"], d["x"], 10 * first(d), d["x"] * 0 + 1), **ONE)
plain("streams", lambda ax, d: ax.streamplot(np.arange(8.0), np.arange(7.0), d["z"], d["z"] * 0 + 1), z=GRID)
plain("triangles", lambda ax, d: ax.tripcolor(*CLOUD.T, d["x"]), x=np.arange(1.0, 41.0))
plain(
    "triangles' areas", lambda ax, d: ax.tricontourf(*CLOUD.T, d["x"], levels=[0, 10, 20, 50]), x=np.arange(1.0, 41.0)
)
plain("triangles' edges", lambda ax, d: ax.triplot(tri.Triangulation(d["x"], np.roll(first(d), 2))), **ONE)
plain(
    "dates",
    lambda ax, d: ax.plot([datetime.date(2026, 1, int(day)) for day in d["x"]], first(d)),
    **ONE,
)


@kind("colour bar", z=GRID, range=(0.0, 14.0), label="length (m)")
def _(fig: Any, d: Data) -> None:
    ax = fig.subplots()
    drawn = ax.imshow(d["z"], vmin=d["range"][0], vmax=d["range"][1])
    fig.colorbar(drawn, label=d["label"])


@kind("second scale", **BOTH, label="length (m)")
def _(fig: Any, d: Data) -> None:
    ax = fig.subplots()
    ax.plot(d["x"], d["series"]["first"], label="first")
    other = ax.twinx()
    other.plot(d["x"], d["series"]["second"], label="second", color="C1")
    ax.set_xlabel(d["label"])


@kind("inset", **BOTH, label="length (m)")
def _(fig: Any, d: Data) -> None:
    ax = fig.subplots()
    ax.plot(d["x"], d["series"]["second"], label="second")
    inner = ax.inset_axes((0.6, 0.1, 0.3, 0.3))
    inner.plot(d["x"], d["series"]["first"], label="first")
    inner.set_xlabel(d["label"])


@kind("subfigures", **BOTH, label="length (m)")
def _(fig: Any, d: Data) -> None:
    left, right = fig.subfigures(1, 2)
    left.subplots().plot(d["x"], d["series"]["first"], label="first")
    right.subplots().plot(d["x"], d["series"]["second"], label="second")
    left.suptitle(d["label"])


@kind("panels", **BOTH, label="length (m)")
def _(fig: Any, d: Data) -> None:
    for ax, (name, y) in zip(fig.subplots(1, 2), d["series"].items(), strict=True):
        ax.plot(d["x"], y)
        ax.set_title(name)
    fig.supxlabel(d["label"])


@kind("polar", **ONE, label="length (m)")
def _(fig: Any, d: Data) -> None:
    ax = fig.add_subplot(projection="polar")
    ax.plot(d["x"], d["series"]["first"])
    ax.set_title(d["label"])


def in_space(name: str, draw: Callable[[Any, Data], Any], **data: Any) -> None:
    """Register a kind of three dimensions."""

    def whole(fig: Any, d: Data) -> None:
        ax = fig.add_subplot(projection="3d")
        draw(ax, d)
        ax.set_zlabel(d["label"])

    KINDS[name] = Kind({"label": "length (m)", **data}, whole)


PLANE = np.meshgrid(np.arange(8.0), np.arange(7.0))
in_space("line in space", lambda ax, d: ax.plot(d["x"], d["x"], d["series"]["first"]), **ONE)
in_space("points in space", lambda ax, d: ax.scatter(d["x"], d["x"], d["series"]["first"]), **ONE)
in_space("surface", lambda ax, d: ax.plot_surface(*PLANE, d["z"]), z=GRID)
in_space("wires", lambda ax, d: ax.plot_wireframe(*PLANE, d["z"]), z=GRID)
in_space("bars in space", lambda ax, d: ax.bar3d(d["x"], d["x"], 0, 1, 1, d["series"]["first"]), **ONE)


def long(d: Data) -> pd.DataFrame:
    """Return the series as a long table, as seaborn takes it, with an interval of three points around each."""
    half = d.get("half", np.zeros_like(d["x"]))
    parts = [
        pd.DataFrame({"x": np.tile(d["x"], 3), "y": np.concatenate([y - half, y, y + half]), "name": name})
        for name, y in d["series"].items()
    ]
    return pd.concat(parts, ignore_index=True)


def seaborn(name: str, function: str, *, more: Mapping[str, Any] | None = None, **data: Any) -> None:
    """Register one of seaborn's kinds, with hues."""

    def draw(ax: Any, d: Data) -> None:
        import seaborn as sns

        getattr(sns, function)(long(d), x="x", y="y", hue="name", ax=ax, **(more or {}))

    plain(f"seaborn {name}", draw, **data)


def rows(name: str, function: str, **options: Any) -> None:
    """Register one of seaborn's kinds that is drawn from the rows of a table."""

    def draw(ax: Any, d: Data) -> None:
        import seaborn as sns

        getattr(sns, function)(TABLE.assign(y=d["x"]), ax=ax, **options)

    plain(f"seaborn {name}", draw, x=TABLE["y"].to_numpy())


seaborn("lines", "lineplot", more={"errorbar": "sd"}, **BOTH, half=HALF)
seaborn("scatter", "scatterplot", **BOTH)
seaborn("bars", "barplot", more={"errorbar": "sd"}, **BOTH, half=HALF)
seaborn("points", "pointplot", more={"errorbar": "sd"}, **BOTH, half=HALF)
rows("boxes", "boxplot", x="group", y="y", hue="half")
rows("violins", "violinplot", x="group", y="y")
rows("strips", "stripplot", x="group", y="y", jitter=False)
rows("swarm", "swarmplot", x="group", y="y")
rows("histogram", "histplot", x="y", hue="half", bins=6)
rows("density", "kdeplot", x="y", hue="half")
rows("distribution", "ecdfplot", x="y", hue="half")
rows("rug", "rugplot", x="y")
rows("regression", "regplot", x="n", y="y", ci=None)
rows("boxen", "boxenplot", x="group", y="y")


@kind("seaborn heat map", z=GRID, range=(0.0, 14.0), categories=[*NAMES, "a", "b"], label="length (m)")
def _(fig: Any, d: Data) -> None:
    import seaborn as sns

    ax = fig.subplots()
    low, high = d["range"]
    sns.heatmap(d["z"], annot=True, fmt=".1f", vmin=low, vmax=high, xticklabels=d["categories"], ax=ax)
    ax.set_xlabel(d["label"])


@kind("seaborn facets", **BOTH, label="length (m)")
def _(fig: Any, d: Data) -> Any:
    import seaborn as sns

    grid = sns.relplot(long(d), x="x", y="y", col="name", kind="line", height=2, errorbar=None)
    grid.set_xlabels(d["label"])
    return grid.figure
