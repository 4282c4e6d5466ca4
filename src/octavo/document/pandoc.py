"""Pandoc's syntax tree in JSON, and the run of pandoc that writes a format from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from msgspec import structs

from octavo import tools
from octavo.errors import BuildError
from octavo.model import Frozen

Element = dict[str, Any]
OPENER = re.compile(r"(?<!\w)(@\w+\s*\{\s*(?P<key>[^,\s{}=\"]+)\s*,)")  # of an entry in a bibliography
LOG = "pandoc.log.json"  # what pandoc warned of, in the folder where it works
BIBLIOGRAPHY, STYLE = "references.bib", "style.csl"  # what citeproc reads there
API_VERSION = [1, 23, 1]
ALIGNMENTS = {"left": "AlignLeft", "right": "AlignRight", "center": "AlignCenter"}


class Cited(Frozen, frozen=True):
    """What a document cites from: its bibliography, and a style in CSL; without one, by author and year.

    ``name`` is the file's as the user knows it, from the root. By the order of the variable ``ties`` works of the same
    authors and year get their letters: ``annote``, which has the key, or ``title``.
    """

    file: Path
    style: str = ""
    name: str = ""
    ties: str = "annote"


def element(kind: str, content: Any = None) -> Element:
    """Return an element of Pandoc's tree; those without content have none in JSON either."""
    return {"t": kind} if content is None else {"t": kind, "c": content}


def attributes(identifier: str = "", classes: Sequence[str] = (), **pairs: str) -> list[Any]:
    """Return the attributes of an element; underscores in names stand for hyphens."""
    return [identifier, list(classes), [[name.replace("_", "-"), value] for name, value in pairs.items()]]


def words(text: str) -> list[Element]:
    """Return a text as words and spaces, with the dashes that Markdown writers type as hyphens."""
    text = text.replace("---", "\u2014").replace("--", "\u2013")
    return [
        element("Space") if part.isspace() else element("Str", part) for part in re.split(r"([ \t\n]+)", text) if part
    ]


def raw(form: str, text: str) -> Element:
    """Return text for one format alone, inside a paragraph."""
    return element("RawInline", [form, text])


def raw_block(form: str, text: str) -> Element:
    """Return text for one format alone, between paragraphs."""
    return element("RawBlock", [form, text])


def plain(*inlines: Element) -> Element:
    """Return inlines as a block without the space of a paragraph."""
    return element("Plain", list(inlines))


def closed(body: list[Element], end: Element) -> list[Element]:
    """Return blocks with the raw ``end`` in the last paragraph: on its own it would begin a new, empty one."""
    if body and body[-1]["t"] in ("Para", "Plain"):
        last: Element = {"t": body[-1]["t"], "c": [*body[-1]["c"], end]}
        return [*body[:-1], last]
    form, text = end["c"]
    return [*body, raw_block(form, text)]


def meta(value: Any) -> Element:
    """Return metadata: texts, truths, lists, mappings, and lists of inlines under the key ``inlines``."""
    if isinstance(value, bool):
        return element("MetaBool", value)
    if isinstance(value, str):
        return element("MetaString", value)
    if isinstance(value, Mapping):
        if set(value) in ({"inlines"}, {"blocks"}):
            ((kind, content),) = value.items()
            return element(f"Meta{kind.capitalize()}", content)
        return element("MetaMap", {key: meta(item) for key, item in value.items()})
    return element("MetaList", [meta(item) for item in value])


def write(
    blocks: Sequence[Element],
    metadata: Mapping[str, Any],
    to: str,
    *,
    template: Path,
    folder: Path,
    cited: Cited | None = None,
    options: Sequence[str] = (),
) -> str:
    """Return a document in a text format; see ``write_bytes``."""
    options = [f"--template={template}", *options]
    return write_bytes(blocks, metadata, to, folder=folder, cited=cited, options=options).decode()


def write_bytes(
    blocks: Sequence[Element],
    metadata: Mapping[str, Any],
    to: str,
    *,
    folder: Path,
    cited: Cited | None = None,
    options: Sequence[str] = (),
    warned: bool = True,
) -> bytes:
    """Return a document in the format ``to``, set into a template; ``folder`` is where pandoc works.

    Where it has ``cited``, pandoc's citeproc words the citations.

    Raises BuildError when pandoc fails or warns of anything: it leaves out what it cannot write, and goes on. Where
    that is looked for in what it wrote, it may warn unheard (``warned`` is false).
    """
    if cited:
        _lay_out(cited, folder)
        metadata = {**metadata, "bibliography": BIBLIOGRAPHY, "link-citations": True}
        options = ["--citeproc", f"--csl={STYLE}", *options]
    document = {
        "pandoc-api-version": API_VERSION,
        "meta": {key: meta(value) for key, value in metadata.items()},
        "blocks": list(blocks),
    }
    log = folder / LOG
    arguments = ["--from=json", f"--to={to}", "--standalone", "--wrap=none", f"--log={log}", "--output=-"]
    stdin = json.dumps(document, ensure_ascii=False).encode()
    done = tools.run("pandoc", [*arguments, *options], cwd=folder, stdin=stdin, env={"SOURCE_DATE_EPOCH": "0"})
    messages = json.loads(log.read_text(encoding="utf-8")) if log.exists() else []
    told = [_message(message) for message in messages if message.get("verbosity") in ("WARNING", "ERROR")]
    if done.returncode or (told and warned):
        raise BuildError(
            f"pandoc could not write {to} whole: {'; '.join(told) or done.stderr.decode(errors='replace').strip()}",
            hint="Mend what it names; if it names nothing of yours, report it [this is a bug].",
        )
    return done.stdout


