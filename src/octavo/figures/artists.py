"""What each of matplotlib's artists shows, as series of a record. What is not known is named, never left out.

Containers come first (bars, error bars), for their parts are artists as well. Then each artist is read by the first
reader whose class it has. Where versions of matplotlib differ in the class, the geometry decides.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from matplotlib import axis, collections, colors, container, image, legend, lines, patches, quiver, spines, text
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.offsetbox import OffsetBox
from matplotlib.table import Table

from octavo.figures.record import Blocks, Column, Number, Series

LONGEST = 2_000  # numbers of a column that are kept one by one
BLOCKS = 64  # parts of a longer one
HUES = 12  # colours that points of one cloud may have and still be told apart as series
AT_CENTRE = 0.05  # of a bar's width: how far from its centre an error bar may stand

Array = Any  # numpy's arrays: what artists return is not typed


@dataclass
class Seen:
    """What was read of one pair of axes so far; ``done`` has the ids of artists that are part of something read."""

    axes: Axes
    series: list[Series] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    done: set[int] = field(default_factory=set)

    def add(
        self,
        kind: str,
        artist: Any,
        columns: Mapping[str, Array],
        *,
        at: tuple[str, ...] = (),
        ordered: bool = True,
        name: str | None = None,
        colour: str | None = None,
        facts: Mapping[str, str | float] | None = None,
    ) -> None:
        """Note a series; one without a single number shows nothing."""
        kept = {which: column(numbers) for which, numbers in columns.items()}
        if all(isinstance(numbers, tuple) and not any(n is not None for n in numbers) for numbers in kept.values()):
            return
        plain = {
            fact: value if isinstance(value, str) else number(value) or 0.0 for fact, value in (facts or {}).items()
        }
        self.series.append(
            Series(
                kind,
                label_of(artist) if name is None else name,
                colour_of(artist) if colour is None else colour,
                kept,
                at,
                ordered,
                plain,
            )
        )


def read(axes: Axes) -> Seen:
    """Return all that the artists of some axes show."""
    seen = Seen(axes)
    for held in axes.containers:
        _read_container(held, seen)
    for child in axes.get_children():
        if id(child) in seen.done or not child.get_visible() or _frame(child, axes):
            continue
        reader = next((reader for kinds, reader in READERS if isinstance(child, kinds)), None)
        known = _read_in_space(child, seen) or (reader is not None and reader(child, seen))
        if not known:
            seen.unknown.append(type(child).__name__)
    return seen


def _frame(child: Any, axes: Axes) -> bool:
    """Whether a child belongs to the axes themselves, or is read elsewhere: the frame, scales, titles, legends."""
    titles = (axes.title, getattr(axes, "_left_title", None), getattr(axes, "_right_title", None))
    return (
        isinstance(child, spines.Spine | axis.Axis | legend.Legend | Axes)
        or child is axes.patch
        or child in titles
        or child in axes.child_axes
    )


# Numbers and colours


def number(value: Any) -> Number:
    """Return a number as it is kept: twelve significant digits; None where it is masked or not a number."""
    if value is np.ma.masked or value is None:
        return None
    plain = float(value)
    if math.isnan(plain):
        return None
    if math.isinf(plain):
        return "inf" if plain > 0 else "-inf"
    return float(f"{plain:.12g}") + 0.0  # no negative zero


def column(numbers: Array) -> Column:
    """Return numbers as they are kept: one by one, or, where they are very many, by blocks."""
    flat: Array = np.ma.filled(np.ma.asarray(numbers, dtype=float), np.nan).ravel()
    if flat.size <= LONGEST:
        return tuple(number(value) for value in flat.tolist())
    parts = np.array_split(np.where(np.isnan(flat), np.nan, flat + 0.0), BLOCKS)
    there = [part[~np.isnan(part)] for part in parts]

    def each(function: Callable[[Array], Any]) -> tuple[Number, ...]:
        return tuple(number(function(part)) if part.size else None for part in there)

    digests = tuple(hashlib.sha256(np.ascontiguousarray(part, "<f8").tobytes()).hexdigest()[:12] for part in parts)
    missing = int(flat.size - sum(part.size for part in there))
    return Blocks(int(flat.size), missing, digests, each(np.mean), each(np.min), each(np.max))


def label_of(artist: Any) -> str:
    """Return the label that the author gave; matplotlib's own begin with an underscore."""
    label = artist.get_label() if hasattr(artist, "get_label") else ""
    return "" if not isinstance(label, str) or label.startswith("_") else label


