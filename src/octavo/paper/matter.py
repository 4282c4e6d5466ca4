"""What stands around the body of a paper: title, authors, abstract, references, in every format."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from octavo.document import front
from octavo.document.bridge import Bridge
from octavo.document.fidelity import Leaf
from octavo.document.numbering import is_appendix
from octavo.document.pandoc import Cited, Element, attributes, closed, element, markdown, plain_text, words
from octavo.document.source import Content, cited
from octavo.errors import DocumentError, OctavoError
from octavo.model import Place

ENTRY = re.compile(r"\s*@(\w+)\s*[{(]\s*([^\s,]+)")
PARTS = ("abstract", "data_availability", "acknowledgments")
TITLES = ("title", "subtitle", "short_title")
INSTITUTE = ("name", "institution", "department", "city", "state", "country")
CONTACTS = ("email", "orcid")
NOTES = {"corresponding": "Corresponding author", "equal_contributor": "Equal contribution"}
# What is about a web site, an export of MyST's or the editor of the file, and nothing of what a paper says.
WEBSITE = (
    "banner",
    "binder",
    "bibliography",
    "content_includes_title",
    "description",
    "downloads",
    "edit_url",
    "export",
    "exports",
    "github",
    "id",
    "jupyter",
    "jupytext",
    "kernelspec",
    "label",
    "open_access",
    "site",
    "social",
    "source_url",
    "tags",
    "thumbnail",
    "venue",
)
# What of the front matter reaches an output, or changes one.
ALLOWED = (
    *TITLES,
    "authors",
    "author",
    "authors.name",
    "authors.id",
    *(f"authors.{key}" for key in (*CONTACTS, *NOTES)),
    "authors.roles",
    "funding",
    "funding.statement",
    "authors.affiliations",
    "authors.affiliation",
    "affiliations",
    "affiliation",
    "affiliations.id",
    *(f"affiliations.{key}" for key in INSTITUTE),
    "date",
    "keywords",
    "license",
    *WEBSITE,
    *PARTS,
    "acknowledgements",
    "parts",
    *(f"parts.{part}" for part in PARTS),
    "parts.acknowledgements",
    "abbreviations",
    "math",
    "numbering",
)


def metadata(content: Content, bridge: Bridge) -> dict[str, Any]:
    """Return the front matter for a template. Problems are kept in ``bridge``."""
    matter = content.frontmatter
    bridge.problems += _misplaced(content)
    named = [name for name in TITLES if matter.get(name)]
    titles = dict(zip(named, markdown([str(matter[name]) for name in named]), strict=True))
    keywords = markdown([str(word) for word in matter.get("keywords", [])])
    places = {a["id"]: a for a in matter.get("affiliations", [])}
    institutes = {i: _institute(a) for i, a in places.items()}
    made: dict[str, Any] = {
        **{name: {"inlines": inlines} for name, inlines in titles.items()},
        # As plain text: what a file says of itself.
        "pagetitle": plain_text(titles["title"]),
        "subtitletext": plain_text(titles.get("subtitle", [])),
        "shorttitle": plain_text(titles.get("short_title", [])),
        "topics": ", ".join(map(plain_text, keywords)),
        "lang": "en",
        "author": [
            {
                "name": {"inlines": words(str(author["name"]))},
                "plain": str(author["name"]),
                **_parts(author),
                "institutes": [{"inlines": words(institutes[i])} for i in author.get("affiliations", [])],
                "places": [_place(places[i]) for i in author.get("affiliations", [])],
                "contacts": _contacts(author, content),
                "details": _details(author, places, content),
                "notes": [{"inlines": words(note)} for note in _notes(author, content)],
                "corresponding": NOTES["corresponding"] in _notes(author, content),
                **{key: str(author[key]) for key in CONTACTS if author.get(key)},
            }
            for author in matter.get("authors", [])
        ],
        "keywords": [{"inlines": inlines} for inlines in keywords],
        "abstract": {"blocks": bridge.blocks(content.parts.get("abstract", []))},
    }
    if matter.get("date"):  # as jupyter-book gives it, whatever the author wrote: 2026-01-31
        made["date"] = str(matter["date"])
        made["on"] = dict(zip(("year", "month", "day"), made["date"].split("-"), strict=True), iso=made["date"])
    return made


def leaves(content: Content, metadata: Mapping[str, Any], silent: Collection[str] = ()) -> list[Leaf]:
    """Return what an output must say of the front matter beside the authors, but for the ``silent`` fields."""
    lines = dict(content.written)
    found = [(name, text) for name in TITLES if name in metadata for text in _runs(metadata[name]["inlines"])]
    found += [("keywords", text) for keyword in metadata["keywords"] for text in _runs(keyword["inlines"])]
    found += [("date", metadata["date"])] if "date" in metadata else []
    return [
        Leaf(text, Place(content.file, lines.get(name)) if name in lines else None)
        for name, text in found
        if name not in silent
    ]


def fields(content: Content) -> list[Leaf]:
    """Return what the fields of the front matter hold, each with its line."""
    return [Leaf(str(content.frontmatter.get(name)), Place(content.file, line)) for name, line in content.written]


def entries(content: Content, cited: Cited | None) -> list[Leaf]:
    """Return the lines of the bibliography that may be printed: those of the cited entries, each with its place."""
    found, printed = [], False
    lines = cited.file.read_text(encoding="utf-8-sig").splitlines() if cited else []
    for number, line in enumerate(lines, 1):
        if opener := ENTRY.match(line):
            printed = opener[1].lower() == "string" or opener[2] in content.references
        if printed and cited:
            found.append(Leaf(unicodedata.normalize("NFC", line), Place(cited.name or content.file, number)))
    return found


def _misplaced(content: Content) -> Iterator[OctavoError]:
    """Yield what the front matter has that no format can show."""
    lines = dict(content.written)
    yield from front.refused(content.written, ALLOWED, content.file, "paper")
    for name in (*TITLES, "keywords"):
        if "$" in str(content.frontmatter.get(name, "")):
            yield DocumentError(
                f"The {name.replace('_', ' ')} has a formula, which not every format can show.",
                where=f"{content.file}:{lines.get(name, 1)}",
                hint="Say it in words.",
            )
    named = {i for author in content.frontmatter.get("authors", []) for i in author.get("affiliations", [])}
    for institute in content.frontmatter.get("affiliations", []):
        if institute["id"] not in named:
            yield DocumentError(
                f"No author has the affiliation '{_institute(institute)}'.",
                where=f"{content.file}:{lines.get('affiliations') or lines.get('affiliation', 1)}",
                hint="Name it under an author's `affiliations`, or take it out.",
            )
    for name in content.parts:
        if name not in PARTS and name not in lines and f"parts.{name}" not in lines:
            yield DocumentError(
                f"The paper has no place for the part '{name}'.",
                where=content.file,
                hint=f"Its parts: {', '.join(PARTS)}. Write anything else as a section.",
            )


def body(content: Content, bridge: Bridge, appendix: Sequence[Element], end: Element | None = None) -> list[Element]:
    """Return the body, the acknowledgments, the place of the references, and the appendix after ``appendix``.

    The mark ``end`` closes the text, before the references.
    """
    made = [e for block in content.nodes if not is_appendix(block) for e in bridge.blocks([block])]
    for title, blocks in closing(content, bridge):
        made += [heading(title), *blocks]
    made = closed(made, end) if end else made
    if cited(content):
        made += [heading("References"), *references(bridge)]
    rest = [e for block in content.nodes if is_appendix(block) for e in bridge.blocks([block])]
    return [*made, *appendix, *rest] if rest else made


def closing(content: Content, bridge: Bridge) -> list[tuple[str, list[Element]]]:
    """Return what stands between the text and the references, as titles and blocks: who did what, who paid, thanks."""
    found = [
        (
            "Contributions",
            [element("Para", words(" ".join(_contributions(content))))] if _contributions(content) else [],
        ),
        ("Funding", [element("Para", words(statement)) for statement in _funding(content)]),
        ("Data availability", bridge.blocks(content.parts.get("data_availability", []))),
        ("License", [element("Para", [inline for one in _licenses(content) for inline in one])]),
        ("Acknowledgments", bridge.blocks(content.parts.get("acknowledgments", []))),
    ]
    return [(title, blocks) for title, blocks in found if any(block.get("c", True) for block in blocks)]


def _contributions(content: Content) -> list[str]:
    authors = content.frontmatter.get("authors", [])
    return [f"{author['name']}: {', '.join(map(str, author['roles']))}." for author in authors if author.get("roles")]


def _licenses(content: Content) -> list[list[Element]]:
    """Return what the front matter says of the license, for the text and for code, each as words and a link."""
    given = content.frontmatter.get("license") or {}
    made = []
    for use, license_ in given.items():
        of_code = words(" The code: ") if use == "code" and len(given) > 1 else []
        name = str(license_.get("name") or license_.get("id") or license_.get("note") or "")
        code = f" ({license_['id']})" if license_.get("id") and license_.get("name") else ""
        shown = words(f"{name}{code}")
        url = license_.get("url")
        made.append([*of_code, *([element("Link", [attributes(), shown, [url, ""]])] if url else shown), *words(".")])
    return made


def _notes(author: Mapping[str, Any], content: Content) -> list[str]:
    """Return what stands beside an author's name; mystmd takes everyone with an address for the one to write to."""
    written = {key.rpartition(".")[2] for key, _ in content.written if key.startswith("authors.")}
    return [note for key, note in NOTES.items() if author.get(key) and key in written]


