"""What differs between two records of a figure, in words: which panel, which series, where, by how much.

Data come in two degrees. ``drift`` is beyond the tolerance and yet not to be seen in print: less than a five-hundredth
of the axis, and less than a hundredth of the number itself. What is more is ``changed``, and so is whatever differs in
the structure: panels, series, labels, scales, categories, legends.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from octavo.figures.record import Axis, Blocks, Column, FigureRecord, Number, Panel, Series

VISIBLE = 0.002  # of the axis: what a reader can see in print
NOTABLE = 0.01  # of a number: what a reader of the number would call another one
FAINT = 0.0002  # of the axis: below it, no number is looked at by itself
HALF = 0.5  # of the way to the next row: what stands so near to a name is in its row
TOLD = 6  # sentences of one series
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

Degree = Literal["drift", "changed"]
# How the columns of a series are called in a sentence; those that are not here have their own name.
WORDS = {
    "y": "",
    "value": "",
    "to": "its end",
    "from": "its beginning",
    "low": "its lower end",
    "high": "its upper end",
    "left": "its left end",
    "right": "its right end",
    "median": "its median",
    "share": "its share",
    "z": "its height",
}
ON = {"x": "x", "left": "x", "right": "x", "to x": "x", "from x": "x", "y": "y", "to y": "y", "from y": "y", "z": "z"}


@dataclass(frozen=True)
class Difference:
    """A sentence, and its degree."""

    degree: Degree
    text: str


@dataclass(frozen=True)
class Scale:
    """By what differences of one column are judged: what is tolerated of a number, and the length of its axis.

    On a logarithmic axis the length is in powers of ten. 0 where it is not known.
    """

    relative: float
    length: float
    logarithmic: bool = False

    def degree(self, then: Number, now: Number) -> Degree | None:
        """Return how far two numbers differ; None within the tolerance."""
        if then == now:
            return None
        if not isinstance(then, float) or not isinstance(now, float):
            return "changed"
        apart, size = abs(now - then), max(abs(then), abs(now))
        part = self._part(then, now)
        if apart <= self.relative * size or part <= self.relative:
            return None
        return "changed" if part > VISIBLE or (part > FAINT and apart > NOTABLE * size) else "drift"

    def _part(self, then: float, now: float) -> float:
        """Return how far apart two numbers are, in parts of the axis."""
        if self.logarithmic and then > 0 and now > 0:
            return abs(math.log10(now / then)) / self.length if self.length else math.inf
        return abs(now - then) / self.length if self.length else math.inf


@dataclass(frozen=True)
class Pair:
    """A series then and now, in its panel."""

    panel: Panel
    then: Series
    now: Series
    relative: float

    def scale(self, column: str) -> Scale:
        """Return by what a column is judged."""
        which = axis_of(self.then, column)
        axis = self.panel.axes.get(which)
        if axis is None:
            return Scale(self.relative, _extent(self.then, column))
        low, high = axis.limits
        if axis.scale == "log" and low > 0 and high > 0:
            return Scale(self.relative, abs(math.log10(high / low)), logarithmic=True)
        return Scale(self.relative, abs(high - low))


def differences(then: FigureRecord, now: FigureRecord, relative: Callable[[str], float]) -> list[Difference]:
    """Return what differs, the gravest first. ``relative`` tells what is tolerated of the numbers of a named series."""
    found = [_changed(text) for text in _lists("The text", then.texts, now.texts)]
    before, after = {p.name: p for p in then.panels}, {p.name: p for p in now.panels}
    found += [_changed(f"Panel {name}{_titled(before[name])} is gone.") for name in before if name not in after]
    found += [_changed(f"Panel {name}{_titled(after[name])} is new.") for name in after if name not in before]
    alone = len(before) == len(after) == 1
    for name in before:
        if name in after:
            told = _panel(before[name], after[name], relative)
            found += [Difference(d.degree, d.text if alone else _within(before[name], d.text)) for d in told]
    return sorted(found, key=lambda difference: difference.degree != "changed")


def not_compared(record: FigureRecord) -> list[str]:
    """Return the artists that nothing is known of, a sentence each panel."""
    alone = len(record.panels) == 1
    found = [
        (p.not_compared, "" if alone else f" in panel {p.name}{_titled(p)}") for p in record.panels if p.not_compared
    ]
    found += [(record.not_compared, " outside of the panels")] if record.not_compared else []
    return [f"Not compared{where}: {_counted(names)}." for names, where in found]


def _counted(names: Sequence[str]) -> str:
    return ", ".join(f"{names.count(name)} {name}" if names.count(name) > 1 else name for name in sorted(set(names)))


def _changed(text: str) -> Difference:
    return Difference("changed", text)


def _titled(panel: Panel) -> str:
    return f" ('{panel.title}')" if panel.title else ""


def _within(panel: Panel, text: str) -> str:
    return f"Panel {panel.name}{_titled(panel)}: {text[0].lower()}{text[1:]}"


# Structure


def _panel(then: Panel, now: Panel, relative: Callable[[str], float]) -> Iterator[Difference]:
    yield from _series(then, now, relative)
    if then.role != now.role:
        yield _changed(f"It was {then.role or 'a panel'} and is now {now.role or 'a panel'}.")
    if then.title != now.title:
        yield _changed(f"The title was '{then.title}' and is now '{now.title}'.")
    for which in then.axes:
        if which in now.axes:
            yield from _axis(which, then.axes[which], now.axes[which])
    yield from map(_changed, _lists("The entry of the legend", then.legend, now.legend))
    if then.legend_title != now.legend_title:
        yield _changed(f"The legend's title was '{then.legend_title}' and is now '{now.legend_title}'.")
    yield from map(_changed, _lists("The text", then.texts, now.texts))


def _axis(which: str, then: Axis, now: Axis) -> Iterator[Difference]:
    name = f"The {which} axis"
    if then.label != now.label:
        yield _changed(f"{name} was labelled '{then.label}' and is now labelled '{now.label}'.")
    if then.scale != now.scale:
        yield _changed(f"{name} was {then.scale} and is now {now.scale}.")
    if then.dates != now.dates:
        yield _changed(f"{name} {'has no dates any more' if then.dates else 'has dates now'}.")
    yield from map(_changed, _lists(f"On the {which} axis, the category", then.categories, now.categories))
    if not then.categories:
        yield from map(_changed, _lists(f"On the {which} axis, the label", then.ticks, now.ticks))
    if then.fixed != now.fixed:
        yield _changed(f"{name} has limits {'that follow the data' if then.fixed else 'of its own'} now.")
    elif then.fixed and then.scale == now.scale:
        yield from _limits(name, then, now)


def _limits(name: str, then: Axis, now: Axis) -> Iterator[Difference]:
    """Tell of limits that have moved to be seen."""
    logarithmic = then.scale == "log" and min(*then.limits, *now.limits) > 0
    ends = [tuple(map(math.log10, axis.limits)) if logarithmic else axis.limits for axis in (then, now)]
    length = abs(ends[0][1] - ends[0][0])
    if any(abs(a - b) > VISIBLE * length for a, b in zip(*ends, strict=True)):
        was, becomes = (" to ".join(_at(end, axis) for end in axis.limits) for axis in (then, now))
        yield _changed(f"{name} went from {was} and goes now from {becomes}.")


def _lists(what: str, then: Sequence[str], now: Sequence[str]) -> Iterator[str]:
    """Tell how two lists of texts differ: in order, or one in place of another, or one more or less."""
    if list(then) == list(now):
        return
    if sorted(then) == sorted(now):
        yield f"{what.replace('The ', 'The order of each ', 1)} has changed: {_listed(then)} became {_listed(now)}."
        return
    gone, new = _without(then, now), _without(now, then)
    if len(then) == len(now) and len(gone) == len(new):
        yield from (f"{what} '{was}' became '{becomes}'." for was, becomes in zip(gone, new, strict=True))
        return
    yield from (f"{what} '{text}' is gone." for text in gone)
    yield from (f"{what} '{text}' is new." for text in new)


def _without(texts: Sequence[str], others: Sequence[str]) -> list[str]:
    left = list(others)
    found = []
    for text in texts:
        if text in left:
            left.remove(text)
        else:
            found.append(text)
    return found


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(f"'{text}'" for text in texts)


# Series


def _series(then: Panel, now: Panel, relative: Callable[[str], float]) -> Iterator[Difference]:
    pairs, gone, new = _matched(then.series, now.series)
    made = [Pair(then, a, b, relative(a.name)) for a, b in pairs]
    told = [list(_numbers(pair)) for pair in made]
    for first, second in _swapped(made, told):
        told[first], told[second] = [], []
        a, b = made[first].then, made[second].then
        yield _changed(f"{_the(a)} and {_the(b)[0].lower()}{_the(b)[1:]} have changed places.")
    for pair, sentences in zip(made, told, strict=True):
        if pair.then.kind != pair.now.kind:
            yield _changed(f"{_the(pair.then)} is drawn as {pair.now.kind} now.")
        elif pair.then.name != pair.now.name:
            yield _changed(f"{_the(pair.then)} is called '{pair.now.name}' now.")
        yield from sentences[:TOLD]
        if len(sentences) > TOLD:
            yield Difference(sentences[TOLD].degree, f"{_the(pair.then)}: {len(sentences) - TOLD} further differences.")
    yield from (_changed(f"{_the(series)} is gone.") for series in gone)
    yield from (_changed(f"{_the(series)} is new.") for series in new)


def _the(series: Series) -> str:
    """Return how a reader is told of a series."""
    name = f" '{series.name}'" if series.name else f" in {series.colour}" if series.colour else ""
    return f"The {series.kind}{name}"


def _matched(
    then: Sequence[Series], now: Sequence[Series]
) -> tuple[list[tuple[Series, Series]], list[Series], list[Series]]:
    """Match series by kind and name, then by what else they have in common; return what is left of both as well."""
    pairs: list[tuple[int, int]] = []
    rules: tuple[Callable[[Series], object], ...] = (
        lambda s: (s.kind, s.name, s.colour),
        lambda s: (s.kind, s.name) if s.name else None,
        lambda s: (s.kind, str(s.columns)),
        lambda s: s.name or None,
        lambda s: s.kind if not s.name else None,
        lambda s: (s.kind, s.colour, _length(s)) if s.colour else None,
    )
    for rule in rules:
        before, after = (set(range(len(series))) - {p[k] for p in pairs} for k, series in enumerate((then, now)))
        waiting: dict[object, list[int]] = {}
        for index in sorted(after):
            waiting.setdefault(rule(now[index]), []).append(index)
        for index in sorted(before):
            key = rule(then[index])
            if key is not None and waiting.get(key):
                pairs.append((index, waiting[key].pop(0)))
    pairs.sort()
    gone = [series for index, series in enumerate(then) if index not in {a for a, _ in pairs}]
    new = [series for index, series in enumerate(now) if index not in {b for _, b in pairs}]
    return [(then[a], now[b]) for a, b in pairs], gone, new


def _swapped(pairs: Sequence[Pair], told: Sequence[Sequence[Difference]]) -> Iterator[tuple[int, int]]:
    """Yield which two pairs have taken each other's data."""
    moved = [i for i, sentences in enumerate(told) if any(d.degree == "changed" for d in sentences)]
    taken: set[int] = set()
    for number, i in enumerate(moved):
        for j in moved[number + 1 :]:
            first, second = pairs[i], pairs[j]
            if {i, j} & taken or first.then.kind != second.then.kind:
                continue
            crossed = (Pair(first.panel, a.then, b.now, a.relative) for a, b in ((first, second), (second, first)))
            if not any(list(_numbers(pair)) for pair in crossed):
                taken |= {i, j}
                yield i, j