def colour_of(artist: Any) -> str:
    """Return the one colour that an artist is known by, without its transparency; empty where it has several."""
    if isinstance(artist, lines.Line2D):
        return _hex([artist.get_markerfacecolor() if _no_line(artist) else artist.get_color()])
    for name in ("get_facecolor", "get_edgecolor", "get_color"):
        if hasattr(artist, name) and (found := _hex(getattr(artist, name)())):
            return found
    return ""


def _hex(given: Any) -> str:
    try:
        rgba = colors.to_rgba_array(given)
    except (TypeError, ValueError):
        return ""
    seen = {colors.to_hex(rgb[:3]) for rgb in rgba if rgb[3] > 0}
    return seen.pop() if len(seen) == 1 else ""


def _no_line(line: Any) -> bool:
    return line.get_linestyle() in ("None", "none", "", " ")


# Containers


def _read_container(held: Any, seen: Seen) -> None:
    if isinstance(held, container.BarContainer):
        _bars(held, seen)
    elif isinstance(held, container.ErrorbarContainer):
        _error_bars(held, seen)
    elif isinstance(held, container.StemContainer):
        seen.done |= {id(part) for part in (held.markerline, held.stemlines, held.baseline)}
        x, y = held.markerline.get_data(orig=False)
        base = float(np.mean(np.asarray(held.baseline.get_ydata(orig=False), dtype=float)))
        seen.add("stems", held.markerline, {"x": x, "y": y}, at=("x",), name=label_of(held), facts={"baseline": base})
    elif hasattr(held, "medians") and hasattr(held, "boxes"):  # seaborn's own container
        _boxes(held, seen)


def _bars(held: Any, seen: Seen) -> None:
    """Read bars, with the error bars that stand on their middles: seaborn's are loose lines."""
    drawn = [bar for bar in held.patches if isinstance(bar, patches.Rectangle)]
    seen.done |= {id(bar) for bar in drawn}
    across = held.orientation == "horizontal"
    place, size, start, extent = ("y", "height", "x", "width") if across else ("x", "width", "y", "height")

    def of(which: str) -> Array:
        return np.array([getattr(bar, f"get_{which}")() for bar in drawn], dtype=float)

    middle, width = of(place) + of(size) / 2, of(size)
    columns = {place: middle, "width": width, "from": of(start), "to": of(start) + of(extent)}
    low, high = _loose_error_bars(middle, np.abs(width), across, seen)
    if np.isfinite(low).any():
        columns |= {"low": low, "high": high}
    first = drawn[0] if drawn else None
    colour = _hex([bar.get_facecolor() for bar in drawn]) or (colour_of(first) if len(drawn) == 1 else "")
    seen.add("horizontal bars" if across else "bars", held, columns, at=(place,), name=label_of(held), colour=colour)


def _loose_error_bars(middle: Array, width: Array, across: bool, seen: Seen) -> tuple[Array, Array]:
    low, high = np.full(middle.shape, np.nan), np.full(middle.shape, np.nan)
    for line in seen.axes.lines:
        if id(line) in seen.done or label_of(line) or _no_line(line) or line.get_marker() not in ("None", "", None):
            continue
        data = [np.asarray(numbers, dtype=float) for numbers in line.get_data(orig=False)]
        along, up = data[:: -1 if across else 1]
        if len(along) < 2 or not np.isfinite(along).any():
            continue
        near = np.flatnonzero(np.abs(middle - np.nanmedian(along)) <= AT_CENTRE * width)
        within = np.nanmax(along) - np.nanmin(along) <= width.max(initial=0)
        if near.size == 1 and within and np.isnan(low[near[0]]):
            low[near[0]], high[near[0]] = np.nanmin(up), np.nanmax(up)
            seen.done.add(id(line))
    return low, high


