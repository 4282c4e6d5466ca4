"""Make the PowerPoint template: a master and six layouts of 16:9 with real placeholders.

The default template of python-pptx is 4:3, and its placeholders cannot be rescaled: an inherited position that
is overridden in part becomes zero elsewhere. So every placeholder is written here with all four measures.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from octavo.model import Frozen
from octavo.slides import layout as at
from octavo.slides.layout import Palette, Zone
from octavo.slides.package import settle

EMU = 12700  # English metric units a point
NAMESPACES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
)


class Holder(Frozen, frozen=True):
    """A placeholder of a layout: PowerPoint's type, its number, its name, where it stands, how its text looks."""

    kind: str
    index: int
    name: str
    zone: Zone
    size: float = at.SIZES.text
    anchor: str = "t"
    colour: str = "tx1"
    bold: bool = False
    bullets: bool = True
    align: str = "l"


class Layout(Frozen, frozen=True):
    """A layout: the name by which the deck finds it, PowerPoint's type for it, and its placeholders."""

    name: str
    kind: str
    holders: tuple[Holder, ...]


_TITLE = Holder("title", 0, "Title", at.TITLE, at.SIZES.title, bold=True, bullets=False)
_FEET = (
    Holder("ftr", 20, "Footer", at.FOOTER, at.SIZES.foot, "ctr", "tx2", bullets=False),
    Holder("sldNum", 21, "Slide Number", at.NUMBER, at.SIZES.foot, "ctr", "tx2", bullets=False, align="r"),
)


def _stack(zone: Zone, under: float) -> tuple[Zone, Zone]:
    """Return the place of a figure or table, and of the text under it."""
    return (
        Zone(zone.x, zone.y, zone.w, zone.h - under),
        Zone(zone.x, zone.y + zone.h - under, zone.w, under),
    )


_FIGURE, _FIGURE_TEXT = _stack(at.STAGE, 26)
_TABLE, _TABLE_TEXT = _stack(at.BODY, 60)


def _columns(count: int) -> tuple[Holder, ...]:
    return tuple(Holder("body", i + 1, f"Column {i + 1}", zone) for i, zone in enumerate(at.columns(count)))


LAYOUTS = (
    Layout(
        "Title slide",
        "title",
        (
            Holder("ctrTitle", 0, "Title", at.COVER_TITLE, at.SIZES.cover, anchor="b", bold=True, bullets=False),
            Holder("subTitle", 1, "Subtitle", at.COVER_SUBTITLE, at.SIZES.subtitle, colour="tx2", bullets=False),
            Holder("body", 2, "Authors and date", at.COVER_BYLINE, at.SIZES.byline, bullets=False),
        ),
    ),
    Layout("Title and text", "tx", (_TITLE, Holder("body", 1, "Text", at.BODY), *_FEET)),
    Layout(
        "Title and figure",
        "picTx",
        (
            _TITLE,
            Holder("pic", 1, "Figure", _FIGURE, bullets=False),
            Holder("body", 2, "Text", _FIGURE_TEXT, at.SIZES.caption, bullets=False),
            *_FEET,
        ),
    ),
    Layout(
        "Title and table",
        "tbl",
        (
            _TITLE,
            Holder("tbl", 1, "Table", _TABLE, bullets=False),
            Holder("body", 2, "Text", _TABLE_TEXT, at.SIZES.caption, bullets=False),
            *_FEET,
        ),
    ),
    Layout("Two columns", "twoColTx", (_TITLE, *_columns(2), *_FEET)),
    Layout("Three columns", "cust", (_TITLE, *_columns(3), *_FEET)),
)


def make(palette: Palette = at.LIGHT) -> bytes:
    """Return the template in some colours as the bytes of a .pptx: the same on every machine."""
    from pptx import Presentation
    from pptx.util import Pt

    show = Presentation()
    show.slide_width, show.slide_height = Pt(at.WIDTH), Pt(at.HEIGHT)
    show.element.sldSz.attrib.pop("type", None)
    _drop(show.part, "/printerSettings")
    _drop(show.part.package, "/thumbnail", "/extended-properties")
    _retheme(show.slide_master.part, palette)
    for spare in list(show.slide_layouts)[len(LAYOUTS) :]:
        show.slide_layouts.remove(spare)
    for element, layout in zip(list(show.slide_layouts), LAYOUTS, strict=True):
        _relayout(element, layout)
    _remaster(show.slide_master)
    _renote(show)
    stream = BytesIO()
    show.save(stream)
    return settle(stream.getvalue(), title="Octavo slides")


