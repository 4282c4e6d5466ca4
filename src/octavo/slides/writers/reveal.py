"""Write the deck as reveal.js slides in one HTML file: nbconvert's slides, with a template of ours.

Each slide is a raw cell of a notebook made in memory, each slide's notes another; reveal.js, its notes view, the
fonts and the figures are put into the file, so that it needs nothing beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from octavo import assets, svg
from octavo.document import mathml
from octavo.errors import DocumentError
from octavo.slides import fit, layout
from octavo.slides.deck import (
    Big,
    Deck,
    Flow,
    Formula,
    Inline,
    Inlines,
    Item,
    Listing,
    Shown,
    Slide,
    plain,
)
from octavo.slides.layout import SIZES, Zone

TEMPLATES = Path(__file__).with_name("nbconvert")


def write(deck: Deck) -> str:
    """Return the deck as one HTML page that needs no network."""
    import nbformat
    from nbconvert.exporters import SlidesExporter

    cells = [*_cells(1, _cover(deck), deck.notes)]
    for number, slide in enumerate(deck.slides, start=2):
        cells += _cells(number, _slide(deck, number, slide), slide.notes)
    new_exporter: Any = SlidesExporter
    new_notebook: Any = nbformat.from_dict
    exporter = new_exporter(template_name="deck", extra_template_basedirs=[str(TEMPLATES)])
    notebook = new_notebook({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    resources = {
        "deck": {
            "title": plain(deck.title),
            "authors": ", ".join(deck.authors),
            "styles": list(_styles(deck)),
            "scripts": list(_scripts()),
        }
    }
    page, _ = exporter.from_notebook_node(notebook, resources=resources)
    return str(page).rstrip() + "\n"


def texts(page: str) -> str:
    """Return every text that the slides of a page hold, notes too."""
    from lxml import html

    return "\n".join(html.fromstring(page).xpath("//section//text()"))


def _cells(number: int, html: str, notes: tuple[Flow, ...]) -> Iterable[dict[str, Any]]:
    for kind, source in (("slide", html), ("notes", _flow(notes))):
        # The id is given: nbformat's own would be random.
        metadata = {"slideshow": {"slide_type": kind}}
        yield {"cell_type": "raw", "id": f"{kind}-{number}", "metadata": metadata, "source": source}


def _styles(deck: Deck) -> Iterable[str]:
    dist = assets.reveal() / "dist"
    yield (dist / "reset.css").read_text(encoding="utf-8").strip()
    yield (dist / "reveal.css").read_text(encoding="utf-8").strip()
    yield assets.font_faces([name for name, _, _ in assets.FACES])
    yield _measures(deck.palette)
    yield (TEMPLATES / "deck" / "deck.css").read_text(encoding="utf-8").strip()


def _scripts() -> Iterable[str]:
    base = assets.reveal()
    for path in (base / "dist" / "reveal.js", base / "plugin" / "notes" / "notes.js"):
        # Inside a page these two would end the script, or begin a comment in it.
        yield path.read_text(encoding="utf-8").strip().replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _px(points: float) -> str:
    return f"{points * 4 / 3:.3f}".rstrip("0").rstrip(".") + "px"


def _measures(palette: layout.Palette) -> str:
    names = ("cover", "subtitle", "byline", "title", "text", "second", "caption", "foot")
    variables = {name: _px(getattr(SIZES, name)) for name in names}
    variables |= {
        "margin": _px(layout.MARGIN),
        "gap": _px(layout.GAP),
        "gutter": _px(layout.GUTTER),
        "item-gap": _px(layout.ITEM_GAP),
        "step": _px(layout.STEP),
        "leading": str(layout.LEADING),
        "back": f"#{palette.back}",
        "ink": f"#{palette.ink}",
        "quiet": f"#{palette.quiet}",
        "accent": f"#{palette.accent}",
    }
    lines = "".join(f"  --{name}: {value};\n" for name, value in variables.items())
    return f":root {{\n{lines}}}"


def _zone(zone: Zone, name: str, html: str) -> str:
    style = f"left:{_px(zone.x)};top:{_px(zone.y)};width:{_px(zone.w)};height:{_px(zone.h)}"
    return f'<div class="zone {name}" style="{style}">{html}</div>\n'


def _cover(deck: Deck) -> str:
    byline = "".join(f"<p>{escape(line)}</p>" for line in (", ".join(deck.authors), deck.date) if line)
    return (
        '<div class="page cover">\n'
        + _zone(layout.COVER_TITLE, "cover-title", f"<h1>{_inlines(deck.title)}</h1>")
        + (_zone(layout.COVER_SUBTITLE, "cover-subtitle", f"<p>{_inlines(deck.subtitle)}</p>") if deck.subtitle else "")
        + _zone(layout.COVER_BYLINE, "cover-byline", byline)
        + "</div>"
    )


def _slide(deck: Deck, number: int, slide: Slide) -> str:
    if slide.shown:
        content = _zone(slide.zones[0], "content flow", _stack(slide, slide.shown, number))
    else:
        # Text alone stands in the middle of the height; all columns begin where the tallest does.
        bodies = [_flow(tuple(b for b in column if not isinstance(b, Shown))) for column in slide.columns]
        flows = "".join(f'<div class="flow">{body}</div>' for body in bodies)
        content = _zone(layout.BODY, f"content middle columns-{len(bodies)}", flows)
    return (
        f'<div class="page slide" style="--big:{_px(slide.big)}">\n'
        + _zone(layout.TITLE, "title", f"<h2>{_inlines(slide.title)}</h2>")
        + content
        + (_zone(layout.FOOTER, "foot", escape(deck.footer)) if deck.footer else "")
        + _zone(layout.NUMBER, "foot number", str(number))
        + "</div>"
    )


def _stack(slide: Slide, shown: Shown, number: int) -> str:
    caption = f'<p class="caption">{_inlines(shown.caption)}</p>' if shown.caption else ""
    flow = f'<div class="flow small">{_flow(slide.flow)}{caption}</div>' if slide.flow or caption else ""
    body = _table(shown, slide) if shown.grid else _picture(shown, slide, number)
    gap = f'<div style="height:{_px(fit.gap(shown))}"></div>' if flow and fit.gap(shown) else ""
    parts = (flow, gap, body) if slide.flow_first else (body, gap, flow)
    return f'<div class="stack" data-name="{escape(shown.name)}">{"".join(parts)}</div>'


def _flow(flow: tuple[Flow, ...]) -> str:
    return "".join(_block(block) for block in flow)


def _block(block: Flow) -> str:
    if isinstance(block, Listing):
        return _list(list(block.items))
    if isinstance(block, Big):
        labels = "".join(f"<p>{_inlines(label.inlines)}</p>" for label in block.label)
        return f'<div class="big"><p class="number">{_inlines(block.number)}</p>{labels}</div>'
    return f"<p>{_inlines(block.inlines)}</p>"


def _list(items: list[Item]) -> str:
    level, first = items[0].level, items[0].number
    parts: list[str] = []
    while items:
        item = items.pop(0)
        inner: list[Item] = []
        while items and items[0].level > level:
            inner.append(items.pop(0))
        parts.append(f"<li>{_inlines(item.inlines)}{_list(inner) if inner else ''}</li>")
    tag, start = ("ol", f' start="{first}"') if first else ("ul", "")
    return f"<{tag}{start}>{''.join(parts)}</{tag}>"


def _picture(shown: Shown, slide: Slide, number: int) -> str:
    assert shown.picture is not None
    width, height = fit.scaled(shown, slide.zones[0].w, slide.zones[0].h)
    alt = shown.alt or plain(shown.caption) or shown.name
    # In the page, not as an image: an image cannot use the page's typeface.
    drawing = svg.inline(shown.picture.files["svg"].read_text(encoding="utf-8"), f"slide-{number}", alt)
    return f'<figure style="width:{_px(width)};height:{_px(height)}">{drawing}</figure>'


def _table(shown: Shown, slide: Slide) -> str:
    grid = shown.grid
    assert grid is not None
    fitted = fit.table(grid, slide.zones[0].w, fit.rest(slide))
    widths = "".join(f'<col style="width:{_px(width)}" />' for width in fitted.widths)
    groups = "".join(
        f'<th colspan="{span}" scope="colgroup" class="center{" named" if label else ""}">{escape(label)}</th>'
        for label, span in grid.groups
    )
    heads = "".join(
        f'<th scope="col" class="{align}">{escape(head)}</th>'
        for head, align in zip(grid.head, grid.align, strict=True)
    )
    rows = "".join(
        f'<tr style="height:{_px(fitted.row)}">'
        + "".join(f'<td class="{a}">{escape(cell)}</td>' for cell, a in zip(row, grid.align, strict=True))
        + "</tr>"
        for row in grid.rows
    )
    lead = f'<tr class="groups" style="height:{_px(fitted.row)}">{groups}</tr>' if groups else ""
    pad = _px(fitted.pad)
    return (
        f'<table style="font-size:{_px(fitted.size)};width:{_px(fitted.width)};--pad:{pad}">'
        f"<colgroup>{widths}</colgroup>"
        f'<thead>{lead}<tr class="head" style="height:{_px(fitted.head)}">{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _inlines(inlines: Inlines) -> str:
    return "".join(_inline(inline) for inline in inlines)


def _formula(formula: Formula) -> str:
    try:
        return mathml.web(formula.mathml)
    except mathml.Unsupported as error:
        what = f"The formula ${formula.tex}$ cannot be carried: {error}."
        raise DocumentError(what, where=str(formula.place or ""), hint="Write it simpler.") from error


def _inline(inline: Inline) -> str:
    if isinstance(inline, Formula):
        return _formula(inline)
    html = escape(inline.text, quote=False)
    if inline.value:
        html = f'<data class="value" data-name="{escape(inline.value)}" value="{escape(inline.text)}">{html}</data>'
    if inline.code:
        html = f"<code>{html}</code>"
    if inline.script:
        tag = "sub" if inline.script == "sub" else "sup"
        html = f"<{tag}>{html}</{tag}>"
    if inline.italic:
        html = f"<em>{html}</em>"
    if inline.bold:
        html = f"<strong>{html}</strong>"
    if inline.link:
        html = f'<a href="{escape(inline.link)}">{html}</a>'
    return html
