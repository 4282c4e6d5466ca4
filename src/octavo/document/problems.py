"""The log of jupyter-book, said in words: which file, which line, what is wrong, and the way out.

Its own lines name our staging folder, often lack the line, and come twice.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from octavo.document import front, written
from octavo.errors import DocumentError, RuleError, nearest
from octavo.model import Place

DIRECTIVES = ("result-figure", "result-table", "notes", "figure", "table", "math", "prf:theorem", "prf:algorithm")
ROLES = ("val", "cite:t", "cite:p", "eq", "numref", "ref", "sub", "sup")
# Those that are commonly given, to offer the nearest.
OPTIONS = {
    "result-figure": ("label", "width", "alt", "class"),
    "figure": ("label", "width", "height", "alt", "align", "class"),
    "image": ("width", "height", "alt", "align", "class"),
    "table": ("label", "align", "class"),
    "list-table": ("label", "header-rows", "align", "class"),
    "math": ("label",),
}
# Lines of the log that say nothing of the document, each with its reason.
NOISE = (
    (r"^Link text is empty for <#", "follows an unresolved reference, which is reported itself"),
    (r"^Link text is empty for <(doi:|https?://doi\.org/)?10\.", "follows a citation by DOI, which is reported itself"),
    (r"^Cross reference text is empty for <", "follows an unresolved reference"),
    (r"Cross reference .* not yet resolved", "follows an unresolved reference"),
    (r'^Math node is already labeled|^Cannot use "\\label', "octavo.document.written tells it, with its line"),
    (r"^Wrapping with \\begin\{align\*\}$", "octavo.mjs writes out the lines that are meant"),
    (
        r"^Linking \"\S+\" to an implicit heading reference",
        "it leads there; when the heading changes, it leads nowhere, which is told",
    ),
    (r"^'authors\.\d+' No given name for name ", "a name of one word is printed as it is"),
    (
        r"^'(?:frontmatter|authors|affiliations)\S*' extra keys? ignored",
        "the paper and the deck tell it, with the line",
    ),
)
DUPLICATE = re.compile(r"[Dd]uplicate identifier.*?\"(.+?)\"")
REMOTE = re.compile(r'Error saving image "(https?:.+?)"')
NO_EXTENSION = 'Unsupported image extension "<no extension>"'  # said of a remote image too, after REMOTE
UNREADABLE = re.compile(r"Error reading file: .*? at line (\d+)")


@dataclass(frozen=True)
class Sources:
    """Where a document lies, to name its files as the user knows them."""

    source: Path
    root: Path
    bibliography: Path | None

    @property
    def name(self) -> str:
        """The document's own file, from the root."""
        return self.source.relative_to(self.root).as_posix()

    @property
    def folder(self) -> str:
        """The document's folder, from the root."""
        return self.source.parent.relative_to(self.root).as_posix()

    def known(self, staged: str) -> str:
        """Return a name of the staging folder as the user's own."""
        if staged == "references.bib" and self.bibliography:
            return self.bibliography.relative_to(self.root).as_posix()
        return re.sub(r"^document/", f"{self.folder}/", staged)

    def text(self, name: str) -> str:
        """Return the text of a file, empty where there is none."""
        path = self.root / name
        return path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""

    def lines(self, name: str, *around: str) -> Iterator[tuple[str, int, str]]:
        """Yield file, number and text of every line of a file, then of the files that it includes, and they include."""
        text = self.text(name)
        # Not splitlines: it breaks lines at signs that the parser does not.
        yield from ((name, number, line) for number, line in enumerate(text.removesuffix("\n").split("\n"), 1))
        for included in re.findall(r"\{include\}\s+(\S+)(?!\s*\n\s*:(?:literal|lang|code):)", text):
            file = Path(os.path.normpath((self.root / name).parent / included))
            if file.is_file() and file.is_relative_to(self.root):
                other = file.relative_to(self.root).as_posix()
                if other not in (name, *around):
                    yield from self.lines(other, name, *around)

    def find(self, text: str, place: Place) -> str:
        """Return the file and line where a text stands, from a place on or in a file that is included there."""
        spots = [
            (f"{file}:{number}", here.strip() == text)
            for file, number, here in self.lines(place.file)
            if (file != place.file or number >= (place.line or 1)) and text in here
        ]
        if not place.line:  # what has no line of its own is a directive's text, which fills its lines
            spots.sort(key=lambda spot: not spot[1])
        return spots[0][0] if spots else str(place)

    def keys(self) -> list[str]:
        """Return the keys of the bibliography, as far as a look at its lines can tell."""
        text = self.text(self.known("references.bib")) if self.bibliography else ""
        return re.findall(r"^\s*@\w+\s*\{\s*([^,\s]+)", text, re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A line of the log: the user's file, the line in it, if it is told, and what is said."""

    file: str
    line: int | None
    message: str


# What people begin labels with, and hardly ever the keys of a bibliography.
LIKE_A_LABEL = re.compile(r"(fig|tab|tbl|eq|sec|lst|alg|thm|lem|app)[:_-]")


def labels_given_twice(log: str) -> set[str]:
    """Return the labels of which the log says that they are given twice."""
    return set(DUPLICATE.findall(log))


def of_log(log: str, sources: Sources, told: Iterable[str], shared: Collection[str] = ()) -> list[DocumentError]:
    """Return an error for every warning and error of the log that is no noise.

    ``told`` are messages that are reported otherwise; labels that are ``shared`` may stand twice.
    """
    lines = list(_lines(log, sources))
    skipped = set(told)
    broken = any(UNREADABLE.search(line.message) for line in lines)
    remote = any(REMOTE.search(line.message) for line in lines)
    problems = [
        _worded(line, sources)
        for line in lines
        if line.message not in skipped
        and not (broken and "Could not link citation" in line.message)
        and not (remote and line.message.startswith(NO_EXTENSION))
        and not ((twice := DUPLICATE.search(line.message)) and twice[1] in shared)
    ]
    return list({str(problem): problem for problem in problems}.values())


def _lines(log: str, sources: Sources) -> Iterator[Line]:
    place = re.compile(
        r"(\S+?\.(?:md|bib|yml|ipynb))(?:#\S+?)?(?::(\d+))?(?::\d+)?(?:-\d+)?(?::\d+)?:?\s+(.*)$"
    )  # file, part of the front matter, line, columns
    for text in log.splitlines():
        mark = re.match(r"\s*(?:⛔|⚠)\ufe0f?\s+(.*)$", text)
        if not mark:
            continue
        found = place.match(mark[1])
        message = found[3] if found else mark[1]
        if any(re.search(pattern, message) for pattern, _ in NOISE):
            continue
        file = sources.known(found[1]) if found else sources.name
        yield Line(file, int(found[2]) if found and found[2] else None, message.strip())


def _worded(line: Line, sources: Sources) -> DocumentError:
    """Turn a line of the log into a sentence with a way out."""
    for worded in (_reference, _syntax, _file, _network, _front, _formula, _heading):
        if error := worded(line, sources):
            return error
    hint = "Write it in another way; docs/reference.md lists what can be carried."
    return DocumentError(f"jupyter-book says: {line.message}", where=_at(line, sources), hint=hint)


def _reference(line: Line, sources: Sources) -> DocumentError | None:
    if found := re.search(r'Could not link citation with label "(.+?)"', line.message):
        return _uncited(found[1], line, sources, "Add it to the bibliography.")
    missing = r'No target for internal reference "#?(.+?)"|Cross reference target was not found: (\S+)'
    if found := re.search(missing, line.message):
        return _missing(found[1] or found[2], line, sources)
    if found := DUPLICATE.search(line.message):
        return _given_twice(found[1], line, sources)
    return None


def _uncited(key: str, line: Line, sources: Sources, otherwise: str) -> DocumentError:
    """Return the error for a citation of what is no work; ``@`` stands before labels too, and may have meant one."""
    labels = _all_labels(sources)
    near = nearest(key, [*sources.keys(), *labels])
    what, hint = f"The citation '{key}' is not in the bibliography.", near or otherwise
    is_label = LIKE_A_LABEL.match(key) and not near
    if is_label or (near and near == nearest(key, labels)):
        hint = near or f"If it is a figure, table, equation or section: give that the label '{key}'."
        what = f"'{key}' is neither a label of the document nor in its bibliography."
    elif not sources.bibliography:
        what = f"'{key}' is cited, but this document has no bibliography."
        hint = f'Name one in pyproject.toml, beside source = "{sources.name}": bibliography = "references.bib"'
    where = _at(line, sources, key)
    if not sources.bibliography:
        return DocumentError(what, where=where, hint=hint)
    return RuleError(what, rule="bib-citation-defined", where=where, hint=hint)


def _all_labels(sources: Sources) -> list[str]:
    return [label for _, _, text in sources.lines(sources.name) for label in _labels(text)]


def _missing(target: str, line: Line, sources: Sources) -> DocumentError:
    """Return the error for a reference that leads nowhere, with what may have become of its target."""
    target = unquote(target)  # an address, to the parser
    second = re.compile(rf"\\label\s*\{{\s*{re.escape(target)}\s*\}}")
    for file, number, text in sources.lines(sources.name):
        if second.search(text):
            return written.not_the_first(target, f"{file}:{number}")
    labels = _all_labels(sources)
    hint = nearest(target, labels) or "Give its target that label, or mend it."
    if target in labels:
        hint = "Something has this label, but could not be read: mend that first."
        if not target.isascii():
            hint = "Give both a label without accents: the parser does not find this one."
    return DocumentError(f"The reference '{target}' leads nowhere.", where=_at(line, sources, target), hint=hint)


def _syntax(line: Line, sources: Sources) -> DocumentError | None:
    if found := re.search(r"unknown (directive|role): (\S+)", line.message):
        known = ROLES if found[1] == "role" else DIRECTIVES
        hint = nearest(found[2], known) or "See docs/reference.md for what Octavo adds to MyST."
        return DocumentError(f"There is no {found[1]} '{found[2]}'.", where=_at(line, sources, found[2]), hint=hint)
    if found := re.search(r'unexpected option "(.+?)" provided(?: \(in (\S+)\))?', line.message):
        directive = f"directive '{found[2]}'" if found[2] else "directive"
        hint = nearest(found[1], OPTIONS.get(found[2] or "", ())) or "Mend the name, or take the line out."
        if found[1] in ("file", "url"):
            hint = "Type the rows below it; or record them as a table in a notebook, and show it: `{result-table}`."
        return DocumentError(
            f"The {directive} has no option '{found[1]}'.",
            where=_at(line, sources, found[1]),
            hint=hint,
        )
    if found := re.search(r"required body not provided for directive: (\S+)", line.message):
        return DocumentError(
            f"The directive '{found[1]}' has nothing in it.",
            where=_at(line, sources),
            hint="Write between its fences what it shows.",
        )
    if found := UNREADABLE.search(line.message):
        return DocumentError(
            "The bibliography cannot be read from here on.",
            where=f"{line.file}:{found[1]}",
            hint="Look at the entry before that line: a brace or a comma may be missing.",
        )
    return None


def _file(line: Line, sources: Sources) -> DocumentError | None:
    if found := re.search(r'Include Directive: "(.+?)" depends on itself', line.message):
        name = sources.known(found[1])
        return DocumentError(
            f"'{name}' includes itself, or what it includes does.",
            where=_at(line, sources, Path(name).name),
            hint="Take one of the includes out.",
        )
    if not (found := re.search(r'(Include Directive: Could not find|Cannot find image) "(.+?)"', line.message)):
        return None
    kind = "included file" if found[1].startswith("Include") else "image"
    folder = (sources.root / line.file).parent
    inside = (folder / found[2]).parent
    names = [p.name for p in sorted(inside.iterdir()) if p.name != Path(line.file).name] if inside.is_dir() else []
    near = nearest(Path(found[2]).name, names)
    return DocumentError(
        f"The {kind} '{found[2]}' does not exist.",
        where=_at(line, sources, found[2]),
        hint=near or f"Its path starts from {folder.relative_to(sources.root).as_posix()}/; mend it or add the file.",
    )


def _network(line: Line, sources: Sources) -> DocumentError | None:
    """What would be fetched: a work that is cited by its DOI, an image."""
    if found := re.search(r'Could not find DOI "(.+?)"', line.message):
        hint = "Add the work to the bibliography and cite its key: nothing is looked up while building."
        return _uncited(found[1], line, sources, hint)
    if found := REMOTE.search(line.message):
        return DocumentError(
            f"The image '{found[1]}' lies on the network, which is not used while building.",
            where=_at(line, sources, found[1]),
            hint="Save it beside the source and name that file.",
        )
    return None


def _front(line: Line, sources: Sources) -> DocumentError | None:
    """What is said of a key of the front matter, as ``authors.0.orcid``; the line is looked up."""
    if not (found := re.match(r"'([\w.-]+)' (.+?)(?: \(at \S+\))?$", line.message)):
        return None
    names = [name for name in found[1].split(".") if not name.isdigit()]
    lines = dict(reversed(front.keys(sources.text(line.file))))
    keys = [".".join(names), names[0], *(key for key in lines if key.endswith(f".{names[-1]}"))]
    where = next((f"{line.file}:{lines[key]}" for key in keys if key in lines), line.file)
    what, hint = f"'{names[-1]}' in the front matter: {found[2].rstrip('.')}.", ""
    if found[2] == "must be string":
        what = f"'{names[-1]}' in the front matter must be a text."
        hint = f'Put it between quotes, as {names[-1]}: "2024".'
        if entry := re.search(r"\.(\d+)$", found[1]):
            what = f"Entry {int(entry[1]) + 1} of '{names[-1]}' in the front matter must be a text."
            hint = 'Put it between quotes, as "2024".'
    elif date := re.match(r'non-standard date "(.+?)": interpreting date as "(.+?)"', found[2]):
        what, hint = f"'{date[1]}' is a date that not every format can read.", f"Write it as {date[2]}."
    elif both := re.match(r'both "(\w+)" and "(\w+)" were provided', found[2]):
        what = f"The front matter has both '{both[1]}' and '{both[2]}', which mean the same."
        where = f"{line.file}:{lines[both[2]]}" if both[2] in lines else where
    return DocumentError(
        what, where=where, hint=hint or "Mend it; docs/reference.md lists what the front matter takes."
    )


def _formula(line: Line, sources: Sources) -> DocumentError | None:
    """What KaTeX warns of in a formula: signs that it does not know, and what is replaced or left out."""
    if found := re.match(r'(?:unknownSymbol|unicodeTextInMathMode), .+? "(.)" ', line.message):
        name = unicodedata.name(found[1], "").lower()
        return DocumentError(
            f"A formula has the sign '{found[1]}' ({name}), which TeX does not know there.",
            where=_at(line, sources),
            hint=r"A minus is -, a prime ', an accent \hat{x}; words and letters with accents stand in \text{…}.",
        )
    if found := re.match(r"Replacing \\begin\{(\w+)\}", line.message):
        hint = "Write \\begin{align} with one & in front of each sign, or the lines alone between $$."
        return DocumentError(f"A formula has the environment '{found[1]}'.", where=_at(line, sources), hint=hint)
    return None


def _heading(line: Line, sources: Sources) -> DocumentError | None:
    """Levels of headings that are left out."""
    if not (found := re.match(r"missing heading depth (\d)", line.message)):
        return None
    depth = int(found[1])
    deeper = re.compile(rf"#{{{depth + 1},}}\s")
    spots = (f"{file}:{number}" for file, number, text in sources.lines(line.file) if deeper.match(text))
    return DocumentError(
        f"A heading skips a level: no heading has {'#' * depth} before it.",
        where=next(spots, line.file),
        hint="Take a # away from it and from those below it.",
    )


def _given_twice(label: str, line: Line, sources: Sources) -> DocumentError:
    spots = [f"{file}:{number}" for file, number, text in sources.lines(line.file) if label in _labels(text)]
    where = spots[1] if len(spots) > 1 else _at(line, sources, label)
    first = f"; {spots[0]} has it first" if len(spots) > 1 else ""
    return DocumentError(f"The label '{label}' is given twice{first}.", where=where, hint="Rename one of the two.")


def _labels(text: str) -> list[str]:
    """Return the labels that MyST text gives: ``(label)=``, ``:label: label``, ``{#label}``."""
    found = re.findall(r"^\s*\(([^()\s]+)\)=|^(?:[\s>]*:)?(?:label|name):\s*(\S+)|\{#([^\s}]+)", text, re.MULTILINE)
    return [next(filter(None, groups)) for groups in found]


def _at(line: Line, sources: Sources, name: str = "") -> str:
    """Return the file and line: where the name first stands as a word, from the log's line on or in an included file.

    jupyter-book gives the first line of what the name stands in, none at all, or an included file's under our name.
    """
    told = f"{line.file}:{line.line}" if line.line else line.file
    word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    for file, number, text in sources.lines(line.file) if name else ():
        if (file != line.file or number >= (line.line or 1)) and word.search(text):
            return f"{file}:{number}"
    return told