def _funding(content: Content) -> list[str]:
    return [str(given["statement"]) for given in content.frontmatter.get("funding", []) if given.get("statement")]


def references(bridge: Bridge) -> list[Element]:
    """Return the division that citeproc fills with the references."""
    division = element("Div", [attributes("refs"), []])
    around = getattr(bridge, "references", None)
    return around(division) if around else [division]


def heading(text: str) -> Element:
    """Return a heading without a number."""
    return element("Header", [1, attributes(text.lower(), ["unnumbered"]), words(text)])


def _runs(inlines: Sequence[Element]) -> list[str]:
    """Return the texts of inlines, apart where a format may put marks between them."""
    runs = [""]
    for inline in inlines:
        runs[-1] += plain_text([inline]) if inline["t"] in ("Str", "Space") else ""
        if inline["t"] not in ("Str", "Space"):
            runs += [plain_text([inline]), ""]
    return [run for run in runs if run.strip()]


def front_texts(content: Content) -> list[str]:
    """Return the texts of the front matter that every format must show."""
    matter = content.frontmatter
    return _of_authors(content) + [_institute(institute) for institute in matter.get("affiliations", [])]


def _of_authors(content: Content) -> list[str]:
    """Return what every format must show of the authors themselves."""
    authors = content.frontmatter.get("authors", [])
    own = [str(author[key]) for author in authors for key in ("name", *CONTACTS) if author.get(key)]
    own += [note for author in authors for note in _notes(author, content)]
    return [*own, *_contributions(content), *_funding(content)]


