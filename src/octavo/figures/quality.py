"""What a mentor asks of a figure, asked of its record and its drawings: nothing runs again for it.

Sizes are as placed: a figure is drawn for each medium at the size at which the documents show it. Colours are told
apart by their distance in CAM02-UCS, as people see them who lack one kind of cone (Machado, Oliveira and Fernandes
2009, at full severity).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Literal
from xml.etree import ElementTree

from octavo.figures.record import FigureRecord, Panel, Series
from octavo.figures.svg import UnreadableDrawing
from octavo.model import SAVED, Figure, Finding, Frozen

SMALLEST = 6.0  # points, where the medium is not known: what can be read without a glass
THINNEST = 0.5  # points: what a printer holds
APART, AT_EASE = 5.0, 10.0  # distances of colours: told apart at all, and without effort
CONTRAST = 4.5  # of text to what is behind it, as WCAG 2 has it for text of ordinary size
WHITE, BLACK = "#ffffff", "#000000"
SHARP = 300.0  # dots an inch
SHOWN = 3  # places of one rule that are told
HALF_TONES = ("curves", "span", "segments")  # what is there to guide the eye has no colour to be told apart
SIGHTS = {"protanomaly": "red", "deuteranomaly": "green", "tritanomaly": "blue"}  # the kind of cone that is missing
NO_UNIT = re.compile(
    r"[(\[%$€£]|\b(log|ratio|share|rate|score|accuracy|number|count|density|probability|proportion|index|epochs?|"
    r"coverage|rank|seeds?|bias|error|rmse|correlation|fraction|year|date|age|day|month|week|hour|level)\b",
    re.IGNORECASE,
)
INTERVAL = re.compile(
    r"confidence|interval|\bCI\b|standard (error|deviation)|\bs\.?[de]\.?\b|quantile|quartile|range|percent|%",
    re.IGNORECASE,
)

Severity = Literal["error", "warning"]


class Shown(Frozen, frozen=True):
    """A figure as it is judged: its full name, what was recorded of it, what it shows, its SVG for each medium.

    ``captions`` are the captions under which the documents show it, ``alts`` the alternative texts that they give it
    there in place of its own. ``scales`` says of a figure that its notebook saved
    how much larger they show it, by medium. ``smallest`` is the height of type that is still read, by medium.
    """

    name: str
    figure: Figure
    record: FigureRecord
    drawings: dict[str, str]
    captions: tuple[str, ...] = ()
    alts: tuple[str, ...] = ()
    scales: dict[str, float] = {}
    smallest: dict[str, float] = {}

    def as_placed(self) -> Iterator[tuple[str, str, float]]:
        """Yield each drawing as it stands somewhere: for which medium, its SVG, how much larger than it was drawn."""
        for medium, svg in self.drawings.items():
            if medium != SAVED:
                yield medium, svg, 1.0
            else:
                yield from ((place, svg, scale) for place, scale in (self.scales or {SAVED: 1.0}).items())


def check(shown: Shown) -> tuple[Finding, ...]:
    """Return what does not hold of a figure."""
    return tuple(finding for rule in RULES for finding in rule(shown))


def _finding(shown: Shown, rule: str, severity: Severity, text: str, hint: str) -> Finding:
    return Finding(f"figure-{rule}", severity, f"{shown.name}: {text}", hint=hint)


# Of the drawings


def _text_can_be_read(shown: Shown) -> Iterator[Finding]:
    def smallest(medium: str, svg: str, scale: float) -> list[str]:
        least = shown.smallest.get(medium, SMALLEST)
        small = [size * scale for size, _, _ in _texts(svg) if size * scale < least - 0.05]
        return [f"{min(small):.3g} pt high, as placed, and should be {least:g} pt"] if small else []

    for words, media in _by_words(shown, smallest).items():
        text = f"In the drawing for {media} text is {words}."
        hint = "Raise font.size in its style sheet, or declare the figure, so that it is drawn for where it stands."
        yield _finding(shown, "text-readable", "error", text, hint)


def _lines_can_be_printed(shown: Shown) -> Iterator[Finding]:
    def thinnest(_: str, svg: str, scale: float) -> list[str]:
        widths = [float(width) * scale for width in re.findall(r"stroke-width: ?([0-9.]+)", svg)]
        thin = [width for width in widths if 0 < width < THINNEST - 0.005]
        return [f"{min(thin):.3g} pt"] if thin else []

    for words, media in _by_words(shown, thinnest).items():
        text = f"In the drawing for {media} lines are {words} thick, as placed."
        hint = f"At least {THINNEST:g} pt: lines.linewidth, axes.linewidth, grid.linewidth in its style sheet."
        yield _finding(shown, "line-printable", "warning", text, hint)


def _text_stands_out(shown: Shown) -> Iterator[Finding]:
    def pale(_: str, svg: str, __: float) -> list[str]:
        back = _background(svg)
        # SVG's own colour of text is black, and matplotlib leaves it out.
        found = {(fill or BLACK, text) for _, fill, text in _texts(svg) if _contrast(fill or BLACK, back) < CONTRAST}
        words = [f"'{text}' ({fill})" for fill, text in sorted(found)][:SHOWN]
        return [f"{', '.join(words)}, on {'white' if back == WHITE else back}"] if words else []

    for words, media in _by_words(shown, pale).items():
        text = f"In the drawing for {media} text is hard to see: {words}."
        hint = "Choose another colour for it: mpl.rcParams['text.color'] is that of the medium."
        yield _finding(shown, "text-contrast", "warning", text, hint)


def _background(svg: str) -> str:
    """Return the colour behind a drawing of matplotlib's: the first thing drawn, white where there is none."""
    found = re.search(r'<g id="patch_1">\s*<path [^>]*style="fill: ?(#[0-9a-f]{6})', svg)
    return found[1] if found else WHITE


