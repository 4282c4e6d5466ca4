"""Read the source of a document: jupyter-book parses and resolves it, this module believes nothing it says.

jupyter-book exits with 0 on nearly every failure, so its log and its JSON are both searched for problems. The result
depends on the sources alone: results are put in by name later, so a new number needs no new parse.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import msgspec

from octavo.document import front, parser, problems, spellings, written
from octavo.document.numbering import is_appendix
from octavo.errors import BuildError, DocumentError, OctavoError, raise_all
from octavo.model import Frozen, Place

Node = dict[str, Any]

STUB_THEME = """jtex: v1
title: stub
version: 0.0.0
license: MIT
options: []
build:
  install: "true"
  start: node server.js
"""
NOWHERE = Place("", None)
LABELLED = ("heading", "container", "math", "proof", "table", "code", "admonition")


class Content(Frozen, frozen=True):
    """A parsed document: its file (from the project root), front matter, parts and blocks, as mystmd's syntax tree.

    ``parts`` are the texts of the front matter (abstract, acknowledgments); ``references`` has, for every citation
    key, the label and the formatted reference that mystmd made; ``written`` are the keys of the front matter as the
    author wrote them, with their lines.
    """

    file: str
    frontmatter: dict[str, Any]
    parts: dict[str, list[Node]]
    nodes: list[Node]
    references: dict[str, Any]
    written: tuple[tuple[str, int], ...] = ()


def parse(source: Path, root: Path, bibliography: Path | None, workdir: Path, *, warm: Path | None = None) -> Content:
    """Parse the MyST file ``source``; ``workdir`` is an empty folder for the work; for ``warm`` see parser.build.

    Raises DocumentError (or Problems, all of them) with file and line for what jupyter-book does not know or find.
    """
    name = source.relative_to(root).as_posix()
    text = _read(source, name)
    front.check(text, name)
    _stage(source, bibliography, workdir)
    log = parser.build(workdir, warm)
    places = problems.Sources(source, root, bibliography)
    pages = sorted((workdir / "_build" / "site" / "content").glob("*.json"))
    if len(pages) != 1:
        raise_all([*problems.of_log(log, places, ())])
        raise BuildError(
            "jupyter-book left no parsed document.", where=name, hint=log.strip()[-2000:] or "Its log is empty."
        )
    content = _content(json.loads(pages[0].read_text(encoding="utf-8")), name)
    content = msgspec.structs.replace(content, written=front.keys(text))
    _name_pictures(content, workdir)
    found = [
        *problems.of_log(log, places, _told(content), {label for same in _shared(content).values() for label in same}),
        *_tree_problems(content, log, places),
        *_text_problems(content, text, places),
    ]
    raise_all(sorted({str(problem): problem for problem in found}.values(), key=_by_line))
    return content


def save(content: Content, path: Path) -> None:
    """Write parsed content as JSON, the same bytes for the same content."""
    path.write_bytes(msgspec.json.encode(content, order="deterministic"))


def load(path: Path) -> Content:
    """Read what ``save`` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Content)


def cited(content: Content) -> dict[str, Place]:
    """Return every citation key of the document and the place where it is first cited."""
    found: dict[str, Place] = {}
    for node, place in walk(content):
        if node["type"] == "cite":
            found.setdefault(node["label"], place)
    return found


COLUMN = "column"  # the medium of a paper's figure that names none


class ShownFigure(Frozen, frozen=True):
    """A recorded figure that a document shows: by which name, for which medium (empty: the usual one), the caption.

    ``alt`` is the alternative text that the document gives it in place of the recorded one.
    """

    name: str
    medium: str
    caption: str
    alt: str = ""


def figures(content: Content) -> tuple[ShownFigure, ...]:
    """Return the recorded figures that the document shows, each as often as it does."""
    found: list[ShownFigure] = []
    for node, _ in walk(content):
        if node["type"] == "container":
            inside = [inner for inner, _ in _walk(node["children"], NOWHERE)]
            caption = " ".join(_words(child) for child in inside if child["type"] == "caption")
            for inner in inside:
                if inner["type"] == "iframe" and isinstance(inner.get("data"), dict):
                    data = inner["data"]
                    alt = str(inner.get("alt") or "")
                    found.append(ShownFigure(data.get("name", ""), data.get("width") or "", caption, alt))
    return tuple(found)


def _words(node: Node) -> str:
    own = str(node.get("value", ""))
    return own + "".join(_words(child) for child in node.get("children", ()))


def walk(content: Content) -> Iterator[tuple[Node, Place]]:
    """Yield every node of the parts and the body with its file and line, or the line of what it stands in."""
    for nodes in content.parts.values():
        # Their positions count from the part's own first line; the front matter itself has none.
        yield from ((node, Place(content.file, None)) for node, _ in _walk(nodes, Place(content.file, None)))
    yield from _walk(content.nodes, Place(content.file, None))


