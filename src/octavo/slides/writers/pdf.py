"""Write the deck as a PDF by Typst: the same measures as on the other formats, no pages of notes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from octavo.document.typst import STANDARD, fonts, loose_accents, string, unseen
from octavo.errors import BuildError, OctavoError, raise_all
from octavo.slides import fit, layout
from octavo.slides.deck import Big, Deck, Flow, Formula, Inline, Inlines, Listing, Paragraph, Shown, Slide, plain
from octavo.slides.formula import typst as typst_formula
from octavo.slides.layout import GAP, ITEM_GAP, SIZES, Zone
from octavo.slides.leaves import leaves

if TYPE_CHECKING:
    import typst

MEDIUM = "the PDF"
MARKS = {1: "•", 2: "–"}
FORMATS = ("svg", "png")  # PDF/UA forbids a PDF inside; the first that a figure has is shown


def write(deck: Deck) -> bytes:
    """Return the deck as the bytes of a PDF.

    Raises DocumentError (or Problems) for every part of a slide that is taller than its room.
    """
    with _typst(deck) as compiler:
        _check(deck, compiler)
        data = compiler.compile(format="pdf", timestamp=0, pdf_standards=[STANDARD])
    assert isinstance(data, bytes)  # a list only when pages are files of their own
    return data


def check(deck: Deck) -> None:
    """Raise what ``write`` would raise, without writing: the measure of the HTML deck as well."""
    with _typst(deck) as compiler:
        _check(deck, compiler)


@contextmanager
def _typst(deck: Deck) -> Iterator[typst.Compiler]:
    import typst

    fit.check(deck)
    raise_all(loose_accents(leaves(deck)))
    with TemporaryDirectory(prefix="octavo-") as folder:
        source = _lay_out(deck, Path(folder))
        files = fonts(Path(folder), source.read_text(encoding="utf-8"))
        try:
            yield typst.Compiler(str(source), root=folder, font_paths=files, ignore_system_fonts=True)
        except typst.TypstError as error:
            raise_all(unseen([*leaves(deck)], str(error), deck.place.file))
            raise BuildError(
                f"Typst could not set the deck [this is a bug]: {error}",
                where=deck.place.file,
                hint="Please report it with the text of the slide.",
            ) from error


def source(deck: Deck) -> str:
    """Return the Typst source of the deck; figures are ``figure-2.pdf``, by the number of their slide."""
    parts = [
        '#import "template.typ": *',
        f"#show: body => deck({string(plain(deck.title))}, {_array(map(string, deck.authors))}, body)",
        _cover(deck),
    ]
    parts += [_slide(deck, number, slide) for number, slide in enumerate(deck.slides, start=2)]
    return "\n".join(parts) + "\n"


def texts(deck: Deck) -> str:
    """Return every text that the Typst source of the deck holds."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', source(deck))
    return "\n".join(re.sub(r"\\(.)", r"\1", text) for text in found)


def _lay_out(deck: Deck, folder: Path) -> Path:
    template = Path(__file__).with_name("deck.typ")
    shutil.copyfile(template, folder / "template.typ")
    (folder / "layout.json").write_text(json.dumps(_measures(deck.palette)), encoding="utf-8")
    for number, slide in enumerate(deck.slides, start=2):
        if slide.shown and slide.shown.picture:
            kind = _format(slide.shown)
            shutil.copyfile(slide.shown.picture.files[kind], folder / f"figure-{number}.{kind}")
    path = folder / "deck.typ"
    path.write_text(source(deck), encoding="utf-8")
    return path


def _measures(palette: layout.Palette) -> dict[str, Any]:
    import msgspec

    zones = {
        "title": layout.TITLE,
        "footer": layout.FOOTER,
        "number": layout.NUMBER,
        "cover-title": layout.COVER_TITLE,
        "cover-subtitle": layout.COVER_SUBTITLE,
        "cover-byline": layout.COVER_BYLINE,
    }
    sizes = {name: getattr(SIZES, name) for name in SIZES.__struct_fields__}
    measures = {
        "zones": zones,
        "sizes": sizes,
        "width": layout.WIDTH,
        "height": layout.HEIGHT,
        "leading": layout.LEADING,
        "step": layout.STEP,
        "back": palette.back,
        "ink": palette.ink,
        "quiet": palette.quiet,
        "accent": palette.accent,
    }
    plain_measures: dict[str, Any] = msgspec.to_builtins(measures)
    return plain_measures


def _check(deck: Deck, compiler: typst.Compiler) -> None:
    rooms = json.loads(compiler.query("<room>", field="value"))
    problems: list[OctavoError] = [
        fit.too_tall(deck, room["number"], room["part"], room["height"], room["room"], MEDIUM)
        for room in rooms
        if room["height"] > room["room"] + 0.01
    ]
    raise_all(problems)