def _error_bars(held: Any, seen: Seen) -> None:
    line, caps, bars = held.lines
    seen.done |= {id(part) for part in (line, *caps, *bars) if part is not None}
    columns: dict[str, Array] = {}
    if line is not None:
        columns["x"], columns["y"] = line.get_data(orig=False)
    for bar in bars:
        ends = [np.asarray(segment, dtype=float) for segment in bar.get_segments()]
        upright = all(len(end) < 2 or end[0, 0] == end[-1, 0] for end in ends)
        names = ("low", "high") if upright else ("left", "right")
        side = int(upright)
        for name, least in zip(names, (np.min, np.max), strict=True):
            columns[name] = [least(end[:, side]) if len(end) else np.nan for end in ends]
        if "x" not in columns:
            columns["y" if not upright else "x"] = [end[0, 1 - side] if len(end) else np.nan for end in ends]
    length = max((len(numbers) for numbers in columns.values()), default=0)
    even = {name: numbers for name, numbers in columns.items() if len(numbers) == length}
    at = ("x",) if "low" in even and "x" in even else ("y",) if "y" in even else ()
    drawn = line if line is not None else next(iter(bars), None)
    seen.add("error bars", drawn, even, at=at, name=label_of(held))


def _boxes(held: Any, seen: Seen) -> None:
    parts = ("boxes", "medians", "whiskers", "caps", "fliers", "means")
    seen.done |= {id(artist) for part in parts for artist in getattr(held, part, None) or ()}
    medians = [np.asarray(median.get_data(orig=False), dtype=float) for median in held.medians]
    across = bool(medians) and medians[0][0, 0] == medians[0][0, -1]
    value, place = (0, 1) if across else (1, 0)
    ends = [np.asarray(whisker.get_data(orig=False), dtype=float)[value] for whisker in held.whiskers]
    boxes = [_outline(box)[:, value] for box in held.boxes]
    columns = {
        "yx"[value]: [float(np.mean(median[place])) for median in medians],
        "low": [float(np.nanmin(end)) for end in ends[::2]],
        "lower quartile": [float(np.nanmin(box)) for box in boxes],
        "median": [float(np.mean(median[value])) for median in medians],
        "upper quartile": [float(np.nanmax(box)) for box in boxes],
        "high": [float(np.nanmax(end)) for end in ends[1::2]],
    }
    columns = {name: numbers for name, numbers in columns.items() if len(numbers) == len(medians)}
    colour = _hex([box.get_facecolor() if hasattr(box, "get_facecolor") else box.get_color() for box in held.boxes])
    seen.add("boxes", held, columns, at=("yx"[value],), name=label_of(held), colour=colour)
    outside = [np.asarray(flier.get_data(orig=False), dtype=float) for flier in held.fliers]
    if outside:
        x, y = np.concatenate(outside, axis=1)
        seen.add("outliers", held, {"x": x, "y": y}, at=("x",), ordered=False, name=label_of(held), colour=colour)


def _outline(artist: Any) -> Array:
    if isinstance(artist, lines.Line2D):
        return np.asarray(artist.get_xydata(), dtype=float)
    return _vertices(artist)


# Lines


def _line(line: Any, seen: Seen) -> bool:
    if isinstance(line, lines.AxLine):
        slope = line.get_slope()
        points = [point for point in (line.get_xy1(), line.get_xy2()) if point is not None]
        facts = {} if slope is None else {"slope": float(slope)}
        seen.add("reference line", line, {"x": [p[0] for p in points], "y": [p[1] for p in points]}, facts=facts)
        return True
    x, y = (np.asarray(numbers, dtype=float) for numbers in line.get_data(orig=False))
    match line.get_transform().contains_branch_seperately(seen.axes.transData):
        case True, True:
            facts = {} if line.get_drawstyle() == "default" else {"drawn as": line.get_drawstyle()}
            seen.add("points" if _no_line(line) else "line", line, {"x": x, "y": y}, at=("x",), facts=facts)
        case True, False:
            seen.add("vertical line", line, {"x": x[:1] if (x == x[:1]).all() else x})
        case False, True:
            seen.add("horizontal line", line, {"y": y[:1] if (y == y[:1]).all() else y})
        case _:
            seen.add("mark", line, {"x": x, "y": y}, at=("x",))
    return True