def images(content: Content, workdir: Path) -> tuple[Path, ...]:
    """Return the files of the pictures that the document shows, where the parser left them."""
    names = {Path(str(node["url"])).name for node, _ in walk(content) if node["type"] == "image"}
    folder = workdir / "_build" / "site" / "public"
    return tuple(sorted(folder / name for name in names if (folder / name).is_file()))


def _name_pictures(content: Content, workdir: Path) -> None:
    """Name the pictures by what they are: mystmd names them by the folder that they were copied to, too."""
    folder = workdir / "_build" / "site" / "public"
    for node, _ in walk(content):
        file = folder / PurePosixPath(str(node.get("url"))).name if node["type"] == "image" else None
        if file and file.is_file() and (found := re.fullmatch(r"(.+-)[0-9a-f]{32}(\.\w+)", file.name)):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()[:32]
            shutil.copyfile(file, folder / (name := f"{found[1]}{digest}{found[2]}"))
            node["url"] = f"/{name}"


def included(file: str, node: Node) -> str:
    """Return the name of the file that an ``include`` in ``file`` puts in its place."""
    return (PurePosixPath(file).parent / node["file"]).as_posix() if node.get("file") else file


def _walk(nodes: list[Node], place: Place) -> Iterator[tuple[Node, Place]]:
    for node in nodes:
        here = Place(place.file, node.get("position", {}).get("start", {}).get("line") or place.line)
        yield node, here
        inside = Place(included(here.file, node), here.line) if node["type"] == "include" else here
        yield from _walk(node.get("children", []), inside)


def _read(source: Path, name: str) -> str:
    try:
        return source.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError("This file is not UTF-8 text.", where=name, hint="Save it as UTF-8.") from error


def _stage(source: Path, bibliography: Path | None, workdir: Path) -> None:
    """Copy what jupyter-book reads to a folder where no other myst.yml is above it and nothing else is in it."""
    folder = workdir / "document"
    shutil.copytree(source.parent, folder, ignore=shutil.ignore_patterns(".*", "_build", "*.pptx", "kit"))
    for file in folder.rglob("*.md"):
        data = file.read_bytes()
        if data.startswith(codecs.BOM_UTF8):  # some editors write it; mystmd would not see the front matter behind it
            file.write_bytes(data.removeprefix(codecs.BOM_UTF8))
    (workdir / "theme").mkdir()
    (workdir / "theme" / "template.yml").write_text(STUB_THEME, encoding="utf-8")
    shutil.copyfile(Path(__file__).parent / "octavo.mjs", workdir / "octavo.mjs")
    if bibliography:
        shutil.copyfile(bibliography, workdir / "references.bib")
    configuration = {
        "version": 1,
        "project": {
            "id": "octavo",
            "bibliography": ["references.bib"] if bibliography else [],
            "toc": [{"file": f"document/{source.name}"}],
            "plugins": ["octavo.mjs"],
            "numbering": {"headings": True, "title": False},
        },
        "site": {"template": "./theme"},
    }
    # JSON is YAML.
    (workdir / "myst.yml").write_text(json.dumps(configuration), encoding="utf-8")


def _content(page: Mapping[str, Any], name: str) -> Content:
    frontmatter = dict(page.get("frontmatter", {}))
    parts = frontmatter.pop("parts", {})
    for dropped in ("exports", "numbering", "id"):
        frontmatter.pop(dropped, None)
    _tell_apart(page["mdast"])
    blocks = {part: spellings.plain(_clean(value["mdast"]["children"])) for part, value in parts.items()}
    return Content(
        file=name,
        frontmatter=_clean(frontmatter),
        parts=blocks,
        nodes=_appendix_last(spellings.plain(_clean(page["mdast"]["children"]))),
        references=_clean(page.get("references", {}).get("cite", {}).get("data", {})),
    )


def _tell_apart(tree: Node) -> None:
    """Give headings of the same words, which have no label, identifiers of their own, and mark them ``shared``."""
    everything = [node for node, _ in _walk(tree["children"], NOWHERE) if node.get("identifier")]
    given = {node["identifier"] for node in everything if node["type"] in LABELLED and not node.get("implicit")}
    headings: dict[str, list[Node]] = {}
    for node in everything:
        if node["type"] == "heading" and node.get("implicit") and node["identifier"] not in given:
            headings.setdefault(node["identifier"], []).append(node)
    for identifier, same in headings.items():
        for node in same if len(same) > 1 else ():
            node |= {"identifier": node.get("html_id") or identifier, "shared": identifier}