def _drop(owner: Any, *kinds: str) -> None:
    relations = owner.rels if hasattr(owner, "rels") else owner._rels
    for key in [key for key, relation in relations.items() if relation.reltype.endswith(kinds)]:
        relations.pop(key)


def _retheme(master: Any, palette: Palette) -> None:
    from lxml import etree
    from pptx.opc.constants import RELATIONSHIP_TYPE

    part = master.part_related_by(RELATIONSHIP_TYPE.THEME)
    tree = etree.fromstring(part.blob)
    space = {"a": "http://schemas.openxmlformats.org/drawingml/2006/main"}
    for name, colour in _scheme(palette).items():
        slot = tree.find(f".//a:clrScheme/a:{name}", space)
        slot[:] = [slot.makeelement(f"{{{space['a']}}}srgbClr", val=colour)]
    for font in tree.iterfind(".//a:fontScheme/*", space):
        font.find("a:latin", space).set("typeface", "Arial")
        for script in font.findall("a:font", space):
            font.remove(script)
    tree.set("name", "Octavo")
    tree.find(".//a:clrScheme", space).set("name", "Octavo")
    tree.find(".//a:fontScheme", space).set("name", "Octavo")
    part._blob = etree.tostring(tree, xml_declaration=True, encoding="UTF-8", standalone=True)


def _scheme(palette: Palette) -> dict[str, str]:
    """Return the colours under PowerPoint's names: its first dark and light are text and what is behind it, here."""
    return {
        "dk1": palette.ink,
        "lt1": palette.back,
        "dk2": palette.quiet,
        "lt2": palette.raised,
        "accent1": palette.accent,
        **{f"accent{number}": colour for number, colour in enumerate(palette.further, 2)},
        "hlink": palette.accent,
        "folHlink": palette.quiet,
    }


def _relayout(element: Any, layout: Layout) -> None:
    shapes = [_shape(i, holder) for i, holder in enumerate(layout.holders, start=2)]
    if layout.kind == "title":
        shapes.append(_bar(len(shapes) + 2, Zone(0, 0, 30, at.HEIGHT)))
        element.element.set("showMasterSp", "0")
    _replace(element.element, "cSld", f'<p:cSld {NAMESPACES} name="{layout.name}">{_tree(shapes)}</p:cSld>')
    element.element.set("type", layout.kind)
    element.element.set("preserve", "1")
    if layout.kind == "cust":
        element.element.set("userDrawn", "1")


def _remaster(master: Any) -> None:
    holders = (_TITLE, Holder("body", 1, "Text", at.BODY), *_FEET)
    shapes = [_bar(2, Zone(at.MARGIN, 0, 72, 8))]
    shapes += [_shape(i, holder) for i, holder in enumerate(holders, start=3)]
    back = '<p:bg><p:bgRef idx="1001"><a:schemeClr val="bg1"/></p:bgRef></p:bg>'
    _replace(master.element, "cSld", f"<p:cSld {NAMESPACES}>{back}{_tree(shapes)}</p:cSld>")
    _replace(master.element, "txStyles", f"<p:txStyles {NAMESPACES}>{_styles()}</p:txStyles>")


def _renote(show: Any) -> None:
    from pptx.opc.constants import RELATIONSHIP_TYPE
    from pptx.oxml import parse_xml
    from pptx.util import Pt

    for shape in show.notes_master.placeholders:
        if shape.placeholder_format.type.name == "SLIDE_IMAGE":
            # The picture of the slide above the notes keeps the slide's own shape.
            shape.width, shape.height = Pt(432), Pt(243)
            shape.left, shape.top = Pt(54), Pt(80)
    # python-pptx relates the master of the notes to the presentation, but does not list it there.
    relation = show.part.relate_to(show.notes_master.part, RELATIONSHIP_TYPE.NOTES_MASTER)
    listing = f'<p:notesMasterIdLst {NAMESPACES}><p:notesMasterId r:id="{relation}"/></p:notesMasterIdLst>'
    show.element.sldMasterIdLst.addnext(parse_xml(listing))


def _replace(parent: Any, name: str, xml: str) -> None:
    from pptx.oxml import parse_xml

    old = next(child for child in parent if child.tag.endswith(f"}}{name}"))
    parent.replace(old, parse_xml(xml))