def _segments(drawn: Any, seen: Seen) -> bool:
    if isinstance(drawn, collections.EventCollection):
        where = "x" if drawn.is_horizontal() else "y"
        offset, length = np.ravel(drawn.get_lineoffset()), np.ravel(drawn.get_linelength())
        facts = {"at": float(offset[0]), "length": float(length[0])}
        seen.add("events", drawn, {where: np.asarray(drawn.get_positions(), dtype=float)}, at=(), facts=facts)
        return True
    every = [np.asarray(segment, dtype=float) for segment in drawn.get_segments()]
    if every and all(len(segment) == 2 for segment in every):
        ends = np.array(every)
        columns = {"x": ends[:, 0, 0], "y": ends[:, 0, 1], "to x": ends[:, 1, 0], "to y": ends[:, 1, 1]}
        seen.add("segments", drawn, {**columns, **_mapped(drawn, len(every))}, at=("x", "y"), facts=_range(drawn))
    else:
        seen.add("curves", drawn, _joined(every), facts=_range(drawn))
    return True


def _joined(every: Iterable[Array]) -> dict[str, Array]:
    """Return several lines as two columns, with a gap after each."""
    gap = np.full((1, 2), np.nan)
    parts = [part for line in every if len(line) for part in (np.asarray(line, dtype=float)[:, :2], gap)]
    if not parts:
        return {"x": [], "y": []}
    points = np.concatenate(parts[:-1])
    return {"x": points[:, 0], "y": points[:, 1]}


# Collections


def _mapped(drawn: Any, count: int) -> dict[str, Array]:
    """Return the numbers that a colour map shows, if there is one for each of ``count`` things."""
    numbers = drawn.get_array() if hasattr(drawn, "get_array") else None
    return {"value": numbers} if numbers is not None and np.size(numbers) == count else {}


def _range(drawn: Any) -> dict[str, str | float]:
    """Return how a colour map shows numbers: from where to where, in which colours."""
    if getattr(drawn, "get_array", lambda: None)() is None:
        return {}
    low, high = drawn.get_clim()
    norm = type(drawn.norm).__name__
    scaled = {} if norm == "Normalize" else {"colour scale": norm}
    return {"colours": drawn.get_cmap().name, "colours from": low or 0.0, "colours to": high or 0.0, **scaled}


def _cloud(drawn: Any, seen: Seen) -> bool:
    """Read a scatter plot; points in a few colours are as many series, which the legend names."""
    points: Array = np.ma.filled(np.ma.asarray(drawn.get_offsets(), dtype=float), np.nan)
    if not len(points):
        return True
    x, y = (_in_categories(a, points[:, i]) for i, a in enumerate((seen.axes.xaxis, seen.axes.yaxis)))
    columns = {"x": x, "y": y, **_mapped(drawn, len(points))}
    sizes = np.asarray(drawn.get_sizes(), dtype=float)
    if len(sizes) == len(points) and np.unique(sizes).size > 1:
        columns["size"] = sizes
    shades = _shades(drawn) if "value" not in columns else np.array([])
    if len(shades) == len(points) and 1 < np.unique(shades).size <= HUES:
        for shade in np.unique(shades):
            split = {name: np.asarray(numbers)[shades == shade] for name, numbers in columns.items()}
            seen.add("scatter", drawn, split, at=("x", "y"), ordered=False, name="", colour=f"#{shade:06x}")
    else:
        seen.add("scatter", drawn, columns, at=("x", "y"), ordered=False, facts=_range(drawn))
    return True


def _in_categories(scale: Any, places: Array) -> Array:
    """Return the categories that points stand in: where within one they stand is for the eye alone."""
    return np.rint(places) if getattr(scale.units, "_mapping", None) else places


def _shades(drawn: Any) -> Array:
    """Return the colours of points as whole numbers, as in #rrggbb: there may be ten million of them."""
    faces = np.asarray(drawn.get_facecolors() if len(drawn.get_facecolors()) else drawn.get_edgecolors())
    if not len(faces):
        return np.array([])
    red, green, blue = np.rint(faces[:, :3] * 255).astype(np.int64).T
    return red * 65_536 + green * 256 + blue


