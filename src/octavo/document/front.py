"""The front matter as it was written: every key with its line, and what nobody reads as MyST there.

The parser keeps neither the lines nor the keys that it renames, and a role or a citation in a title prints as typed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from octavo.errors import DocumentError, OctavoError, nearest, raise_all

if TYPE_CHECKING:
    import yaml

BLOCK = re.compile(r"---[ \t]*\n(.*?)\n---[ \t]*(\n|$)", re.DOTALL)
ROLE = re.compile(r"\{[A-Za-z][\w:.+-]*\}`[^`]*`?")
CITATION = re.compile(r"\[-?@[^\]]*\]?|(?<![\w@.\\])@[A-Za-z_][\w:-]*")
# Keys whose texts are parsed, or are no texts.
PARSED = ("abstract", "data_availability", "acknowledgments", "acknowledgements", "parts", "math")
AFFILIATIONS = ("affiliations", "affiliation")
# Keys with keys inside that print or do not; mystmd takes the singular too.
INSIDE = {
    "parts": "parts",
    "author": "authors",
    "authors": "authors",
    "affiliation": "affiliations",
    "affiliations": "affiliations",
    "funding": "funding",
}


def check(text: str, name: str) -> None:
    """Raise DocumentError if the text does not begin with valid front matter that has a title."""
    import yaml

    found = BLOCK.match(text)
    if not found and re.match(r"---[ \t]*\n", text):
        raise DocumentError(
            "The front matter has no end.", where=f"{name}:1", hint="Write --- on a line of its own below it."
        )
    if not found:
        raise DocumentError(
            "The front matter is missing.", where=f"{name}:1", hint="Begin the file with ---, title: …, ---."
        )
    try:
        data = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        raise _invalid(error, name) from error
    if not isinstance(data, dict) or not data.get("title"):
        raise DocumentError("The front matter has no title.", where=f"{name}:1", hint="Add the line: title: ….")
    raise_all([*_faults(_root(text), name), *_commented(_root(text), found[1].split("\n"), name)])


def _invalid(error: yaml.YAMLError, name: str) -> DocumentError:
    """Return the error for front matter that is no YAML. A quote without an end is told where it opens."""
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or "it cannot be read"
    hint = "Look at that line and the one before: a text with a colon needs quotes."
    if getattr(error, "context", None) == "while scanning a quoted scalar":
        mark = getattr(error, "context_mark", None) or mark
        reason, hint = "a quote opens here and has no end", "Close it, or write the text without quotes."
    line = mark.line + 2 if mark else 1  # the mark counts from 0, and the first line is ---
    return DocumentError(f"The front matter is not valid YAML: {reason}.", where=f"{name}:{line}", hint=hint)


def _commented(root: yaml.MappingNode | None, lines: Sequence[str], name: str) -> Iterator[DocumentError]:
    """Yield an error for each text without quotes that YAML ends at a sign that is hardly meant as a comment: #1."""
    for scalar in _scalars(root):
        line, column = scalar.end_mark.line, scalar.end_mark.column
        if not scalar.style and line < len(lines) and (found := re.match(r"\s+(#\S.*)", lines[line][column:])):
            yield DocumentError(
                f"What begins with '#' is a comment to YAML, and would be lost: {found[1].strip()}.",
                where=f"{name}:{line + 2}",
                hint="Put the whole text between single quotes, '…'; in a comment, a space stands behind the #.",
            )


def _faults(root: yaml.MappingNode | None, name: str) -> Iterator[OctavoError]:
    """Yield an error for what the parser stops at without a line: keys given twice, numbers for texts, bare macros."""
    seen: set[tuple[str, str]] = set()
    for path, key, value in _pairs(root, ""):
        where = f"{name}:{key.start_mark.line + 2}"
        if (path, key.value) in seen:
            yield DocumentError(f"The key '{key.value}' is given twice.", where=where, hint="Take one of the two out.")
        elif path == "math" and not key.value.startswith("\\"):
            hint = f"Write '\\{key.value}': it is used as \\{key.value} in formulas."
            yield DocumentError(f"The macro '{key.value}' has no backslash.", where=where, hint=hint)
        elif path == "math" and not re.fullmatch(r"\\[A-Za-z]+", key.value):
            what = f"The macro '{key.value}' would be another sign of TeX's, or could not be used."
            yield DocumentError(what, where=where, hint="Its name is a backslash and letters, as '\\E'.")
        elif path.startswith("authors") and value.tag.endswith((":int", ":float")):
            hint = f'Put it between quotes: {key.value}: "{value.value}".'
            yield DocumentError(f"'{key.value}' is a number here, and must be a text.", where=where, hint=hint)
        elif key.value == "orcid" and path.startswith("author") and not _is_orcid(str(value.value)):
            hint = "Copy it from orcid.org: four groups of four digits, of which the last may be an X."
            yield DocumentError(f"'{value.value}' is no ORCID iD.", where=where, hint=hint)
        seen.add((path, key.value))