def _tree(shapes: list[str]) -> str:
    return (
        '<p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr>'
        '<p:grpSpPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="0" cy="0"/><a:chOff x="0" y="0"/>'
        f'<a:chExt cx="0" cy="0"/></a:xfrm></p:grpSpPr>{"".join(shapes)}</p:spTree>'
    )


def _frame(zone: Zone) -> str:
    x, y, w, h = (round(v * EMU) for v in (zone.x, zone.y, zone.w, zone.h))
    return f'<a:xfrm><a:off x="{x}" y="{y}"/><a:ext cx="{w}" cy="{h}"/></a:xfrm>'


def _bar(number: int, zone: Zone) -> str:
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="Accent"/><p:cNvSpPr/><p:nvPr userDrawn="1"/></p:nvSpPr>'
        f'<p:spPr>{_frame(zone)}<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
        '<a:solidFill><a:schemeClr val="accent1"/></a:solidFill><a:ln><a:noFill/></a:ln></p:spPr>'
        '<p:txBody><a:bodyPr/><a:lstStyle/><a:p><a:endParaRPr lang="en-US"/></a:p></p:txBody></p:sp>'
    )


def _shape(number: int, holder: Holder) -> str:
    index = f' idx="{holder.index}"' if holder.index else ""
    prompt = '<a:r><a:rPr lang="en-US"/><a:t>Click to edit</a:t></a:r>'
    if holder.kind == "sldNum":
        prompt = (
            '<a:fld id="{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}" type="slidenum">'
            '<a:rPr lang="en-US"/><a:t>‹#›</a:t></a:fld>'
        )
    elif holder.kind in ("pic", "tbl", "ftr"):
        prompt = '<a:endParaRPr lang="en-US"/>'
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{holder.name}"/><p:cNvSpPr><a:spLocks noGrp="1"/></p:cNvSpPr>'
        f'<p:nvPr><p:ph type="{holder.kind}"{index}/></p:nvPr></p:nvSpPr>'
        f'<p:spPr>{_frame(holder.zone)}<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr>'
        f'<p:txBody><a:bodyPr vert="horz" wrap="square" lIns="0" tIns="0" rIns="0" bIns="0" anchor="{holder.anchor}">'
        f"<a:normAutofit/></a:bodyPr><a:lstStyle>{_levels(holder)}</a:lstStyle><a:p>{prompt}</a:p></p:txBody></p:sp>"
    )


def _levels(holder: Holder) -> str:
    first = _level(1, holder.size, holder.bullets, holder.colour, holder.bold, holder.align)
    if not holder.bullets:
        return first
    return first + _level(2, at.SIZES.second, True, holder.colour, False, holder.align)


def _level(number: int, size: float, bullet: bool, colour: str, bold: bool, align: str) -> str:
    marks = {1: "•", 2: "–"}
    indent = (
        f'marL="{round(number * at.STEP * EMU)}" indent="{round(-at.STEP * EMU)}"' if bullet else 'marL="0" indent="0"'
    )
    mark = (
        '<a:buClr><a:schemeClr val="accent1"/></a:buClr><a:buFont typeface="Arial"/>'
        f'<a:buChar char="{marks.get(number, "•")}"/>'
        if bullet
        else "<a:buNone/>"
    )
    return (
        f'<a:lvl{number}pPr {indent} algn="{align}"><a:lnSpc><a:spcPct val="100000"/></a:lnSpc>'
        f'<a:spcBef><a:spcPts val="0"/></a:spcBef>{mark}'
        f'<a:defRPr sz="{round(size * 100)}" b="{int(bold)}" kern="1200"><a:solidFill><a:schemeClr val="{colour}"/>'
        f'</a:solidFill><a:latin typeface="+mn-lt"/><a:ea typeface="+mn-ea"/><a:cs typeface="+mn-cs"/></a:defRPr>'
        f"</a:lvl{number}pPr>"
    )


def _styles() -> str:
    title = _level(1, at.SIZES.title, False, "tx1", True, "l")
    body = "".join(
        _level(n, at.SIZES.text if n == 1 else at.SIZES.second, True, "tx1", False, "l") for n in range(1, 10)
    )
    other = "".join(_level(n, at.SMALLEST, False, "tx1", False, "l") for n in range(1, 10))
    return f"<p:titleStyle>{title}</p:titleStyle><p:bodyStyle>{body}</p:bodyStyle><p:otherStyle>{other}</p:otherStyle>"