def _polygons(drawn: Any, seen: Seen) -> bool:
    """Read polygons: hexagons of a count, coloured cells, bands between two curves, anything else by its corners."""
    corners = [np.asarray(path.vertices, dtype=float) for path in drawn.get_paths()]
    offsets: Array = np.ma.filled(np.ma.asarray(drawn.get_offsets(), dtype=float), np.nan)
    values = drawn.get_array()
    if values is not None and len(offsets) == np.size(values) > 1:
        columns = {"x": offsets[:, 0], "y": offsets[:, 1], "value": values}
        seen.add("hexagons", drawn, columns, at=("x", "y"), facts=_range(drawn))
    elif values is not None and len(corners) == np.size(values) and corners:
        middles = np.array([np.nanmean(corner[:-1] if len(corner) > 1 else corner, axis=0) for corner in corners])
        columns = {"x": middles[:, 0], "y": middles[:, 1], "value": values}
        seen.add("coloured polygons", drawn, columns, at=("x", "y"), facts=_range(drawn))
    else:
        for corner in corners:
            _band(drawn, corner, seen)
    return True


def _band(drawn: Any, corners: Array, seen: Seen) -> None:
    """Read a polygon as the band between two curves over one axis, if it is one."""
    for side, (place, low, high) in enumerate((("x", "low", "high"), ("y", "left", "right"))):
        ends = _between(corners[:, side], corners[:, 1 - side])
        if ends is not None:
            seen.add("band", drawn, {place: ends[0], low: ends[1], high: ends[2]}, at=(place,))
            return
    seen.add("polygon", drawn, {"x": corners[:, 0], "y": corners[:, 1]})


def _between(along: Array, values: Array) -> tuple[Array, Array, Array] | None:
    """Return where a polygon stands, and its least and greatest values there; None where it folds back.

    There and back it visits the same places: its corners are those of a band over that axis.
    """
    if along.size < 4 or not np.isfinite(along).all():
        return None
    places = np.unique(along)
    steps = np.diff(np.roll(along[:-1], -int(np.argmin(along[:-1])))) if along[0] == along[-1] else np.diff(along)
    turns = np.count_nonzero(np.diff(np.sign(steps[steps != 0])))
    if places.size < 2 or turns > 1:
        return None
    order = np.searchsorted(places, along)
    low, high = np.full(places.size, np.inf), np.full(places.size, -np.inf)
    np.minimum.at(low, order, values)
    np.maximum.at(high, order, values)
    return places, low, high


def _contours(drawn: Any, seen: Seen) -> bool:
    """Read contours: the corners of each level's lines or areas."""
    levels, paths = np.asarray(drawn.levels, dtype=float), drawn.get_paths()
    kind = "filled contours" if drawn.filled else "contours"
    facts = {**_range(drawn), "levels": ", ".join(f"{level:.6g}" for level in levels)}
    if drawn.get_array() is None:
        facts = {"levels": facts["levels"]}
    for level, path in zip(levels, paths, strict=False):
        seen.add(kind, drawn, _joined(_pieces(path)), name=f"{level:.6g}", colour="", facts=facts)
    return True


def _pieces(path: Any) -> list[Array]:
    """Return the separate lines of a path, without what closes them."""
    vertices, codes = np.asarray(path.vertices, dtype=float), path.codes
    if codes is None:
        return [vertices]
    starts = np.flatnonzero(codes == path.MOVETO)
    kept = codes != path.CLOSEPOLY
    return [part[keep] for part, keep in zip(np.split(vertices, starts[1:]), np.split(kept, starts[1:]), strict=True)]


def _mesh(drawn: Any, seen: Seen) -> bool:
    """Read a grid of coloured cells, row by row."""
    grid = np.asarray(drawn.get_coordinates(), dtype=float)
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    values = np.ma.asarray(drawn.get_array())
    shaded = values.size == grid.shape[0] * grid.shape[1]  # Gouraud's way: a value for each corner
    rows, columns = (rows + 1, columns + 1) if shaded else (rows, columns)
    facts = {"rows": rows, "columns": columns, **_range(drawn)}
    corners = {"x from": float(grid[..., 0].min()), "x to": float(grid[..., 0].max())}
    corners |= {"y from": float(grid[..., 1].min()), "y to": float(grid[..., 1].max())}
    seen.add("heat map", drawn, {"value": values}, colour="", facts={**facts, **corners})
    steps = np.diff(grid[0, :, 0]), np.diff(grid[:, 0, 1])
    if any(step.size and not np.allclose(step, step[0]) for step in steps):
        seen.add("columns of the heat map", drawn, {"x": grid[0, :, 0]}, name="", colour="")
        seen.add("rows of the heat map", drawn, {"y": grid[:, 0, 1]}, name="", colour="")
    return True


