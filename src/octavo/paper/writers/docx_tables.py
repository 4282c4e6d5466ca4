"""What pandoc leaves out of a Word file: the measures of its page; the rules of its tables, their width, small type."""

from __future__ import annotations

from typing import Any

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
DOCUMENT, STYLES = "word/document.xml", "word/styles.xml"
EQUATION = "Equation"  # the style without rules: for formulas beside their numbers, and panels
THICK, THIN = "8", "4"  # eighths of a point
MANY = 7  # columns: from here on the type is small, or Word would break numbers
SMALL = "16"  # half points
CLOSE = "40"  # twentieths of a point, beside what is in a cell
WIDEST = 6.5  # inches between the margins of a page
TEXT, TAKEN = 9360, 7920  # twentieths of a point: how wide the text is, and how wide pandoc takes it to be
PAGE = (  # US letter
    ("pgSz", {"w": "12240", "h": "15840"}),
    (
        "pgMar",
        {**dict.fromkeys(("top", "right", "bottom", "left"), "1440"), "header": "720", "footer": "720", "gutter": "0"},
    ),
)


def ruled(document: bytes) -> bytes:
    """Return Word's document with its page, with tables as wide as that has room for, and rules under their headers."""
    from lxml import etree

    root = etree.fromstring(document)
    for table in root.iter(f"{WORD}tbl"):
        _under_headers(table)
        _narrow(table)
        for column in table.findall(f"{WORD}tblGrid/{WORD}gridCol"):
            column.set(f"{WORD}w", str(int(column.get(f"{WORD}w")) * TEXT // TAKEN))
    for section in root.iter(f"{WORD}sectPr"):
        _measure(section)
    return _written(root)


def ruled_styles(styles: bytes) -> bytes:
    """Return Word's styles with rules above and below tables, and a style for numbered formulas that has none."""
    from lxml import etree

    root = etree.fromstring(styles)
    _rule_tables(root)
    return _written(root)


def _written(root: Any) -> bytes:
    from lxml import etree

    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _measure(section: Any) -> None:
    """Say how large the page is, or each program takes its own; and count notes on: some begin anew with a chapter."""
    from lxml import etree

    for counted in section.findall(f"{WORD}footnotePr"):
        section.remove(counted)
    for place, (name, values) in enumerate(PAGE):  # before the numbers of lines
        measure = etree.Element(f"{WORD}{name}", {f"{WORD}{key}": value for key, value in values.items()})
        section.insert(place, measure)


def _under_headers(table: Any) -> None:
    """Draw the rule under the headers of a table, and under each that spans columns."""
    headers = [row for row in table.findall(f"{WORD}tr") if row.find(f"{WORD}trPr/{WORD}tblHeader") is not None]
    for row in headers:
        for cell in row.findall(f"{WORD}tc"):
            spans = cell.find(f"{WORD}tcPr/{WORD}gridSpan") is not None and "".join(cell.itertext()).strip()
            if row is headers[-1] or spans:
                _draw(cell, "bottom")


def _narrow(table: Any) -> None:
    """Set a table of many columns small, with little room between them."""
    from lxml import etree

    if len(table.findall(f"{WORD}tblGrid/{WORD}gridCol")) < MANY:
        return
    properties = table.find(f"{WORD}tblPr")
    for old in properties.findall(f"{WORD}tblCellMar"):
        properties.remove(old)
    margins = etree.Element(f"{WORD}tblCellMar")
    for side in ("left", "right"):
        etree.SubElement(margins, f"{WORD}{side}", {f"{WORD}w": CLOSE, f"{WORD}type": "dxa"})
    look = properties.find(f"{WORD}tblLook")
    properties.insert(len(properties) if look is None else list(properties).index(look), margins)
    for run in table.iter(f"{WORD}r"):
        held = run.find(f"{WORD}rPr")
        if held is None:
            held = etree.Element(f"{WORD}rPr")
            run.insert(0, held)
        etree.SubElement(held, f"{WORD}sz", {f"{WORD}val": SMALL})


def _draw(cell: Any, side: str) -> None:
    from lxml import etree

    properties = cell.find(f"{WORD}tcPr")
    if properties is None:
        properties = etree.Element(f"{WORD}tcPr")
        cell.insert(0, properties)
    edges = etree.Element(f"{WORD}tcBorders")
    _edge(edges, side, THIN)
    # Word asks for an order: the borders stand after what says how many columns and rows a cell spans.
    before = [e for e in properties if e.tag in (f"{WORD}tcW", f"{WORD}gridSpan", f"{WORD}vMerge")]
    properties.insert(len(before), edges)


def _edge(edges: Any, side: str, width: str) -> None:
    from lxml import etree

    edge = etree.SubElement(edges, f"{WORD}{side}")
    for name, value in (("val", "single"), ("sz", width), ("space", "0"), ("color", "auto")):
        edge.set(f"{WORD}{name}", value)


def _rule_tables(styles: Any) -> None:
    """Give the style of tables its rules above and below; and that of numbered formulas, none."""
    from lxml import etree

    (plain,) = (style for style in styles.iter(f"{WORD}style") if style.get(f"{WORD}styleId") == "Table")
    for first in plain.findall(f"{WORD}tblStylePr"):
        plain.remove(first)
    edges = etree.Element(f"{WORD}tblBorders")
    for side in ("top", "bottom"):
        _edge(edges, side, THICK)
    plain.find(f"{WORD}tblPr/{WORD}tblInd").addnext(edges)
    known = [style for style in styles.iter(f"{WORD}style") if style.get(f"{WORD}styleId") == EQUATION]
    for style in known:
        styles.remove(style)
    bare = etree.SubElement(styles, f"{WORD}style")
    for name, value in (("type", "table"), ("customStyle", "1"), ("styleId", EQUATION)):
        bare.set(f"{WORD}{name}", value)
    for tag, value in (("name", EQUATION), ("basedOn", "TableNormal")):
        etree.SubElement(bare, f"{WORD}{tag}").set(f"{WORD}val", value)