def _lay_out(cited: Cited, folder: Path) -> None:
    """Write what citeproc reads, by names alone: pandoc takes a path for an address, a per cent sign for an escape."""
    entries = cited.file.read_text(encoding="utf-8-sig")
    (folder / BIBLIOGRAPHY).write_text(OPENER.sub(_opened, entries), encoding="utf-8")
    (folder / STYLE).write_text(cited.style or author_year(cited.ties), encoding="utf-8")


def _opened(entry: re.Match[str]) -> str:
    """Return the beginning of an entry with what pandoc needs to cite it as BibTeX does.

    Else it cites van der Laan as Laan. The key is spelled so that nobody's order of letters can matter.
    """
    return f"{entry[1]} options = {{useprefix=true}}, annotation = {{{entry['key'].encode().hex()}}},"


@cache
def author_year(ties: str) -> str:
    """Return pandoc's own style, by author and year, with works told apart as BibTeX does: by letters alone.

    Raises BuildError where the style is not as expected.
    """
    done = tools.run("pandoc", ["--print-default-data-file=default.csl"], cwd=Path.cwd())
    style = done.stdout.decode()
    for old, new in (
        (' disambiguate-add-givenname="true" disambiguate-add-names="true"', ""),
        ('demote-non-dropping-particle="display-and-sort"', 'demote-non-dropping-particle="never"'),
        ('<key macro="date-sort-year"/>', f'<key macro="date-sort-year"/><key variable="{ties}"/>'),
    ):
        if old not in style:
            raise BuildError("pandoc's style is not as expected [this is a bug].", hint="Report it with its version.")
        style = style.replace(old, new)
    return style


def in_sentences(cited: Cited, keys: Sequence[str]) -> dict[str, str]:
    """Return for each key how the work is cited in a sentence by author and year: ``van der Berg (2000a)``."""
    made = [
        element("Para", [element("Cite", [[citation(key, "AuthorInText")], [element("Str", key)]])]) for key in keys
    ]
    with TemporaryDirectory(prefix="octavo-") as name:
        worded = structs.replace(cited, style="")
        data = write_bytes(made, {"suppress-bibliography": True}, "json", folder=Path(name), cited=worded)
    blocks = json.loads(data)["blocks"]
    return {key: plain_text(block["c"]) for key, block in zip(keys, blocks, strict=False)}


def citation(
    key: str, mode: str = "NormalCitation", *, before: Sequence[Element] = (), after: Sequence[Element] = ()
) -> dict[str, Any]:
    """Return a citation of one work, for an element ``Cite``."""
    return {
        "citationId": key,
        "citationPrefix": list(before),
        "citationSuffix": list(after),
        "citationMode": element(mode),
        "citationNoteNum": 0,
        "citationHash": 0,
    }


def plain_text(inlines: Sequence[Element]) -> str:
    """Return inlines as plain text."""
    made = ""
    for inline in inlines:
        kind, content = inline["t"], cast(Any, inline.get("c"))
        if kind in ("Space", "SoftBreak", "LineBreak"):
            made += " "
        elif isinstance(content, str):
            made += content
        elif kind in ("Code", "Math", "RawInline"):
            made += str(content[1])
        elif content:
            made += plain_text(content[1] if kind in ("Link", "Span", "Image", "Cite") else content)
    return made


def expanded(formulas: Sequence[str], macros: Sequence[str]) -> list[str]:
    """Return formulas in TeX with an author's macros (``\\def…``) written out: pandoc does that where it reads TeX.

    Raises BuildError where it does not take them for what they are.
    """
    stdin = "\n".join([*macros, *(f"\n\\({formula.strip()}\\)\n" for formula in formulas)]).encode()
    done = tools.run("pandoc", ["--from=latex", "--to=json"], cwd=Path.cwd(), stdin=stdin)
    found = [block["c"] for block in json.loads(done.stdout)["blocks"]] if not done.returncode else []
    if len(found) != len(formulas) or any(len(inlines) != 1 or inlines[0]["t"] != "Math" for inlines in found):
        told = done.stderr.decode(errors="replace").strip() or "it reads other formulas than were written"
        raise BuildError(f"pandoc could not write out the macros of the formulas: {told}", hint="Write them plainer.")
    return [inlines[0]["c"][1] for inlines in found]


def markdown(texts: Sequence[str]) -> list[list[Element]]:
    """Return short texts with Markdown's emphasis as inlines; mystmd leaves those of the front matter as typed."""
    if not any(re.search(r"[*_`\\]", text) for text in texts):
        return [words(text) for text in texts]
    stdin = "\n\n".join(text.replace("\n", " ") for text in texts).encode()
    done = tools.run("pandoc", ["--from=commonmark+smart", "--to=json"], cwd=Path.cwd(), stdin=stdin)
    blocks = json.loads(done.stdout)["blocks"]
    if len(blocks) != len(texts):
        raise BuildError("The front matter has blocks of Markdown where words are expected.", hint="Use words alone.")
    return [_quoted(block["c"]) for block in blocks]


def _quoted(inlines: Sequence[Element]) -> list[Element]:
    """Return inlines with their quotation marks as characters: each format would have its own for them."""
    made: list[Element] = []
    for inline in inlines:
        content: Any = inline.get("c")
        if inline["t"] == "Quoted":
            opening, closing = ("\u2018", "\u2019") if content[0]["t"] == "SingleQuote" else ("\u201c", "\u201d")
            made += [element("Str", opening), *_quoted(content[1]), element("Str", closing)]
        elif inline["t"] in ("Emph", "Strong"):
            made.append(element(inline["t"], _quoted(content)))
        else:
            made.append(inline)
    return made


def _message(message: Mapping[str, Any]) -> str:
    return str(message.get("pretty") or message.get("message") or message.get("contents") or message.get("type"))