def _arrows(drawn: Any, seen: Seen) -> bool:
    x, y = (drawn.X, drawn.Y) if hasattr(drawn, "X") else (drawn.x, drawn.y)
    u, v = (drawn.U, drawn.V) if hasattr(drawn, "U") else (drawn.u, drawn.v)
    columns = {"x": x, "y": y, "to the right": u, "upwards": v}
    seen.add("arrows", drawn, {**columns, **_mapped(drawn, np.size(u))}, at=("x", "y"), facts=_range(drawn))
    return True


def _shapes(drawn: Any, seen: Seen) -> bool:
    """Read any other collection by the corners of its paths, where they stand, and the numbers that colour them."""
    paths = [piece for path in drawn.get_paths() for piece in _pieces(path)]
    offsets: Array = np.ma.filled(np.ma.asarray(drawn.get_offsets(), dtype=float), np.nan)
    if len(offsets) and (offsets != 0).any():
        columns = {"x": offsets[:, 0], "y": offsets[:, 1], **_mapped(drawn, len(offsets))}
        seen.add("shapes", drawn, columns, at=("x", "y"), facts=_range(drawn))
        return True
    seen.add("shapes", drawn, _joined(paths), facts=_range(drawn))
    if mapped := _mapped(drawn, len(drawn.get_paths())):
        seen.add("colours of the shapes", drawn, mapped)
    return True


# Images


def _image(drawn: Any, seen: Seen) -> bool:
    values = drawn.get_array()
    if values is None:
        return True
    shape = np.shape(values)
    facts: dict[str, str | float] = {"rows": shape[0], "columns": shape[1] if len(shape) > 1 else 1}
    if len(shape) > 2:
        facts["channels"] = shape[2]
    else:
        facts |= _range(drawn)
    edges = ("x from", "x to", "y from", "y to")
    facts |= {name: float(end) for name, end in zip(edges, drawn.get_extent(), strict=True)}
    seen.add("image", drawn, {"value": np.ma.asarray(values)}, colour="", facts=facts)
    return True


# Patches


def _vertices(patch: Any) -> Array:
    return np.asarray(patch.get_patch_transform().transform(patch.get_path().vertices), dtype=float)


def _patch(drawn: Any, seen: Seen) -> bool:
    if isinstance(drawn, patches.StepPatch):
        values, edges, base = drawn.get_data()
        columns = {"from": edges[:-1], "to": edges[1:], "value": values}
        if np.size(base) == np.size(values):
            columns["base"] = np.asarray(base)
        seen.add("steps", drawn, columns, at=("from",))
        return True
    if isinstance(drawn, patches.Wedge):
        shares = {"from": drawn.theta1 / 360, "share": (drawn.theta2 - drawn.theta1) / 360, "radius": drawn.r}
        seen.add("wedge", drawn, {name: [value] for name, value in shares.items()})
        return True
    if isinstance(drawn, patches.FancyArrowPatch):
        between = getattr(drawn, "_posA_posB", None)  # which there is no public way to ask
        ends = np.asarray(drawn.get_path().vertices if between is None else between, dtype=float)
        _gather("arrows", drawn, {"x": ends[:1, 0], "y": ends[:1, 1], "to x": ends[-1:, 0], "to y": ends[-1:, 1]}, seen)
        return True
    corners = _vertices(drawn)
    match drawn.get_data_transform().contains_branch_seperately(seen.axes.transData):
        case True, False:
            seen.add("span", drawn, {"from x": [corners[:, 0].min()], "to x": [corners[:, 0].max()]})
        case False, True:
            seen.add("span", drawn, {"from y": [corners[:, 1].min()], "to y": [corners[:, 1].max()]})
        case _:
            _shape(drawn, corners, seen)
    return True