# Numbers


def _numbers(pair: Pair) -> Iterator[Difference]:
    """Tell what differs in the data of a series."""
    then, now = pair.then, pair.now
    for fact in dict.fromkeys((*then.facts, *now.facts)):
        yield from _fact(pair, fact)
    shared = [name for name in then.columns if name in now.columns]
    for name in dict.fromkeys((*then.columns, *now.columns)):
        if name not in shared:
            yield _changed(f"{_the(then)} {'has no' if name in then.columns else 'has now'} '{name}'.")
    if any(isinstance(side.columns[name], Blocks) for side in (then, now) for name in shared):
        yield from _long(pair, shared)
        return
    rows = [list(zip(*(side.columns[name] for name in shared), strict=True)) for side in (then, now)]
    yield from _rows(pair, shared, rows[0], rows[1])


def _fact(pair: Pair, fact: str) -> Iterator[Difference]:
    was, becomes = pair.then.facts.get(fact), pair.now.facts.get(fact)
    if isinstance(was, float | int) and isinstance(becomes, float | int):
        apart, size = abs(becomes - was), max(abs(was), abs(becomes))
        if apart > pair.relative * size:
            degree: Degree = "changed" if apart > VISIBLE * size else "drift"
            yield Difference(
                degree, f"{_the(pair.then)}: '{fact}' was {_both(was, becomes)[0]} and is now {_both(was, becomes)[1]}."
            )
    elif was != becomes:
        yield _changed(f"{_the(pair.then)}: '{fact}' was '{was or 'nothing'}' and is now '{becomes or 'nothing'}'.")


