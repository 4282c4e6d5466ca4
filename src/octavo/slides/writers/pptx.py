"""Write the deck as PowerPoint: every text in a placeholder, native tables, notes, figures with their alt text.

Layouts are found by name, so that a template of the user's own works if it has layouts of these names. Sizes of
type are set on every run: what a template's placeholders inherit cannot be measured here.
"""

from __future__ import annotations

from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any

from octavo.errors import DocumentError, OctavoError, nearest, raise_all
from octavo.model import Frozen
from octavo.slides import fit, formula, measure
from octavo.slides.deck import Big, Deck, Flow, Inlines, Listing, Paragraph, Run, Shown, Slide, plain
from octavo.slides.layout import GAP, ITEM_GAP, LEADING, SIZES, STEP, Zone, drop
from octavo.slides.package import settle

EMU = 12700  # English metric units a point
MEDIUM = "PowerPoint"
TABLE_STYLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"  # PowerPoint's "No Style, No Grid"
# What each layout must hold: PowerPoint's names of the kinds of placeholder, in reading order.
NEEDS = {
    "Title slide": ("TITLE", "SUBTITLE", "TEXT"),
    "Title and text": ("TITLE", "TEXT"),
    "Title and figure": ("TITLE", "PICTURE", "TEXT"),
    "Title and table": ("TITLE", "TABLE", "TEXT"),
    "Two columns": ("TITLE", "TEXT", "TEXT"),
    "Three columns": ("TITLE", "TEXT", "TEXT", "TEXT"),
}
SPARE = 6.0  # points that a balanced title has to spare, where a program sets it a little wider
KINDS = {"CENTER_TITLE": "TITLE", "BODY": "TEXT", "OBJECT": "TEXT"}


class Para(Frozen, frozen=True):
    """A paragraph as PowerPoint has it: runs, size in points, level (0: no mark), space before in points."""

    runs: tuple[Run, ...]
    size: float
    level: int = 0
    number: int = 0
    before: float = 0
    look: str = ""  # "", "accent" or "quiet"


def write(deck: Deck, template: Path) -> bytes:
    """Return the deck as the bytes of a .pptx.

    Raises DocumentError (or Problems) for a template without the layouts, an overflow, or a formula that
    cannot be written as text.
    """
    show = _open(template)
    layouts = _layouts(show, template, {"Title slide"} | {slide.layout for slide in deck.slides})
    problems: list[OctavoError] = []
    _cover(show, layouts["Title slide"], deck, problems)
    for number, slide in enumerate(deck.slides, start=2):
        try:
            _slide(show, layouts[slide.layout], deck, number, problems)
        except DocumentError as error:
            problems.append(error)
    raise_all(problems)
    stream = BytesIO()
    show.save(stream)
    return settle(stream.getvalue(), title=plain(deck.title), authors="; ".join(deck.authors))


def texts(data: bytes) -> str:
    """Return every text that the slides of a .pptx hold, notes too."""
    from pptx import Presentation

    found: list[str] = []
    for slide in Presentation(BytesIO(data)).slides:
        trees = (slide.shapes._spTree, slide.notes_slide.shapes._spTree)
        # Runs follow one another without a break; paragraphs do not.
        paragraphs = (paragraph for tree in trees for paragraph in tree.iter("{*}p"))
        found += ["".join(text.text or "" for text in paragraph.iter("{*}t")) for paragraph in paragraphs]
    return "\n".join(found)


def _open(template: Path) -> Any:
    from pptx import Presentation
    from pptx.exc import PythonPptxError

    try:
        show = Presentation(str(template))
    except (OSError, KeyError, ValueError, PythonPptxError) as error:
        raise DocumentError(
            "The PowerPoint template cannot be opened as a .pptx file.",
            where=template.name,
            hint="Save it from PowerPoint as .pptx, or take the one that `octavo init` writes.",
        ) from error
    for entry in list(show.slides._sldIdLst):  # a template's own slides are samples
        show.part.drop_rel(entry.rId)
        show.slides._sldIdLst.remove(entry)
    return show