def _shape(drawn: Any, corners: Array, seen: Seen) -> None:
    (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
    if left == right and bottom == top:  # seaborn's proxies for a legend
        return
    if isinstance(drawn, patches.Rectangle | patches.Ellipse | patches.RegularPolygon):
        kind = {patches.Rectangle: "rectangles", patches.RegularPolygon: "polygons"}.get(type(drawn), "ellipses")
        columns = {
            "x": [(left + right) / 2],
            "y": [(bottom + top) / 2],
            "width": [right - left],
            "height": [top - bottom],
        }
        _gather(kind, drawn, columns, seen)
    else:
        seen.add("outline", drawn, {"x": corners[:, 0], "y": corners[:, 1]})


def _gather(kind: str, drawn: Any, columns: Mapping[str, Array], seen: Seen) -> None:
    """Add a row to the series of patches that look the same."""
    key = kind, colour_of(drawn), label_of(drawn)
    there = next((s for s in seen.series if (s.kind, s.colour, s.name) == key), None)
    seen.add(kind, drawn, columns, at=("x", "y"))
    if there:
        new = seen.series.pop()
        joined: dict[str, Column] = {}
        for name, numbers in new.columns.items():
            before = there.columns[name]
            assert isinstance(before, tuple) and isinstance(numbers, tuple)
            joined[name] = (*before, *numbers)
        seen.series[seen.series.index(there)] = msgspec.structs.replace(there, columns=joined)


# Texts


def _text(drawn: Any, seen: Seen) -> bool:
    if drawn.get_text():
        seen.texts.append(drawn.get_text())
    if isinstance(drawn, text.Annotation) and drawn.arrow_patch is not None and drawn.xycoords == "data":
        axes: Any = seen.axes  # its units are not typed
        x, y = (float(axes.convert_xunits(drawn.xy[0])), float(axes.convert_yunits(drawn.xy[1])))
        seen.add("pointer", drawn, {"x": [x], "y": [y]}, name=drawn.get_text(), colour="")
    return True


def _box_of_texts(drawn: Any, seen: Seen) -> bool:
    """Read the texts of what stands in a box of its own; a box without texts is not known."""
    found = [child.get_text() for child in drawn.findobj(text.Text) if child.get_text()]
    seen.texts += found
    return bool(found)


def _table(drawn: Any, seen: Seen) -> bool:
    seen.texts += [cell.get_text().get_text() for _, cell in sorted(drawn.get_celld().items())]
    return True


def _key(drawn: Any, seen: Seen) -> bool:
    seen.texts.append(drawn.text.get_text())
    return True


# Three dimensions


def _read_in_space(drawn: Any, seen: Seen) -> bool:
    """Read an artist of three-dimensional axes; False for any other."""
    if hasattr(drawn, "get_data_3d"):
        x, y, z = (np.asarray(numbers, dtype=float) for numbers in drawn.get_data_3d())
        seen.add("points" if _no_line(drawn) else "line", drawn, {"x": x, "y": y, "z": z}, at=("x", "y"))
    elif getattr(drawn, "_offsets3d", None) is not None:
        x, y, z = drawn._offsets3d
        columns = {"x": x, "y": y, "z": z, **_mapped(drawn, np.size(z))}
        seen.add("scatter", drawn, columns, at=("x", "y"), ordered=False, facts=_range(drawn))
    elif getattr(drawn, "_segments3d", None) is not None:
        gap = np.full((1, 3), np.nan)
        joined = np.concatenate([part for line in drawn._segments3d for part in (np.asarray(line, dtype=float), gap)])
        seen.add("curves", drawn, dict(zip("xyz", joined.T, strict=True)), at=("x", "y"))
    elif type(drawn).__name__ == "Poly3DCollection":
        corners = drawn._faces.reshape(-1, 3) if getattr(drawn, "_faces", None) is not None else drawn._vec[:3].T
        columns = dict(zip("xyz", np.ma.filled(np.ma.asarray(corners, dtype=float), np.nan).T, strict=True))
        seen.add("surface", drawn, columns, at=("x", "y"), facts=_range(drawn))
    else:
        return False
    return True


Reader = Callable[[Any, Seen], bool]
# The first that fits reads: a class comes before those that it is derived from.
READERS: tuple[tuple[type | tuple[type, ...], Reader], ...] = (
    (lines.Line2D, _line),
    (quiver.QuiverKey, _key),
    ((quiver.Quiver, quiver.Barbs), _arrows),
    (ContourSet, _contours),
    (collections.QuadMesh, _mesh),
    (collections.PathCollection, _cloud),
    (collections.LineCollection, _segments),
    (collections.PolyCollection, _polygons),
    (collections.Collection, _shapes),
    ((image.AxesImage, image.PcolorImage), _image),
    (text.Text, _text),
    (Table, _table),
    (OffsetBox, _box_of_texts),
    (patches.Patch, _patch),
)