Row = tuple[Number, ...]


def _rows(pair: Pair, names: Sequence[str], then: Sequence[Row], now: Sequence[Row]) -> Iterator[Difference]:
    scales = [pair.scale(name) for name in names]
    matched, gone, new = _paired(pair, names, scales, then, now)
    for index in gone[:TOLD]:
        yield _changed(f"{_the(pair.then)} has no point any more at {_place(pair, names, then[index], index)}.")
    for index in new[:TOLD]:
        yield _changed(f"{_the(pair.then)} has a new point at {_place(pair, names, now[index], index)}.")
    if max(len(gone), len(new)) > TOLD:
        yield _changed(f"{_the(pair.then)} had {len(then)} points and has now {len(now)}.")
    for position, name in enumerate(names):
        moved: list[tuple[Degree, float, int, int]] = []
        for i, j in matched:
            a, b = then[i][position], now[j][position]
            if degree := scales[position].degree(a, b):
                far = abs(b - a) if isinstance(a, float) and isinstance(b, float) else math.inf
                moved.append((degree, far, i, j))
        if moved:
            degree, _, i, j = max(moved, key=lambda m: (m[0] == "changed", m[1]))
            where = _place(pair, names, then[i], i, name)
            values = then[i][position], now[j][position]
            yield Difference(degree, _moved(pair, name, where, values, len(moved), len(then)))