def _appendix_last(blocks: list[Node]) -> list[Node]:
    """Return the blocks with all that follows the beginning of the appendix in it: a bare +++ does not end it."""
    begun = next((i for i, block in enumerate(blocks) if is_appendix(block)), len(blocks))
    return [*blocks[:begun], *({**block, "data": {"part": "appendix"}} for block in blocks[begun:])]


def _clean(node: Any) -> Any:
    """Drop what differs from run to run (random keys) and what no writer reads."""
    if isinstance(node, dict):
        kept = {k: _clean(v) for k, v in node.items() if k not in ("key", "html_id", "urlSource", "end")}
        return _link(kept) if kept.get("type") in ("link", "octavoLink") else kept
    return [_clean(item) for item in node] if isinstance(node, list) else node


def _link(node: Node) -> Node:
    """Return a link of octavo.mjs or of mystmd's own; one that shows its address shows it without spaces."""
    children, address = node.get("children", []), str(node.get("url", ""))
    shown = children[0].get("value", "") if len(children) == 1 else ""
    if re.search(r"\s", shown) and shown == unquote(address):
        children = [{**children[0], "value": address}]
    return {**node, "type": "link", "children": children}


def _by_line(problem: OctavoError) -> tuple[str, int]:
    file, _, line = problem.where.rpartition(":")
    return (file, int(line)) if line.isdigit() else (problem.where, 0)


def _told(content: Content) -> Iterator[str]:
    """Yield the messages of the log that are told otherwise, or are not so."""
    filled: dict[str, bool] = {}
    for node, _ in walk(content):
        if node.get("error"):
            yield (message := str(node.get("message", "")).strip())
            yield message.partition("\n")[0]  # the log has a line
        if node["type"] == "link":
            filled[node["url"]] = bool(node.get("children")) and filled.get(node["url"], True)
    # mystmd calls a link empty that holds a value alone: it does not see the value.
    yield from (f"Link text is empty for <{url}>" for url, full in filled.items() if full)


def _text_problems(content: Content, text: str, places: problems.Sources) -> Iterator[OctavoError]:
    """Yield what the parser left out of the text, or passed on as typed, without a word."""
    yield from front.unread(text, content.file)
    yield from front.misspelt(text, content.file)
    lines = list(written.prose(places.lines(content.file)))
    yield from _settings(content, places)
    yield from written.overfull(lines)
    yield from written.html(lines)
    yield from written.attributes(lines)
    yield from written.fences(lines)
    yield from written.unclosed(places.lines(content.file))
    yield from written.invisible(places.lines(content.file))
    yield from written.latex(lines, walk(content))
    yield from written.labels(places.lines(content.file), [node for node, _ in walk(content)])
    yield from _affixes(content)
    yield from written.footnotes(_scopes(content, lines, front.length(text)))
    yield from _typed(content, places)


def _typed(content: Content, places: problems.Sources) -> Iterator[DocumentError]:
    """Yield an error for each role, link and alternative text that the parser passed on as it was typed."""
    for node, place in walk(content):
        for typed in written.roles(node):
            yield DocumentError(
                f"'{typed}' would print as typed.",
                where=places.find(typed, place),
                hint="A role is its name in braces with text in backticks right behind it: {val}`notebook.name`.",
            )
        if node["type"] in ("math", "inlineMath") and (found := front.ROLE.search(node["value"])):
            spot = next(part.strip() for part in node["value"].splitlines() if found[0].partition("\n")[0] in part)
            yield DocumentError(
                f"'{found[0]}' stands inside a formula, where it would print as letters.",
                where=places.find(spot, place),
                hint="End the formula, put the value and go on; or record a text that says it all.",
            )
        if node["type"] == "text" and (link := written.spaced(node["value"])):
            yield DocumentError(
                f"'{link}' would print as typed: the address of a link has no spaces.",
                where=places.find(link, place),
                hint="Write [](#label); a panel is @fig-label [a].",
            )
        if found_alt := front.typed(str(node.get("alt") or "")):
            yield DocumentError(
                f"'{found_alt}' in an alternative text would be read out as typed.",
                where=places.find(found_alt, place),
                hint="Say it in words there, and put it into the caption.",
            )


def _settings(content: Content, places: problems.Sources) -> Iterator[DocumentError]:
    """Yield an error for each included file with front matter of its own: the parser drops it."""
    for file in dict.fromkeys(file for file, _, _ in places.lines(content.file)):
        if file != content.file and re.match(r"---[ \t]*\n[\w-]+:", places.text(file)):
            yield DocumentError(
                "The front matter of an included file is not read.",
                where=f"{file}:1",
                hint=f"Take it out: what it sets belongs into {content.file}.",
            )