def _contact(key: str, text: str) -> Element:
    """Return an address or an ORCID iD as a link."""
    url = f"mailto:{text}" if key == "email" else f"https://orcid.org/{text}"
    shown = text if key == "email" else f"ORCID {text}"
    return element("Link", [attributes(), words(shown), [url, ""]])


def _parts(author: Mapping[str, Any]) -> dict[str, str]:
    """Return the parts of a name, where they are all of it."""
    parts = {key: str((author.get("nameParsed") or {}).get(key, "")) for key in ("given", "family")}
    return parts if " ".join(parts.values()) == str(author["name"]) else {}


def _details(author: Mapping[str, Any], places: Mapping[str, Any], content: Content) -> list[Any]:
    """Return what stands below the name of an author, a line each: short ones, for authors stand side by side."""
    lines = []
    for place in (places[i] for i in author.get("affiliations", [])):
        names = [str(place[key]) for key in INSTITUTE[:3] if place.get(key)]
        town = ", ".join(str(place[key]) for key in INSTITUTE[3:] if place.get(key))
        lines += [{"inlines": words(text)} for text in dict.fromkeys([*names, town]) if text]
    return lines + _contacts(author, content)


def _contacts(author: Mapping[str, Any], content: Content) -> list[Any]:
    """Return an author's addresses, and what is said of the author, a line each."""
    own = [{"inlines": [_contact(key, str(author[key]))]} for key in CONTACTS if author.get(key)]
    return own + [{"inlines": words(note)} for note in _notes(author, content)]


def _place(affiliation: dict[str, Any]) -> dict[str, Any]:
    """Return an affiliation in its parts, for classes that ask for each."""
    names = [str(affiliation[key]) for key in ("name", "institution", "department") if affiliation.get(key)]
    parts = {"institution": ", ".join(dict.fromkeys(names)), "city": "", "state": "", "country": ""}
    parts |= {key: str(affiliation[key]) for key in ("city", "state", "country") if affiliation.get(key)}
    return {key: {"inlines": words(text)} for key, text in parts.items()}


def front_parts(content: Content) -> list[str]:
    """Return the texts of the front matter, in the pieces in which a class may ask for them."""
    matter = content.frontmatter
    pieces = [str(part) for place in matter.get("affiliations", []) for key in INSTITUTE if (part := place.get(key))]
    return _of_authors(content) + pieces


def _institute(affiliation: dict[str, Any]) -> str:
    named = (affiliation.get(key) for key in INSTITUTE)
    return ", ".join(dict.fromkeys(str(part) for part in named if part))