def _layouts(show: Any, template: Path, wanted: set[str]) -> dict[str, Any]:
    known = {layout.name: layout for layout in show.slide_layouts}
    problems: list[OctavoError] = []
    for name in sorted(wanted):
        expected = ", ".join(kind.lower() for kind in NEEDS[name])
        if name not in known:
            problems.append(
                DocumentError(
                    f"The template has no layout named '{name}'. It has: {', '.join(sorted(known))}.",
                    where=template.name,
                    hint=nearest(name, known) or f"Add a layout '{name}' with placeholders: {expected}.",
                )
            )
            continue
        have = [_kind(holder) for holder in known[name].placeholders]
        lacking = [kind for kind in set(NEEDS[name]) if have.count(kind) < NEEDS[name].count(kind)]
        if lacking:
            problems.append(
                DocumentError(
                    f"The layout '{name}' of the template lacks a placeholder: {', '.join(sorted(lacking)).lower()}.",
                    where=template.name,
                    hint=f"The layout needs placeholders: {expected}.",
                )
            )
    raise_all(problems)
    return known


def _kind(holder: Any) -> str:
    name: str = holder.placeholder_format.type.name
    return KINDS.get(name, name)


def _holders(slide: Any, kind: str) -> list[Any]:
    """Return the slide's placeholders of a kind, in reading order."""
    return sorted((h for h in slide.placeholders if _kind(h) == kind), key=lambda h: (h.left, h.top))


def _zone(holder: Any) -> Zone:
    return Zone(*(value / EMU for value in (holder.left, holder.top, holder.width, holder.height)))


def _move(shape: Any, x: float, y: float, w: float, h: float) -> None:
    shape.left, shape.top, shape.width, shape.height = (round(value * EMU) for value in (x, y, w, h))


def _cover(show: Any, layout: Any, deck: Deck, problems: list[OctavoError]) -> None:
    slide = show.slides.add_slide(layout)
    byline = [text for text in (", ".join(deck.authors), deck.date) if text]
    parts: list[tuple[str, str, list[Para]]] = [
        ("TITLE", "title", [Para(_runs(deck.title), SIZES.cover)]),
        ("SUBTITLE", "subtitle", [Para(_runs(deck.subtitle), SIZES.subtitle)] if deck.subtitle else []),
        (
            "TEXT",
            "author line",
            [Para((Run(text),), SIZES.byline, before=4 * bool(i)) for i, text in enumerate(byline)],
        ),
    ]
    for kind, part, paras in parts:
        holder = _holders(slide, kind)[0]
        if paras:
            _fill(holder, paras)
            problems += _check(deck, 1, part, paras, holder)
        else:
            holder._element.getparent().remove(holder._element)
    _notes(slide, deck.notes)


def _slide(show: Any, layout: Any, deck: Deck, number: int, problems: list[OctavoError]) -> None:
    record = deck.slides[number - 2]
    slide = show.slides.add_slide(layout)
    title, holder = [Para(_runs(record.title), SIZES.title)], _holders(slide, "TITLE")[0]
    _fill(holder, title)
    _balance(holder, title[0])
    problems += _check(deck, number, "title", title, holder)
    if record.shown:
        _stack(slide, deck, number, record, record.shown, problems)
    else:
        _columns(slide, deck, number, record, problems)
    _feet(slide, layout, deck, number)
    _notes(slide, record.notes)


def _columns(slide: Any, deck: Deck, number: int, record: Slide, problems: list[OctavoError]) -> None:
    texts = [_paras(tuple(b for b in column if not isinstance(b, Shown)), big=record.big) for column in record.columns]
    holders = _holders(slide, "TEXT")[: len(texts)]
    # Text alone stands in the middle of the height; all columns begin where the tallest does.
    down = min(drop(_room(h)[1], _height(paras, _room(h)[0])) for h, paras in zip(holders, texts, strict=True))
    for holder, paras, column in zip(holders, texts, record.columns, strict=True):
        zone = _zone(holder)
        _move(holder, zone.x, zone.y + down, zone.w, zone.h - down)
        _fill(holder, paras)
        problems += _check(deck, number, "text", paras, holder)
        problems += fit.check_numbers(deck, number, column, record.big, _zone(holder).w)