def _affixes(content: Content) -> Iterator[DocumentError]:
    """Yield an error for what stands with a citation and is not read as MyST there."""
    for node, place in walk(content):
        kind = {"cite": "citation", "crossReference": "reference"}.get(node["type"])
        for text in (node.get("prefix"), node.get("suffix")) if kind else ():
            if found := re.search(
                r"\{[A-Za-z][\w:]*\}`[^`]*`|`[^`]+`|\$[^$]+\$|\*[^*]+\*|\[?\^[^\s\]]+\]?", text or ""
            ):
                note = f" A footnote behind it is written {{cite:t}}`{node['label']}`[^…]."
                note = note if "^" in found[0] and kind == "citation" else ""
                yield DocumentError(
                    f"'{found[0]}' in the brackets of the {kind} '{node['label']}' would print as typed.",
                    where=str(place),
                    hint=f"Say it in plain words, or outside of the brackets.{note}",
                )


def _scopes(
    content: Content, lines: Sequence[written.Line], front_lines: int
) -> Iterator[tuple[Sequence[written.Line], list[Node]]]:
    """Yield the lines and the nodes of the front matter, then those of the body with all that it includes."""
    parts = [line for line in lines if line[0] == content.file and line[1] <= front_lines]
    yield parts, [node for nodes in content.parts.values() for node, _ in _walk(nodes, NOWHERE)]
    yield lines[len(parts) :], [node for node, _ in _walk(content.nodes, NOWHERE)]


def _tree_problems(content: Content, log: str, places: problems.Sources) -> Iterator[OctavoError]:
    """Yield what the log did not tell, or not well: errors inside nodes, and labels that are given twice."""
    shared = _shared(content)
    told = problems.labels_given_twice(log)
    seen: dict[str, str] = dict.fromkeys(told, "")
    for node, place in walk(content):
        where = str(place)
        if node.get("error") and not (node["type"] == "cite" and f'citation with label "{node["label"]}"' in log):
            yield _marked(node, where if place.line else f"{place.file}{_line_of(node, places.text(place.file))}")
        if node["type"] == "crossReference" and len(same := shared.get(node.get("identifier", ""), [])) > 1:
            yield DocumentError(
                f"The reference '{node['identifier']}' may mean each of {len(same)} sections of this name.",
                where=where,
                hint="Write a label of your own above the one that you mean, as (sec:one)=, and refer to that.",
            )
        labelled = node["type"] in LABELLED and node.get("identifier") and not node.get("shared")
        label = node.get("label") if labelled else None
        if label and label in seen and label not in told:
            yield DocumentError(
                f"The label '{label}' is given twice; {seen[label]} has it first.",
                where=where,
                hint="Rename one of the two.",
            )
        if label:
            seen.setdefault(label, where)


def _shared(content: Content) -> dict[str, list[str]]:
    """Return the headings that share a name, as their words, by the identifier that a reference would have."""
    found: dict[str, list[str]] = {}
    for node, _ in walk(content):
        if node.get("shared"):
            found.setdefault(node["shared"], []).append(str(node.get("label")))
    return found


def _line_of(node: Node, text: str) -> str:
    """Return ``:LINE`` of the text of a node that carries no position, if it is found."""
    first = str(node.get("value", "")).strip().partition("\n")[0]
    lines = [n for n, line in enumerate(text.splitlines(), 1) if first and first in line]
    return f":{lines[0]}" if lines else ""


def _marked(node: Node, where: str) -> DocumentError:
    if node["type"] not in ("math", "inlineMath"):
        return DocumentError(f"jupyter-book marked a {node['type']} as wrong: {node['error']}.", where=where)
    reason = node.get("message", "it cannot be read").replace("\u0332", "")  # KaTeX underlines the spot
    formula = " ".join(node["value"].split())
    if unknown := re.search(r"No such environment: (\w+\*?)", reason):
        return DocumentError(
            f"The formula ${formula}$ cannot be read: MyST has no environment '{unknown[1]}'.",
            where=where,
            hint="Break it into lines with `aligned` (at `&`), `split`, or `gathered` (each in the middle).",
        )
    hint = "Compare its braces and names."
    if re.search(r"Undefined control sequence: \\(?:\w*ref|cite\w*)\b", reason):
        hint = "End the formula there, and refer in the text: {eq}`label`, [](#label), @key."
    elif found := re.match(r"Undefined control sequence: (\\\S+)", reason):
        hint = f"Mend the name, or say under 'math' in the front matter what {found[1]} means."
    elif re.search(r"\\(?:text\w*|mbox)\s*\{[^}]*$", formula):
        hint = "A $ ends the formula, also in words: write \\text{of }a\\text{ and }b, or the formula between $$."
    return DocumentError(f"The formula ${formula}$ is not valid TeX: {reason}.", where=where, hint=hint)
