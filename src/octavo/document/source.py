"""Read the source of a document: jupyter-book parses and resolves it, this module believes nothing it says.

jupyter-book exits with 0 on nearly every failure, so its log and its JSON are both searched for problems. The result
depends on the sources alone: results are put in by name later, so a new number needs no new parse.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from octavo import tools
from octavo.errors import BuildError, DocumentError, OctavoError, nearest, raise_all
from octavo.model import Frozen, Place

Node = dict[str, Any]

# Lines of jupyter-book's log that say nothing of the document, each with its reason.
NOISE = (
    (r"^Link text is empty for <#", "follows an unresolved reference, which is reported itself"),
    (r"Cross reference .* not yet resolved", "follows an unresolved reference"),
)
STUB_THEME = """jtex: v1
title: stub
version: 0.0.0
license: MIT
options: []
build:
  install: "true"
  start: node server.js
"""
ROLES = ("val", "cite:t", "cite:p", "eq", "numref", "ref", "sub", "sup")
DIRECTIVES = ("result-figure", "result-table", "notes", "figure", "table", "math", "prf:theorem", "prf:algorithm")
LABELLED = ("heading", "container", "math", "proof", "table", "code", "admonition")


class Content(Frozen, frozen=True):
    """A parsed document: its file (from the project root), front matter, parts and blocks, as mystmd's syntax tree.

    ``parts`` are the texts of the front matter (abstract, acknowledgments); ``references`` has, for every citation
    key, the label and the formatted reference that mystmd made.
    """

    file: str
    frontmatter: dict[str, Any]
    parts: dict[str, list[Node]]
    nodes: list[Node]
    references: dict[str, Any]


def parse(source: Path, root: Path, bibliography: Path | None, workdir: Path) -> Content:
    """Parse the MyST file ``source``; ``workdir`` is an empty folder for the work.

    Raises DocumentError (or Problems, all of them) with file and line for what jupyter-book does not know or find.
    """
    name = source.relative_to(root).as_posix()
    _check_front_matter(source, name)
    _stage(source, bibliography, workdir)
    done = tools.run(
        "jupyter-book", ["build", "--site"], cwd=workdir, env={"NO_COLOR": "1", "FORCE_COLOR": "0"}, timeout=180
    )
    log = (done.stdout + done.stderr).decode(errors="replace")
    problems = _log_problems(log, source, root, bibliography)
    pages = sorted((workdir / "_build" / "site" / "content").glob("*.json"))
    if len(pages) != 1:
        raise_all(problems)
        raise BuildError(
            "jupyter-book left no parsed document.", where=name, hint=log.strip()[-2000:] or "Its log is empty."
        )
    content = _content(json.loads(pages[0].read_text(encoding="utf-8")), name)
    problems += _tree_problems(content, {str(p.where) for p in problems})
    raise_all(problems)
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
    for node, line in walk(content):
        if node["type"] == "cite":
            found.setdefault(node["label"], Place(content.file, line))
    return found


def walk(content: Content) -> Iterator[tuple[Node, int | None]]:
    """Yield every node of the parts and the body with its line, or the line of what it stands in."""
    for nodes in content.parts.values():
        # Their positions count from the part's own first line; the front matter itself has none.
        yield from ((node, None) for node, _ in _walk(nodes, None))
    yield from _walk(content.nodes, None)


def _walk(nodes: list[Node], line: int | None) -> Iterator[tuple[Node, int | None]]:
    for node in nodes:
        here = node.get("position", {}).get("start", {}).get("line") or line
        yield node, here
        yield from _walk(node.get("children", []), here)


def _check_front_matter(source: Path, name: str) -> None:
    import yaml

    try:
        text = source.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError("This file is not UTF-8 text.", where=name, hint="Save it as UTF-8.") from error
    found = re.match(r"---[ \t]*\n(.*?)\n---[ \t]*(\n|$)", text, re.DOTALL)
    if not found:
        raise DocumentError(
            "The front matter is missing.", where=f"{name}:1", hint="Begin the file with ---, title: …, ---."
        )
    try:
        data = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1  # the mark counts from 0, and the first line is ---
        reason = getattr(error, "problem", None) or "it cannot be read"
        raise DocumentError(
            f"The front matter is not valid YAML: {reason}.",
            where=f"{name}:{line}",
            hint="Look at that line and the one before: a text with a colon needs quotes.",
        ) from error
    if not isinstance(data, dict) or not data.get("title"):
        raise DocumentError("The front matter has no title.", where=f"{name}:1", hint="Add the line: title: ….")


def _stage(source: Path, bibliography: Path | None, workdir: Path) -> None:
    """Copy what jupyter-book reads to a folder where no other myst.yml is above it and nothing else is in it."""
    folder = workdir / "document"
    shutil.copytree(source.parent, folder, ignore=shutil.ignore_patterns(".*", "_build", "*.pptx", "kit"))
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


def _log_problems(log: str, source: Path, root: Path, bibliography: Path | None) -> list[OctavoError]:
    """Return a DocumentError for every warning and error of the log that is not known noise."""
    folder = source.parent.relative_to(root).as_posix()
    problems: list[OctavoError] = []
    for line in log.splitlines():
        found = re.match(r"\s*(?:⛔|⚠)\ufe0f?\s+(.*)$", line)
        if not found:
            continue
        where, message = _split(found[1])
        if any(re.search(pattern, message) for pattern, _ in NOISE):
            continue
        where = re.sub(r"^document/", f"{folder}/", where).partition("#parts")[0]
        where = where.replace("references.bib", bibliography.relative_to(root).as_posix()) if bibliography else where
        problems.append(_worded(message, where or source.relative_to(root).as_posix(), bibliography))
    unique = {str(problem): problem for problem in problems}
    return list(unique.values())


def _split(text: str) -> tuple[str, str]:
    found = re.match(r"(\S+?\.(?:md|bib|yml|ipynb)(?:#\S+?)?)(?::(\d+))?(?::\d+)?(?:-\d+)?(?::\d+)?:?\s+(.*)$", text)
    if not found:
        return "", text.strip()
    return f"{found[1]}:{found[2]}" if found[2] else found[1], found[3].strip()


def _worded(message: str, where: str, bibliography: Path | None) -> DocumentError:
    """Turn a line of the log into a sentence with a way out."""
    if found := re.search(r'Could not link citation with label "(.+?)"', message):
        keys = re.findall(r"^\s*@\w+\s*\{\s*([^,\s]+)", _text(bibliography), re.MULTILINE)
        hint = nearest(found[1], keys) or "Add it to the bibliography."
        return DocumentError(f"The citation '{found[1]}' is not in the bibliography.", where=where, hint=hint)
    if found := re.search(r'No target for internal reference "#?(.+?)"', message):
        return DocumentError(
            f"The reference '{found[1]}' leads nowhere.", where=where, hint="Give its target that label, or mend it."
        )
    if found := re.search(r"unknown (directive|role): (\S+)", message):
        known = (
            ("val",) if found[1] == "role" else ("result-figure", "result-table", "notes", "figure", "table", "math")
        )
        hint = nearest(found[2], known) or "See docs/reference.md for what Octavo adds to MyST."
        return DocumentError(f"There is no {found[1]} '{found[2]}'.", where=where, hint=hint)
    if found := re.search(r"[Dd]uplicate identifier.*?\"(.+?)\"", message):
        return DocumentError(f"The label '{found[1]}' is given twice.", where=where, hint="Rename one of the two.")
    return DocumentError(f"jupyter-book says: {message}", where=where)


def _text(path: Path | None) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path and path.exists() else ""


def _content(page: Mapping[str, Any], name: str) -> Content:
    frontmatter = dict(page.get("frontmatter", {}))
    parts = frontmatter.pop("parts", {})
    for dropped in ("exports", "numbering", "id"):
        frontmatter.pop(dropped, None)
    blocks = {part: [_clean(block) for block in value["mdast"]["children"]] for part, value in parts.items()}
    return Content(
        file=name,
        frontmatter=_clean(frontmatter),
        parts=blocks,
        nodes=[_clean(block) for block in page["mdast"]["children"]],
        references=_clean(page.get("references", {}).get("cite", {}).get("data", {})),
    )


def _clean(node: Any) -> Any:
    """Drop what differs from run to run (random keys) and what no writer reads."""
    if isinstance(node, dict):
        return {k: _clean(v) for k, v in node.items() if k not in ("key", "html_id", "urlSource", "end")}
    return [_clean(item) for item in node] if isinstance(node, list) else node


def _tree_problems(content: Content, told: set[str]) -> Iterator[OctavoError]:
    """Yield what the log did not tell: errors inside nodes, and labels that are given twice."""
    seen: dict[str, int | None] = {}
    for node, line in walk(content):
        where = f"{content.file}:{line}" if line else content.file
        if node.get("error") and node["type"] in ("math", "inlineMath"):
            if where not in told:
                yield DocumentError(
                    f"The formula ${node['value']}$ is not valid TeX: {node.get('message', 'it cannot be read')}.",
                    where=where,
                )
        elif node.get("error") and where not in told:
            yield DocumentError(f"jupyter-book marked a {node['type']} as wrong: {node['error']}.", where=where)
        label = node.get("identifier") if node["type"] in LABELLED else None
        if label and node.get("label"):
            if label in seen:
                yield DocumentError(
                    f"The label '{node['label']}' is given twice; line {seen[label]} has it first.",
                    where=where,
                    hint="Rename one of the two.",
                )
            seen.setdefault(label, line)