def _stack(slide: Any, deck: Deck, number: int, record: Slide, shown: Shown, problems: list[OctavoError]) -> None:
    """Stand a figure or table and its text one over the other in the room that the layout gives both."""
    holder, under = _holders(slide, shown.kind.upper().replace("FIGURE", "PICTURE"))[0], _holders(slide, "TEXT")[0]
    top, low = sorted((_zone(holder), _zone(under)), key=lambda zone: zone.y)
    room = Zone(_zone(holder).x, top.y, _zone(holder).w, low.y + low.h - top.y)
    paras = _paras(record.flow, size=SIZES.caption)
    if shown.caption:
        paras.append(Para(_runs(shown.caption), SIZES.caption, before=GAP * bool(paras), look="quiet"))
    text = _height(paras, room.w)
    gap = fit.gap(shown) * bool(paras)
    rest = room.h - text - gap
    if shown.grid:
        fitted = fit.table(shown.grid, room.w, rest)
        problems += fit.check_table(deck, number, shown, fitted, room.w)
        height = fitted.height(shown.grid)
    else:
        problems += fit.check_picture(deck, number, shown, room.w, rest)
        height = fit.scaled(shown, room.w, rest)[1] if rest > 0 else 0
    if height + text + gap > room.h + 0.5:
        problems.append(fit.too_tall(deck, number, f"{shown.kind} and text", height + text + gap, room.h, MEDIUM))
        return
    y = room.y + (text + gap) * record.flow_first
    if shown.grid:
        _table(holder, shown, fitted, room.x, y)
    else:
        _picture(holder, shown, room, y, rest)
    if not paras:
        under._element.getparent().remove(under._element)
        return
    _fill(under, paras)
    _move(under, room.x, room.y if record.flow_first else y + height + gap, room.w, text + 2)


def _picture(holder: Any, shown: Shown, room: Zone, y: float, rest: float) -> None:
    assert shown.picture is not None
    width, height = fit.scaled(shown, room.w, rest)
    picture = holder.insert_picture(BytesIO(shown.picture.files["png"].read_bytes()))
    # insert_picture crops to the placeholder's shape; a figure is shown whole.
    picture.crop_left = picture.crop_right = picture.crop_top = picture.crop_bottom = 0
    _move(picture, room.x + (room.w - width) / 2, y, width, height)
    _describe(picture, shown)


def _describe(shape: Any, shown: Shown) -> None:
    label = shape._element.xpath(".//p:cNvPr")[0]
    label.set("name", shown.name)
    label.set("descr", shown.alt or plain(shown.caption) or shown.name)


def _table(holder: Any, shown: Shown, fitted: fit.TableFit, x: float, y: float) -> None:
    grid = shown.grid
    assert grid is not None
    lead = bool(grid.groups)
    frame = holder.insert_table(rows=len(grid.rows) + 1 + lead, cols=len(grid.head))
    _move(frame, x, y, fitted.width, fitted.height(grid))
    _describe(frame, shown)
    table = frame.table
    table.horz_banding = False
    table._tbl.tblPr.find("{*}tableStyleId").text = TABLE_STYLE
    for column, width in zip(table.columns, fitted.widths, strict=True):
        column.width = round(width * EMU)
    for i, row in enumerate(table.rows):
        row.height = round((fitted.head if i == lead else fitted.row) * EMU)
    if lead:
        _groups(table, grid.groups, fitted)
    for i, cells in enumerate((grid.head, *grid.rows), start=lead):
        for j, text in enumerate(cells):
            _cell(table.cell(i, j), text, grid.align[j], fitted, head=i == lead)
    _rules(table, lead)


def _groups(table: Any, groups: tuple[tuple[str, int], ...], fitted: fit.TableFit) -> None:
    start = 0
    for label, span in groups:
        cell = table.cell(0, start)
        if span > 1:
            cell.merge(table.cell(0, start + span - 1))
        for j in range(start, start + span):
            _cell(table.cell(0, j), label if j == start else "", "center", fitted, head=True)
            if label:
                _rule(table.cell(0, j), "b", 0.75)
        start += span