def _paired(
    pair: Pair, names: Sequence[str], scales: Sequence[Scale], then: Sequence[Row], now: Sequence[Row]
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Return which rows belong together, and which have no other: by where they stand, else by their order."""
    at = [names.index(name) for name in pair.then.at if name in names]
    if pair.then.ordered and len(then) == len(now):
        return [(i, i) for i in range(len(then))], [], []
    if not pair.then.ordered:
        return _nearest(scales, then, now)
    left: dict[object, list[int]] = {}
    for j, row in enumerate(now):
        left.setdefault(_key(row, at), []).append(j)
    matched, gone = [], []
    for i, row in enumerate(then):
        same = left.get(_key(row, at))
        if same:
            matched.append((i, same.pop(0)))
        else:
            gone.append(i)
    return matched, gone, sorted(j for indices in left.values() for j in indices)


def _key(row: Row, at: Sequence[int]) -> object:
    return tuple(f"{row[i]:.9g}" if isinstance(row[i], float) else row[i] for i in (at or range(len(row))))


def _nearest(
    scales: Sequence[Scale], then: Sequence[Row], now: Sequence[Row]
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Match points that mean the same in any order: those that are equal, then each with the nearest that is left."""

    def sort_key(row: Row) -> tuple[float, ...]:
        return tuple(float(n) if n is not None else math.nan for n in row)

    def close(a: Row, b: Row) -> bool:
        return all(scale.degree(x, y) is None for scale, x, y in zip(scales, a, b, strict=True))

    order = [sorted(range(len(rows)), key=lambda i: str(sort_key(rows[i]))) for rows in (then, now)]
    matched: list[tuple[int, int]] = []
    exact: dict[object, list[int]] = {}
    for j in order[1]:
        exact.setdefault(now[j], []).append(j)
    before = []
    for i in order[0]:
        if exact.get(then[i]):
            matched.append((i, exact[then[i]].pop(0)))
        else:
            before.append(i)
    after = sorted(j for indices in exact.values() for j in indices)

    def apart(a: Row, b: Row) -> float:
        parts = [
            abs(x - y) / (s.length or 1)
            for s, x, y in zip(scales, a, b, strict=True)
            if isinstance(x, float) and isinstance(y, float)
        ]
        return math.fsum(parts)

    for i in sorted(before, key=lambda i: not any(close(then[i], now[j]) for j in after)):
        if not after:
            break
        best = min(after, key=lambda j: apart(then[i], now[j]))
        after.remove(best)
        matched.append((i, best))
    paired = {i for i, _ in matched}
    return matched, [i for i in range(len(then)) if i not in paired], after


def _long(pair: Pair, names: Iterable[str]) -> Iterator[Difference]:
    """Tell what differs in columns that are kept by blocks."""
    for name in names:
        then, now = pair.then.columns[name], pair.now.columns[name]
        if then == now:
            continue
        if not isinstance(then, Blocks) or not isinstance(now, Blocks) or then.count != now.count:
            yield _changed(f"{_the(pair.then)} had {_size(then):,} points and has now {_size(now):,}.")
            return
        if then.missing != now.missing:
            yield _changed(f"{_the(pair.then)}: {then.missing:,} numbers were missing, and now {now.missing:,} are.")
        yield from _blocks(pair, name, then, now)


def _blocks(pair: Pair, name: str, then: Blocks, now: Blocks) -> Iterator[Difference]:
    scale, parts = pair.scale(name), len(then.digests)
    worst: tuple[Degree, str] | None = None
    for what, a, b in (
        ("mean", then.means, now.means),
        ("least", then.least, now.least),
        ("most", then.most, now.most),
    ):
        for number, (was, becomes) in enumerate(zip(a, b, strict=True), start=1):
            degree = scale.degree(was, becomes)
            if degree and (worst is None or (degree == "changed" != worst[0])):
                said = " became ".join(_both(was, becomes))
                worst = degree, f"{_the(pair.then)} moved in part {number} of {parts}: the {what} of '{name}', {said}."
    if worst:
        yield Difference(*worst)
    else:
        yield Difference("drift", f"{_the(pair.then)}: some of {then.count:,} numbers differ by less than can be told.")


def _size(column: Column) -> int:
    return column.count if isinstance(column, Blocks) else len(column)


def _length(series: Series) -> int:
    return max(map(_size, series.columns.values()), default=0)


def axis_of(series: Series, column: str) -> str:
    """Return the axis on which a column of a series is read off; empty where it is not on one."""
    single = series.at[0] if len(series.at) == 1 and series.at[0] in ("x", "y") else ""
    if column in series.at or column in ("x", "y", "z"):
        return column if column in ("x", "y", "z") else ""
    if column == "width":
        return single or "x"
    if single and column not in ("size", "value", "base"):
        return "y" if single == "x" else "x"
    return ON.get(column, "")


def _extent(series: Series, name: str) -> float:
    """Return by what numbers are judged that are on no axis: the range of their colours, or what they take up."""
    ends = [series.facts.get(f"colours {end}") for end in ("from", "to")]
    if name == "value" and isinstance(ends[0], float | int) and isinstance(ends[1], float | int) and ends[0] != ends[1]:
        return abs(ends[1] - ends[0])
    column = series.columns.get(name, ())
    parts = (*column.least, *column.most) if isinstance(column, Blocks) else column
    numbers = [n for n in parts if isinstance(n, float)]
    return (max(numbers) - min(numbers) or max(map(abs, numbers))) if numbers else 0.0


# Words


def _moved(pair: Pair, name: str, where: str, values: tuple[Number, Number], count: int, total: int) -> str:
    was, becomes = values
    part = "" if name == "x" else WORDS.get(name, f"its {name}")
    subject = _the(pair.then) + (f", {part}," if part else "")
    by = ""
    if isinstance(was, float) and isinstance(becomes, float) and was and abs((becomes - was) / was) < 10:
        by = f" by {abs(100 * (becomes - was) / was):.2g} %"
    many = f" ({count} of {total} points)" if total > 1 else ""
    said = " became ".join(_both(was, becomes))
    along = " in x" if name == "x" else ""
    return f"{subject} moved{along}{by}{f' at {where}' if where else ''}: {said}{many}."


def _place(pair: Pair, names: Sequence[str], row: Row, index: int, moved: str = "") -> str:
    """Return where a row stands, as a reader finds it; not by the column that ``moved``."""
    columns = pair.then.facts.get("columns")
    if isinstance(columns, float | int) and "rows" in pair.then.facts:
        cell = index // int(pair.then.facts.get("channels", 1))
        return f"row {cell // int(columns) + 1}, column {cell % int(columns) + 1}"
    by = [name for name in pair.then.at if name in names and name != moved]
    if not by:
        by = [name for name in ("x", "y") if name in names and name != moved and moved]
    told = [f"{name} = {_at(row[names.index(name)], pair.panel.axes.get(name))}" for name in by]
    if told:
        return ", ".join(told)
    return f"point {index + 1}" if len(pair.then.columns) and _length(pair.then) > 1 else ""


def _at(value: Number, axis: Axis | None) -> str:
    """Return a position as it stands on its axis: a category, a date, a number."""
    if axis and isinstance(value, float):
        if axis.categories and value == round(value) and 0 <= value < len(axis.categories):
            return f"'{axis.categories[int(value)]}'"
        near = [(abs(value - p), t) for p, t in zip(axis.places, axis.ticks, strict=True) if isinstance(p, float)]
        if near and min(near)[0] < HALF and not any(text.strip("-−").replace(".", "").isdigit() for text in axis.ticks):
            return f"'{min(near)[1]}'"
        if axis.dates and abs(value) < 1e6:
            moment = EPOCH + datetime.timedelta(days=value)
            return moment.strftime("%Y-%m-%d" if value == round(value) else "%Y-%m-%d %H:%M")
    return _plain(value, 6)


def _both(was: Number, becomes: Number) -> tuple[str, str]:
    """Return two numbers with as many digits as it takes to tell them apart."""
    for digits in range(4, 13):
        texts = _plain(was, digits), _plain(becomes, digits)
        if texts[0] != texts[1]:
            break
    return texts


def _plain(value: Number, digits: int) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else f"{value:.{digits}g}"