def _format(shown: Shown) -> str:
    assert shown.picture is not None
    return next(kind for kind in FORMATS if kind in shown.picture.files)


def _array(items: Any) -> str:
    return "(" + "".join(f"{item}, " for item in items) + ")"


def _content(inlines: Inlines) -> str:
    return "[" + "".join(_inline(inline) for inline in inlines) + "]"


def _inline(inline: Inline) -> str:
    if isinstance(inline, Formula):
        return typst_formula(inline)
    made = f"raw({string(inline.text)})" if inline.code else f"text({string(inline.text)})"
    if inline.script:
        made = f"{inline.script}({made})"
    if inline.italic:
        made = f"emph({made})"
    if inline.bold:
        made = f"strong({made})"
    if inline.link:
        made = f"link({string(inline.link)}, {made})"
    return f"#{made};"


def _zone(zone: Zone) -> str:
    return f"(x: {zone.x:.3f}, y: {zone.y:.3f}, w: {zone.w:.3f}, h: {zone.h:.3f})"


def _cover(deck: Deck) -> str:
    byline = _array(f"text({string(line)})" for line in (", ".join(deck.authors), deck.date) if line)
    return f"#cover({_content(deck.title)}, {_content(deck.subtitle)}, {byline})"


def _slide(deck: Deck, number: int, slide: Slide) -> str:
    if slide.shown:
        bodies = [_stack(number, slide, slide.shown)]
    else:
        bodies = [
            _flow(tuple(b for b in column if not isinstance(b, Shown)), big=slide.big) for column in slide.columns
        ]
    middle = "" if slide.shown else ", middle: true"
    return (
        f"#slide({number}, {_content(slide.title)}, text({string(deck.footer)}), "
        f"{_array(map(_zone, slide.zones))}, {_array('{' + body + '}' for body in bodies)}{middle})"
    )


def _flow(flow: tuple[Flow, ...], *, size: float = SIZES.text, big: float = SIZES.big[0]) -> str:
    parts: list[str] = []
    for block in flow:
        gap = GAP * bool(parts)
        if isinstance(block, Paragraph):
            parts.append(f"paragraph({_content(block.inlines)}, size: {size}, before: {gap})")
        elif isinstance(block, Listing):
            parts += _items(block, size, gap)
        elif isinstance(block, Big):
            parts.append(f"big({_content(block.number)}, size: {big}, before: {gap})")
            parts += [f"paragraph({_content(label.inlines)}, size: {size}, before: {GAP / 2})" for label in block.label]
    return "\n".join(parts)


def _items(listing: Listing, size: float, gap: float) -> list[str]:
    sizes = {1: size, 2: min(size, SIZES.second)}
    return [
        f"item({item.level}, {string(f'{item.number}.' if item.number else MARKS[item.level])}, "
        f"{_content(item.inlines)}, size: {sizes[item.level]}, before: {ITEM_GAP if i else gap})"
        for i, item in enumerate(listing.items)
    ]


def _stack(number: int, slide: Slide, shown: Shown) -> str:
    text = _flow(slide.flow, size=SIZES.caption)
    if shown.caption:
        text += f"\ncaption({_content(shown.caption)}, before: {GAP * bool(text)})"
    gap = f"v({fit.gap(shown)}pt)" if text and fit.gap(shown) else ""
    body = _table(shown, slide) if shown.grid else _drawing(number, slide, shown)
    return "\n".join([text, gap, body] if slide.flow_first else [body, gap, text])


def _drawing(number: int, slide: Slide, shown: Shown) -> str:
    width, height = fit.scaled(shown, slide.zones[0].w, slide.zones[0].h)
    alt = string(shown.alt or plain(shown.caption) or shown.name)
    return f"drawing({string(f'figure-{number}.{_format(shown)}')}, {alt}, {width:.3f}, {height:.3f})"


def _table(shown: Shown, slide: Slide) -> str:
    grid = shown.grid
    assert grid is not None
    fitted = fit.table(grid, slide.zones[0].w, fit.rest(slide))
    widths = _array(f"{width:.3f}" for width in fitted.widths)
    groups = _array(f"({string(label)}, {span})" for label, span in grid.groups)
    body = _array(_array(f"text({string(cell)})" for cell in row) for row in grid.rows)
    heads = _array(string(head) for head in grid.head)
    return (
        f"rows({fitted.size}, {widths}, {_array(grid.align)}, {fitted.pad:.3f}, {fitted.row:.3f}, "
        f"{fitted.head:.3f}, {groups}, {heads}, {body})"
    )