def length(text: str) -> int:
    """Return the number of lines of the front matter."""
    found = BLOCK.match(text)
    return found[0].count("\n") if found else 0


def keys(text: str) -> tuple[tuple[str, int], ...]:
    """Return every key of the front matter with its line; those of an author as ``authors.email``."""
    return tuple(_keys(_root(text), ""))


def unread(text: str, name: str) -> Iterator[DocumentError]:
    """Yield an error for each role and citation in a text of the front matter that is not parsed."""
    root = _root(text)
    for key, value in root.value if root else ():
        if key.value in PARSED:
            continue
        for scalar in _scalars(value):
            if found := typed(scalar.value):
                yield DocumentError(
                    f"'{found}' in '{key.value}' would print as typed.",
                    where=f"{name}:{scalar.start_mark.line + 2}",
                    hint="Say it in words: only abstract, data_availability and acknowledgments are MyST.",
                )


def misspelt(text: str, name: str) -> Iterator[DocumentError]:
    """Yield an error for each author's affiliation that is no id, and looks like one: it would print as a name."""
    tops = {key.value: value for key, value in root.value} if (root := _root(text)) else {}
    given = [entry for key in AFFILIATIONS for entry in _entries(tops.get(key))]
    ids = [value.value for entry in given for key, value in _items(entry) if key.value == "id"]
    names = [value.value for entry in given for key, value in _items(entry) if key.value == "name"]
    for author in (entry for key in ("authors", "author") for entry in _entries(tops.get(key))):
        for named in (entry for key, value in _items(author) if key.value in AFFILIATIONS for entry in _entries(value)):
            written = str(named.value) if isinstance(named.value, str) else ""
            near = nearest(written.casefold(), [i.casefold() for i in ids]) if written not in (*ids, *names) else ""
            if near and not re.search(r"\s", written):  # a name of several words is no id
                hint = f"{near} An affiliation of that name is written as `- name: {written}`."
                where = f"{name}:{named.start_mark.line + 2}"
                yield DocumentError(f"No affiliation has the id '{written}'.", where=where, hint=hint)


def _entries(node: Any) -> list[Any]:
    """Return the entries of a list of YAML; anything else is one, and nothing is none."""
    import yaml

    return list(node.value) if isinstance(node, yaml.SequenceNode) else [node] if node is not None else []


def _items(node: Any) -> list[Any]:
    """Return the keys and values of a mapping of YAML; of anything else, none."""
    import yaml

    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def typed(text: str) -> str:
    """Return the first role or citation that stands in a text, or nothing."""
    found = ROLE.search(text) or CITATION.search(text)
    return found[0] if found else ""


def refused(
    written: Sequence[tuple[str, int]], allowed: Collection[str], file: str, document: str
) -> Iterator[DocumentError]:
    """Yield an error for each key of the front matter of which no output of the document shows anything."""
    for key, line in written:
        if key not in allowed:
            group, _, name = key.rpartition(".")
            known = [other.rpartition(".")[2] for other in allowed if other.rpartition(".")[0] == group]
            near = nearest(name, known) or (f"It shows: {', '.join(known)}." if known else "")
            yield DocumentError(
                f"The {document} has no place for '{key}' of the front matter.",
                where=f"{file}:{line}",
                hint=f"{near} Take it out, or write it in the text.".strip(),
            )


def _root(text: str) -> yaml.MappingNode | None:
    import yaml

    found = BLOCK.match(text)
    node = yaml.compose(found[1], Loader=yaml.SafeLoader) if found else None
    return node if isinstance(node, yaml.MappingNode) else None


def _keys(node: Any, group: str) -> Iterator[tuple[str, int]]:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _keys(item, group)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        yield f"{group}.{key.value}" if group else str(key.value), key.start_mark.line + 2
        if key.value in INSIDE and group != "parts":
            yield from _keys(value, INSIDE[key.value])


def _is_orcid(text: str) -> bool:
    """Return whether the last sign is the sum of the others, as ISO 7064 has it."""
    found = re.search(r"(\d{4})-?(\d{4})-?(\d{4})-?(\d{3})([\dX])/?$", text.strip())
    total = 0
    for digit in "".join(found.groups()[:4]) if found else ():
        total = (total + int(digit)) * 2
    return bool(found and "0123456789X"[(12 - total % 11) % 11] == found[5])


def _pairs(node: Any, path: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield every key with its value and the path to it; the entries of a list are told apart."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _pairs(item, f"{path}.{number}")
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield path, key, value
            yield from _pairs(value, f"{path}.{key.value}" if path else str(key.value))


def _scalars(node: Any) -> Iterator[yaml.ScalarNode]:
    import yaml

    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _scalars(value)
