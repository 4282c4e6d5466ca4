"""What stands around the body of a paper: title, authors, abstract, references, in every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from octavo.document.bridge import Bridge
from octavo.document.numbering import is_appendix
from octavo.document.pandoc import Element, attributes, element, markdown, words
from octavo.document.source import Content
from octavo.errors import DocumentError, OctavoError

PARTS = ("abstract", "acknowledgments")
TITLES = ("title", "subtitle", "short_title")


def metadata(content: Content, bridge: Bridge) -> dict[str, Any]:
    """Return the front matter for a template. Problems are kept in ``bridge``."""
    front = content.frontmatter
    bridge.problems += _misplaced(content)
    named = [name for name in TITLES if front.get(name)]
    titles = dict(zip(named, markdown([str(front[name]) for name in named]), strict=True))
    keywords = markdown([str(word) for word in front.get("keywords", [])])
    institutes = {a["id"]: _institute(a) for a in front.get("affiliations", [])}
    made: dict[str, Any] = {
        **{name: {"inlines": inlines} for name, inlines in titles.items()},
        "pagetitle": plain_text(titles["title"]),
        "lang": "en",
        "author": [
            {
                "name": {"inlines": words(str(author["name"]))},
                "institutes": [{"inlines": words(institutes[i])} for i in author.get("affiliations", [])],
            }
            for author in front.get("authors", [])
        ],
        "keywords": [{"inlines": inlines} for inlines in keywords],
        "abstract": {"blocks": bridge.blocks(content.parts.get("abstract", []))},
    }
    if front.get("date"):
        made["date"] = str(front["date"])
    return made


def _misplaced(content: Content) -> Iterator[OctavoError]:
    """Yield what the front matter has that no format can show."""
    for name in (*TITLES, "keywords"):
        if "$" in str(content.frontmatter.get(name, "")):
            yield DocumentError(
                f"The {name.replace('_', ' ')} has a formula, which not every format can show.",
                where=f"{content.file}:1",
                hint="Say it in words.",
            )
    for name in content.parts:
        if name not in PARTS:
            yield DocumentError(
                f"The paper has no place for the part '{name}'.",
                where=content.file,
                hint=f"Its parts: {', '.join(PARTS)}. Write anything else as a section.",
            )


def body(content: Content, bridge: Bridge, appendix: Sequence[Element]) -> list[Element]:
    """Return the body, the acknowledgments, the place of the references, and the appendix after ``appendix``."""
    made = [e for block in content.nodes if not is_appendix(block) for e in bridge.blocks([block])]
    thanks = bridge.blocks(content.parts.get("acknowledgments", []))
    if thanks:
        made += [heading("Acknowledgments"), *thanks]
    if content.references:
        made += [heading("References"), *references(bridge)]
    rest = [e for block in content.nodes if is_appendix(block) for e in bridge.blocks([block])]
    return [*made, *appendix, *rest] if rest else made


def references(bridge: Bridge) -> list[Element]:
    """Return the division that citeproc fills with the references."""
    division = element("Div", [attributes("refs"), []])
    around = getattr(bridge, "references", None)
    return around(division) if around else [division]


def heading(text: str) -> Element:
    """Return a heading without a number."""
    return element("Header", [1, attributes(text.lower(), ["unnumbered"]), words(text)])


def plain_text(inlines: Sequence[Element]) -> str:
    """Return inlines as plain text."""
    made = ""
    for inline in inlines:
        content = inline.get("c")
        if inline["t"] in ("Space", "SoftBreak"):
            made += " "
        elif isinstance(content, str):
            made += content
        elif isinstance(content, list):
            made += plain_text([item for item in content if isinstance(item, dict)])
    return made


def front_texts(content: Content) -> list[str]:
    """Return the texts of the front matter that every format must show."""
    front = content.frontmatter
    return [str(author["name"]) for author in front.get("authors", [])] + [
        _institute(institute) for institute in front.get("affiliations", [])
    ]


def _institute(affiliation: dict[str, Any]) -> str:
    named = (affiliation.get(key) for key in ("name", "institution", "department", "city", "country"))
    return ", ".join(dict.fromkeys(str(part) for part in named if part))