def _cell(cell: Any, text: str, align: str, fitted: fit.TableFit, *, head: bool) -> None:
    from pptx.enum.text import MSO_ANCHOR, PP_ALIGN

    cell.margin_left = cell.margin_right = round(fitted.pad * EMU)
    cell.margin_top = cell.margin_bottom = 0
    cell.vertical_anchor = MSO_ANCHOR.BOTTOM if head else MSO_ANCHOR.MIDDLE
    paragraph = cell.text_frame.paragraphs[0]
    paragraph.alignment = {"left": PP_ALIGN.LEFT, "right": PP_ALIGN.RIGHT, "center": PP_ALIGN.CENTER}[align]
    _write(paragraph, Para((Run(text, bold=head),), fitted.size))
    if head:
        cell.margin_bottom = round(fitted.size * 0.25 * EMU)


def _rules(table: Any, lead: bool) -> None:
    for cell in table.rows[0].cells:
        _rule(cell, "t", 1.5)
    for cell in table.rows[int(lead)].cells:
        _rule(cell, "b", 1)
    for cell in table.rows[len(table.rows) - 1].cells:
        _rule(cell, "b", 1.5)


def _rule(cell: Any, side: str, width: float) -> None:
    from pptx.oxml import parse_xml

    tag = {"t": "lnT", "b": "lnB"}[side]
    properties = cell._tc.get_or_add_tcPr()
    rule = parse_xml(
        f'<a:{tag} xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" w="{round(width * EMU)}" cap="flat" '
        'cmpd="sng" algn="ctr"><a:solidFill><a:schemeClr val="tx1"/></a:solidFill><a:prstDash val="solid"/></a:'
        f"{tag}>"
    )
    # The schema wants the top rule before the bottom one.
    properties.insert(0 if side == "t" else len(properties.findall("{*}lnT")), rule)


def _feet(slide: Any, layout: Any, deck: Deck, number: int) -> None:
    """Copy the footer and the slide's number from the layout, which python-pptx leaves out."""
    texts = {"FOOTER": deck.footer, "SLIDE_NUMBER": str(number)}
    for holder in layout.placeholders:
        text = texts.get(holder.placeholder_format.type.name)
        if not text:
            continue
        element = deepcopy(holder._element)
        slide.shapes._spTree.append(element)
        element.xpath(".//p:cNvPr")[0].set("id", str(max(s.shape_id for s in slide.shapes) + 1))
        for part in ("a:xfrm", "a:prstGeom"):  # the layout keeps the say over the place
            for found in element.spPr.xpath(part):
                element.spPr.remove(found)
        shape = slide.shapes[-1]
        field = shape._element.xpath(".//a:fld/a:t")
        if field:
            field[0].text = text
        else:
            shape.text_frame.text = text
        for properties in shape._element.xpath(".//a:rPr"):
            properties.set("sz", str(round(SIZES.foot * 100)))


def _notes(slide: Any, notes: tuple[Flow, ...]) -> None:
    frame = slide.notes_slide.notes_text_frame
    for i, para in enumerate(_paras(notes)):
        paragraph = frame.paragraphs[0] if i == 0 else frame.add_paragraph()
        mark = f"{para.number}. " if para.number else "• " * bool(para.level)
        for run in (*((Run(mark),) if mark else ()), *para.runs):
            piece = paragraph.add_run()
            piece.text = run.text
            piece.font.bold, piece.font.italic = run.bold or None, run.italic or None
            _shift(piece, run)


def _runs(inlines: Inlines) -> tuple[Run, ...]:
    found: list[Run] = []
    for inline in inlines:
        found.extend((inline,) if isinstance(inline, Run) else formula.runs(inline))
    return tuple(found)


def _paras(flow: tuple[Flow, ...], *, size: float = SIZES.text, big: float = SIZES.big[0]) -> list[Para]:
    paras: list[Para] = []
    for block in flow:
        gap = GAP * bool(paras)
        if isinstance(block, Paragraph):
            paras.append(Para(_runs(block.inlines), size, before=gap))
        elif isinstance(block, Listing):
            paras += _items(block, size, gap)
        elif isinstance(block, Big):
            paras.append(Para(_runs(block.number), big, before=gap, look="accent"))
            paras += [Para(_runs(label.inlines), size, before=GAP / 2) for label in block.label]
    return paras


def _items(listing: Listing, size: float, gap: float) -> list[Para]:
    sizes = {1: size, 2: min(size, SIZES.second)}
    return [
        Para(_runs(item.inlines), sizes[item.level], item.level, item.number, gap if i == 0 else ITEM_GAP)
        for i, item in enumerate(listing.items)
    ]