def _by_words(shown: Shown, look: Callable[[str, str, float], list[str]]) -> dict[str, str]:
    """Return what is seen in the drawings, each thing once, with the media of whose drawings it is true."""
    found: dict[str, list[str]] = {}
    for medium, svg, scale in shown.as_placed():
        if words := look(medium, svg, scale):
            found.setdefault(", ".join(words), []).append(medium)
    return {words: ", ".join(media) for words, media in found.items()}


def _texts(svg: str) -> Iterator[tuple[float, str, str]]:
    """Yield size in points, colour and words of each text of a drawing of matplotlib's."""
    try:
        tree = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise UnreadableDrawing(str(error)) from error
    for element in tree.iter("{http://www.w3.org/2000/svg}text"):
        style = element.get("style", "")
        size = re.search(r"font(?:-size)?:[^;]*?([0-9.]+)px", style)
        fill = re.search(r"fill: ?(#[0-9a-f]{6})", style)
        words = "".join(element.itertext()).strip()
        if size and words:
            yield float(size[1]), fill[1] if fill else "", words


def _contrast(colour: str, back: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""
    darker, lighter = sorted((_luminance(colour), _luminance(back)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _is_redrawn(shown: Shown) -> Iterator[Finding]:
    """Tell of what is only scaled: its type and its lines are not those of the medium."""
    if shown.scales:
        how = ", ".join(f"{scale:.2g} times as large for {medium}" for medium, scale in shown.scales.items())
        text = f"Its notebook saved it, so it is not drawn for where it stands, but scaled: {how}."
        yield _finding(shown, "redrawn", "warning", text, "Declare it: octavo.figure(NAME, draw).")


def _texts_have_room(shown: Shown) -> Iterator[Finding]:
    for medium, faults in shown.figure.crowded.items():
        more = f", and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        where = "In what the notebook saved," if medium == SAVED else f"In the drawing for {medium}"
        text = f"{where} {', '.join(faults[:SHOWN])}{more}."
        yield _finding(shown, "text-apart", "warning", text, "Move or shorten them, or make the figure larger.")


def _raster_is_sharp(shown: Shown) -> Iterator[Finding]:
    """Where a medium has no drawing of lines, its picture is what is placed."""
    vector = {drawing.medium for drawing in shown.figure.drawings if drawing.format != "png"}
    for drawing in shown.figure.drawings:
        dots = drawing.dpi
        if drawing.format == "png" and drawing.medium not in vector and dots and dots < SHARP:
            text = f"For {drawing.medium} there is only a picture of {dots:.0f} dots an inch."
            yield _finding(
                shown, "raster-sharp", "error", text, f"At least {SHARP:.0f}: save it with dpi=300, or as SVG."
            )


# Of what it shows


def _colours_can_be_told_apart(shown: Shown) -> Iterator[Finding]:
    for panel in shown.record.panels:
        hues = _hues(panel)
        if len(hues) < 2:
            continue
        worst = min(_distances(hues), default=None)
        if worst and worst[0] < AT_EASE:
            distance, missing, first, second = worst
            text = (
                f"{_where(shown, panel)}'{first}' and '{second}' look alike to people without {missing} cones "
                f"(distance {distance:.1f})."
            )
            severity: Severity = "error" if distance < APART else "warning"
            yield _finding(
                shown, "colours-apart", severity, text, "Take Okabe and Ito's colours, or markers and dashes as well."
            )


def _greys_can_be_told_apart(shown: Shown) -> Iterator[Finding]:
    for panel in shown.record.panels:
        hues = _hues(panel)
        lightness = {name: _lightness(colour) for name, colour in hues.items()}
        pairs = [
            (abs(lightness[a] - lightness[b]), a, b)
            for a, b in combinations(sorted(lightness), 2)
            if hues[a] != hues[b]  # those are told apart by something else
        ]
        if pairs and min(pairs)[0] < APART:
            distance, first, second = min(pairs)
            text = f"{_where(shown, panel)}'{first}' and '{second}' look alike in grey (distance {distance:.1f})."
            yield _finding(
                shown, "greys-apart", "warning", text, "Tell them apart by markers, dashes or lightness as well."
            )


def _hues(panel: Panel) -> dict[str, str]:
    """Return the colours that tell the series of a panel apart, by the names that the legend gives them."""
    named: dict[str, str] = {}
    for series in panel.series:
        if series.name and series.colour and series.kind not in HALF_TONES:
            named.setdefault(series.name, series.colour)
    return named if len(set(named.values())) > 1 else {}


def _distances(hues: Mapping[str, str]) -> Iterator[tuple[float, str, str, str]]:
    from colorspacious import cspace_convert, deltaE

    for cvd, missing in SIGHTS.items():
        space = {"name": "sRGB1+CVD", "cvd_type": cvd, "severity": 100}
        seen = {name: cspace_convert(_rgb(colour), space, "sRGB1") for name, colour in hues.items()}
        for first, second in combinations(sorted(seen), 2):
            if hues[first] != hues[second]:
                distance = float(deltaE(seen[first], seen[second], input_space="sRGB1", uniform_space="CAM02-UCS"))
                yield distance, missing, first, second


def _lightness(colour: str) -> float:
    from colorspacious import cspace_convert

    return float(cspace_convert(_rgb(colour), "sRGB1", "CAM02-UCS")[0])


def _rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def _bars_begin_at_zero(shown: Shown) -> Iterator[Finding]:
    for panel in shown.record.panels:
        for series in panel.series:
            which = {"bars": "y", "horizontal bars": "x"}.get(series.kind)
            axis = panel.axes.get(which or "")
            if axis and axis.scale == "linear" and min(axis.limits) > 0 and _from_zero(series):
                text = f"{_where(shown, panel)}The {which} axis of its bars begins at {min(axis.limits):g}."
                yield _finding(
                    shown, "bars-from-zero", "error", text, "Let it begin at 0, or show points instead of bars."
                )
                break


def _from_zero(series: Series) -> bool:
    begins = series.columns.get("from", ())
    return isinstance(begins, tuple) and all(begin == 0 for begin in begins)


def _axes_are_labelled(shown: Shown) -> Iterator[Finding]:
    outside = " ".join(shown.record.texts)
    for panel in shown.record.panels:
        if panel.role or not panel.series or outside:
            continue
        for which, axis in panel.axes.items():
            told = axis.categories or axis.dates or axis.ticks
            if not axis.label and not told and not _is_picture(panel):
                text = f"{_where(shown, panel)}The {which} axis has no label."
                yield _finding(shown, "axis-labelled", "warning", text, f"Say what it shows: ax.set_{which}label(…).")
            elif axis.label and not told and not NO_UNIT.search(axis.label):
                text = f"{_where(shown, panel)}The label '{axis.label}' of the {which} axis names no unit."
                yield _finding(shown, "axis-unit", "warning", text, "Put the unit in brackets behind it.")


def _is_picture(panel: Panel) -> bool:
    return all(series.kind in ("image", "wedge", "heat map") for series in panel.series)


def _is_seeded(shown: Shown) -> Iterator[Finding]:
    if shown.figure.restless:
        names = ", ".join(shown.figure.restless[:SHOWN])
        text = f"It hangs on the notebook's random numbers; with others it shows something else: {names}."
        hint = "Give what is bootstrapped or scattered a seed of its own (seaborn: seed=1)."
        yield _finding(shown, "seeded", "warning", text, hint)


def _is_described(shown: Shown) -> Iterator[Finding]:
    if not shown.figure.alt.strip() and not (shown.alts and all(alt.strip() for alt in shown.alts)):
        hint = "Give octavo.figure an alt= text: what does somebody miss who cannot see it?"
        yield _finding(shown, "alt-text", "warning", "It has no alternative text.", hint)


def _intervals_are_named(shown: Shown) -> Iterator[Finding]:
    kinds = {s.kind for panel in shown.record.panels for s in panel.series if _is_interval(s)}
    captions = " ".join((*shown.captions, *shown.record.texts, *(t for p in shown.record.panels for t in p.texts)))
    legends = " ".join(entry for panel in shown.record.panels for entry in (*panel.legend, panel.legend_title))
    if kinds and shown.captions and not INTERVAL.search(f"{captions} {legends}"):
        text = "Its caption does not say what its error bars or bands show: a standard error, a confidence interval?"
        yield _finding(shown, "interval-named", "warning", text, "Say it in the caption, with the level.")


def _is_interval(series: Series) -> bool:
    """Whether a series has lower and upper ends; an area that stands on a line has none."""
    low, high = series.columns.get("low", ()), series.columns.get("high", ())
    return bool(high) and not (isinstance(low, tuple) and len(set(low)) == 1 and len(low) > 1)


def _where(shown: Shown, panel: Panel) -> str:
    return "" if len(shown.record.panels) == 1 else f"Panel {panel.name}: "


RULES: tuple[Callable[[Shown], Iterator[Finding]], ...] = (
    _text_can_be_read,
    _lines_can_be_printed,
    _text_stands_out,
    _texts_have_room,
    _raster_is_sharp,
    _is_redrawn,
    _colours_can_be_told_apart,
    _greys_can_be_told_apart,
    _bars_begin_at_zero,
    _axes_are_labelled,
    _is_seeded,
    _is_described,
    _intervals_are_named,
)