def _height(paras: list[Para], room: float) -> float:
    total = 0.0
    for para in paras:
        pieces = [(run.text, run.bold or para.look == "accent", bool(run.script)) for run in para.runs]
        total += para.before + measure.height(pieces, room - para.level * STEP, para.size)
    return total


def _check(deck: Deck, number: int, part: str, paras: list[Para], holder: Any) -> list[DocumentError]:
    room, high = _room(holder)
    if part == "title":
        paras = [Para(tuple(_bold(run) for run in para.runs), para.size) for para in paras]
    height = _height(paras, room)
    # A hundredth of a point is the rounding of EMU.
    return [fit.too_tall(deck, number, part, height, high, MEDIUM)] if height > high + 0.01 else []


def _room(holder: Any) -> tuple[float, float]:
    """Return the width and height in points that a placeholder has for its text."""
    across = holder.width - _inset(holder, "lIns") - _inset(holder, "rIns")
    return across / EMU, (holder.height - _inset(holder, "tIns") - _inset(holder, "bIns")) / EMU


def _balance(holder: Any, title: Para) -> None:
    """Keep the right of a title's placeholder free, so that its last line is not much shorter than the others."""
    room, _ = _room(holder)
    pieces = [(run.text, True, bool(run.script)) for run in title.runs]
    if measure.lines(pieces, room, title.size) > 1:
        spare = room - measure.balanced(pieces, room, title.size) - SPARE
        holder.text_frame.margin_right = round(max(0.0, spare) * EMU) + _inset(holder, "rIns")


def _inset(holder: Any, side: str) -> int:
    """Return the space inside a side of a placeholder, which it may inherit from its layout and master."""
    base = holder
    while base is not None:
        found = base._element.xpath(f".//a:bodyPr/@{side}")
        if found:
            return int(found[0])
        base = getattr(base, "_base_placeholder", None)
    return 91440 if side in ("lIns", "rIns") else 45720  # PowerPoint's own


def _bold(run: Run) -> Run:
    return Run(run.text, bold=True, script=run.script)


def _fill(holder: Any, paras: list[Para]) -> None:
    frame = holder.text_frame
    for i, para in enumerate(paras):
        _write(frame.paragraphs[0] if i == 0 else frame.add_paragraph(), para)


def _write(paragraph: Any, para: Para) -> None:
    from pptx.enum.dml import MSO_THEME_COLOR
    from pptx.util import Pt

    paragraph.line_spacing = Pt(round(para.size * LEADING, 1))
    paragraph.space_before, paragraph.space_after = Pt(para.before), Pt(0)
    _mark(paragraph, para)
    for run in para.runs:
        piece = paragraph.add_run()
        piece.text = run.text
        font = piece.font
        font.size = Pt(para.size)
        font.bold = True if run.bold or para.look == "accent" else None
        font.italic = run.italic or None
        if run.code:
            font.name = "Courier New"
        if para.look:
            font.color.theme_color = MSO_THEME_COLOR.ACCENT_1 if para.look == "accent" else MSO_THEME_COLOR.TEXT_2
        if run.link:
            piece.hyperlink.address = run.link
        _shift(piece, run)


def _shift(piece: Any, run: Run) -> None:
    if run.script:
        piece._r.get_or_add_rPr().set("baseline", "-25000" if run.script == "sub" else "30000")


def _mark(paragraph: Any, para: Para) -> None:
    """Set the bullet or number; the look of a bullet is the template's."""
    from pptx.oxml import parse_xml

    properties = paragraph._p.get_or_add_pPr()
    space = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    if not para.level:
        properties.set("marL", "0")
        properties.set("indent", "0")
        properties.append(parse_xml(f"<a:buNone {space}/>"))
        return
    properties.set("lvl", str(para.level - 1))
    properties.set("marL", str(round(para.level * STEP * EMU)))
    properties.set("indent", str(round(-STEP * EMU)))
    if para.number:
        xml = f'<a:buAutoNum {space} type="arabicPeriod" startAt="{para.number}"/>'
        properties.append(parse_xml(f'<a:buFont {space} typeface="+mj-lt"/>'))
        properties.append(parse_xml(xml))
