"""What the parser leaves out of a text without a word, looked for in the lines as they were written."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from octavo.errors import DocumentError
from octavo.model import Place

Node = dict[str, Any]
Line = tuple[str, int, str]  # file, number, text

FENCE = re.compile(r"[\s>]*(?:(?:[-*+:]|\d+[.)])\s+)*(`{3,}|~{3,}|:{3,})\s*(.*?)\s*$")
NO_FENCE = re.compile(r"[\s>]*`{3,}(\{[A-Za-z][\w:-]*\})[^`]*`")  # a directive with a backtick in its first line
VERBATIM = ("code", "code-block", "code-cell", "sourcecode", "math", "mermaid", "raw", "literalinclude")
RULE = re.compile(r"(?=.*\|)\|?(\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?")  # the line beneath the header of a table
DEFINITION = re.compile(r"[\s>]*(?:[-*+]\s+)?\[\^([^\]\s]+)\]:")
# HTML within a line; a tag of it without its end loses the sign, and what it would have set apart.
PAIRED = "a abbr b cite code del dfn em font i ins kbd mark q s samp small span strong sub sup u var"
# HTML whose text the parser throws away: what it takes for a script or a form, or does not know.
DROPPED = re.compile(
    r"<(dialog|noembed|noframes|optgroup|option|script|select|style|svg|template|title)\b[^>]*>", re.IGNORECASE
)
# Code and formulas in a line, where nothing is read.
SET_APART = re.compile(r"(?<![`\\])(`+)(?!`).+?(?<!`)\1(?!`)|(?<![\\$])(\$\$?)(?!\$).*?(?<!\\)\2")
ALT = re.compile(r"[\s>]*:alt:\s")  # its text is taken as it is
TAG = re.compile(r"(?<!\\)<(?P<name>[A-Za-z][A-Za-z0-9-]*)(?P<rest>(?:\s[^<>]*)?)/?>")
# What else is read as HTML, or told otherwise.
HTML = """
    article aside audio blockquote br button caption center dd details dialog div dl dt figcaption figure form
    h1 h2 h3 h4 h5 h6 header hr iframe img input label li main nav noembed noframes ol optgroup option p pre
    script section select strike style summary svg table tbody td template textarea tfoot th thead title tr tt
    ul video wbr
"""
ATTRIBUTES = re.compile(r"(?:^\s{0,3}#{1,6}\s.*?\S\s*|\]\([^()\s]*\))(?P<typed>\{[#.][^{}`]*\})")
_ROLES = "val|cite|cite:[tp]|eq|numref|ref|sub|sup"
ROLE = re.compile(rf"\{{(?:{_ROLES})\}}[`'\w.]*")
OTHER_ROLE = re.compile(rf":(?:{_ROLES}):$")  # as reStructuredText has them
SPACED = re.compile(r"\[[^\[\]]*\]\(#[^()]*\)")  # a link whose address has a space: text to MyST
REFERENCE = re.compile(r"\[\^([^\]\s]+)\]")
# LaTeX where MyST is read: a command with an argument, or one that stands alone; brackets that open a formula there.
COMMAND = re.compile(
    r"\\(?:[A-Za-z]+\*?[{\[]|(?:LaTeX|TeX|newpage|clearpage|pagebreak|noindent|item|maketitle|appendix|par|hline|smallskip"
    r"|medskip|bigskip|hfill|vfill|centering|tableofcontents)(?![A-Za-z]))"
)
BRACKETED = re.compile(r"(?<![\\\w/])\\(?P<open>[(\[])(?P<tex>.+?)(?<!\\)\\[)\]]|^[\s>]*(?P<alone>\\\[)\s*$")
LABEL = re.compile(r"\\label\{([^}]+)\}")
CITE, REFER = "Cite with [@key] or @key.", "Refer with [](#label)."
INSTEAD = {
    "cite": CITE,
    "citet": CITE,
    "citep": CITE,
    "ref": REFER,
    "eqref": REFER,
    "autoref": REFER,
    "cref": REFER,
    "label": "Write (label)= on the line before.",
    "emph": "Write *…*.",
    "textit": "Write *…*.",
    "textbf": "Write **…**.",
    "texttt": "Write `…`.",
    "footnote": "Write [^name] here, and [^name]: … below.",
    "url": "Write <https://…>.",
    "href": "Write [words](https://…).",
    "begin": "MyST has Markdown and directives for it; a formula stands between $$.",
    "section": "Write # before it.",
    "subsection": "Write ## before it.",
    "item": "Begin it with a dash.",
}
ANYTHING_ELSE = "This is LaTeX: write it in MyST; as an example of code, between backticks."
# What no writer of text means to write: controls, separators of lines, marks of direction and of byte order.
CARRIED = "\t\u00ad\u200b\u200c\u200d"


class _Fence(NamedTuple):
    """A fence that is open: its marks, what stands behind them, where."""

    marks: str
    information: str
    where: str


def prose(lines: Iterable[Line], verbatim: Collection[str] = VERBATIM) -> Iterator[Line]:
    """Yield the lines that are parsed: without fences, and without what stands in a fence of code or ``verbatim``."""
    now = ""
    fences: list[_Fence] = []
    for file, number, text in lines:
        if file != now:
            now, fences = file, []
        if _is_read(text, fences, "", verbatim):
            yield file, number, text


def unclosed(lines: Iterable[Line]) -> Iterator[DocumentError]:
    """Yield an error for each fence that nothing closes, or another one does: what follows is not what was meant."""
    now = ""
    fences: list[_Fence] = []
    for file, number, text in lines:
        if file != now:
            yield from map(_left_open, fences)
            now, fences = file, []
        around = tuple(fences)
        _is_read(text, fences, f"{file}:{number}", broken=True)
        yield from _ended_early(text, f"{file}:{number}", around, fences)
    yield from map(_left_open, fences)


def _is_read(
    text: str, fences: list[_Fence], where: str, verbatim: Collection[str] = VERBATIM, broken: bool = False
) -> bool:
    """Whether a line is parsed: it is no fence, which is taken from or put to ``fences``, and stands in none of code.

    ``broken`` says that a directive with a backtick in its first line, which opens nothing, opens one too.
    """
    shut = bool(fences) and _is_verbatim(fences[-1], verbatim)
    found = FENCE.match(text)
    if found and fences and not found[2] and found[1].startswith(fences[-1].marks):
        fences.pop()
        return False
    if found and not shut and (found[1][0] == ":" or "`" not in found[2] or (broken and NO_FENCE.match(text))):
        fences.append(_Fence(found[1], found[2], where))
        return False
    return not shut


def _ended_early(text: str, where: str, around: Sequence[_Fence], fences: Sequence[_Fence]) -> Iterator[DocumentError]:
    """Yield an error where the parser ends a fence that is meant to go on: it heeds no other that stands in it.

    ``around`` are the fences that were open before the line, ``fences`` those behind it.
    """
    found = FENCE.match(text)
    opens, in_code = len(fences) > len(around), len(fences) == len(around)
    for outer in around if opens else around[:-1] if in_code else ():
        if found and found[1].startswith(outer.marks) and (opens or not found[2]):
            line = outer.where.rpartition(":")[2]
            what = f"'{outer.marks}{outer.information}' of line {line} would end with this one"
            yield DocumentError(
                f"{what}: its marks are no more." if opens else f"{what}, though it stands in code.",
                where=where,
                hint=f"Open and close the outer one with more: {found[1]}{found[1][0]}",
            )
            return


def _left_open(fence: _Fence) -> DocumentError:
    marks = fence.marks
    what = f"'{marks}{fence.information}' opens here and nothing closes it, so all that follows would stand in it."
    if marks[0] == ":" and not fence.information:
        what = f"'{marks}' closes nothing here."
    hint = f"Write {marks} on a line of its own where it ends; each one that stands in it needs its own end."
    return DocumentError(what, where=fence.where, hint=hint)


def invisible(lines: Iterable[Line]) -> Iterator[DocumentError]:
    """Yield an error for each line with a sign that is not to be seen and that some format cannot hold."""
    for file, number, text in lines:
        signs = (sign for sign in text if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp"))
        if sign := next((sign for sign in signs if sign not in CARRIED), ""):
            name = unicodedata.name(sign, "a control character").lower()
            before = text[: text.index(sign)].split()
            spot = f"after '{before[-1]}'" if before else "at the beginning of the line"
            yield DocumentError(
                f"An invisible sign stands {spot}: U+{ord(sign):04X}, {name}.",
                where=f"{file}:{number}",
                hint="It came with copied text. Delete the word and type it anew.",
            )


def latex(lines: Sequence[Line], nodes: Iterable[tuple[Node, Place]]) -> Iterator[DocumentError]:
    """Yield an error for each piece of LaTeX that MyST does not read: it came out as text."""
    told: set[tuple[str, str]] = set()
    for node, place in nodes:
        for typed, hint in _as_typed(node["value"]) if node["type"] == "text" else ():
            where = _found(lines, typed, place)
            if where and (typed, where) not in told:
                told.add((typed, where))
                yield DocumentError(f"'{typed}' would print as typed.", where=where, hint=hint)
    for file, number, text in lines:
        bare = SET_APART.sub(" ", text)
        if (found := BRACKETED.search(bare)) and _is_formula(found):
            hint = "A formula stands between dollars: $…$ in the line, $$…$$ on lines of its own."
            typed = f"\\{found['open'] or '['}"
            yield DocumentError(f"'{typed}' would print as typed.", where=f"{file}:{number}", hint=hint)


def _as_typed(text: str) -> Iterator[tuple[str, str]]:
    """Yield what of a text is LaTeX, and what to write instead."""
    for command in COMMAND.findall(text):
        yield command, INSTEAD.get(command.strip("\\{[*"), ANYTHING_ELSE)
    if "$$" in text:
        yield "$$", "A displayed formula has $$ at both ends, something between them, and no empty line."
    if found := re.search(r"~~[^\s~][^~]*~~", text):
        yield found[0], "Write {del}`…`."
    if re.search("(?<!`)``(?!`)", text):
        yield "``", 'Quotation marks are "…" or “…”; code stands between as many ` on both sides.'


def _found(lines: Sequence[Line], typed: str, place: Place) -> str:
    """Return where a text stands, from a place on; nothing where a backslash keeps it."""
    kept, bare = re.compile(rf"\\{re.escape(typed[0])}"), re.compile(rf"(?<!\\){re.escape(typed)}")
    after = [line for line in lines if line[0] == place.file and line[1] >= (place.line or 1)]
    for file, number, text in after:
        if bare.search(text):
            return f"{file}:{number}"
        if kept.search(text) and place.line:
            return ""
    return ""


def _is_verbatim(fence: _Fence, verbatim: Collection[str]) -> bool:
    directive = re.match(r"\{(\S+?)\}", fence.information)
    return directive[1] in verbatim if directive else fence.marks[0] != ":"


def labels(lines: Iterable[Line], nodes: Iterable[Node]) -> Iterator[DocumentError]:
    """Yield an error for each label in a formula that the parser takes out: all but the first, all within a line."""
    nodes = list(nodes)
    first = Counter(
        " ".join(str(node["label"]).split()) for node in nodes if node["type"] == "math" and node.get("label")
    )
    shown = "\n".join(node["value"] for node in nodes if node["type"] == "code")
    for file, number, text in prose(lines, [name for name in VERBATIM if name != "math"]):
        if text.lstrip().startswith("%") or (text.startswith(("    ", "\t")) and text.strip() in shown):
            continue
        bare = re.sub(r"(?<!\\)%.*|(`+).+?\1", "", text)
        within = [found.span() for found in SET_APART.finditer(bare) if found[2] == "$"]
        for found in LABEL.finditer(bare):
            label = " ".join(found[1].split())
            if any(start < found.start() < end for start, end in within):
                what = f"The label '{label}' stands in a formula within a line, which has no number."
                yield DocumentError(what, where=f"{file}:{number}", hint="Take it out, or set the formula between $$.")
            elif first[label] > 0:
                first[label] -= 1
            else:
                yield not_the_first(label, f"{file}:{number}")


def not_the_first(label: str, where: str) -> DocumentError:
    """Return the error for a second label of a formula."""
    return DocumentError(
        f"'{label}' is not the first label of its formula, which has one number.",
        where=where,
        hint="Refer to the first and take this one out, or make a formula of its own of each line that needs a number.",
    )


def overfull(lines: Iterable[Line]) -> Iterator[DocumentError]:
    """Yield an error for each row of a Markdown table that has more cells than the header: the parser drops them."""
    columns = 0  # of the table that the line before stands in
    before: Line = ("", 0, "")
    for line in lines:
        file, number, text = line
        bare = text.lstrip(" \t>").rstrip()
        if (file, number) != (before[0], before[1] + 1) or not bare:
            columns = 0
        elif columns and cells(bare) > columns:
            yield DocumentError(
                f"This row has {cells(bare)} cells, but the header of its table has {columns}.",
                where=f"{file}:{number}",
                hint="Give the header as many cells, or join some; a | inside a cell, even in code, is written \\|.",
            )
        elif not columns and RULE.fullmatch(bare):
            header = re.sub(r"^(?:[\s>]|[-*+]\s|\d+[.)]\s)+", "", before[2])
            columns = cells(bare) if cells(bare) in (cells(header), cells(before[2])) else 0
        before = line


def html(lines: Sequence[Line]) -> Iterator[DocumentError]:
    """Yield an error for each HTML tag whose text the parser would throw away, and for words that it takes for one."""
    displayed = False
    for index, (file, number, text) in enumerate(lines):
        bare = SET_APART.sub(" ", text)
        for found in DROPPED.finditer(re.sub(r"(`+).+?\1", "", text)):
            what = f"'{found[0]}' is HTML, and what stands in it would be left out."
            hint = "Write it in MyST; as an example of code, between backticks."
            yield DocumentError(what, where=f"{file}:{number}", hint=hint)
        for found in () if displayed or ALT.match(text) else TAG.finditer(bare):
            known = found["name"].lower() in (*PAIRED.split(), *HTML.split())
            words = not known or re.fullmatch(r"(?:\s+(?!open\b)\w+)+\s*", found["rest"])
            unclosed = not words and _unclosed(found, lines[index + 1 :])
            if words or unclosed:
                end = f" HTML needs its end, </{found['name']}>." if unclosed else ""
                what = f"'{found[0]}' would be taken for HTML and left out."
                hint = "Write \\< for the sign; code stands between backticks, a formula between dollars."
                yield DocumentError(what, where=f"{file}:{number}", hint=hint + end)
        displayed ^= bool(len(re.findall(r"(?<!\\)\$\$", text)) % 2)


def _unclosed(tag: re.Match[str], below: Sequence[Line]) -> bool:
    """Whether a tag within a line has no end in its paragraph."""
    if tag["name"].lower() not in PAIRED.split() or tag[0].endswith("/>"):
        return False
    rest = "\n".join([tag.string[tag.end() :], *takewhile(str.strip, (text for _, _, text in below))])
    begun, ended = (len(re.findall(rf"<{mark}{tag['name']}\b", rest, re.IGNORECASE)) for mark in ("", "/"))
    return ended <= begun


def attributes(lines: Iterable[Line]) -> Iterator[DocumentError]:
    """Yield an error for Pandoc's ``{#label .class}`` behind a heading or a picture: MyST prints it as typed."""
    for file, number, text in lines:
        if found := ATTRIBUTES.search(re.sub(r"(`+).+?\1", "", text)):
            hint = "Write (label)= on the line before a heading; a picture with a label is a `{figure}`."
            yield DocumentError(f"'{found['typed']}' would print as typed.", where=f"{file}:{number}", hint=hint)


def roles(node: Node) -> Iterator[str]:
    """Yield each role in a node that the parser took for none, as typed: no backtick follows it, or none ends it."""
    children = node.get("children") or []
    for number, child in enumerate(children, 1):
        if child["type"] != "text":
            continue
        yield from (found[0] for found in ROLE.finditer(child["value"]))
        before_code = number < len(children) and children[number]["type"] == "inlineCode"
        if before_code and (found := OTHER_ROLE.search(child["value"])):
            yield found[0]


def spaced(text: str) -> str:
    """Return the first link in a text that is none, or nothing."""
    found = SPACED.search(text)
    return found[0] if found else ""


def fences(lines: Iterable[Line]) -> Iterator[DocumentError]:
    """Yield an error for each directive that is none: a fence of backticks ends at the next backtick of its line."""
    for file, number, text in lines:
        if found := NO_FENCE.match(text):
            what = (
                f"'{found[1]}' is no directive here: its first line has another backtick, and all would print as typed."
            )
            hint = "Open it with ::: instead of ```, and close it so."
            yield DocumentError(what, where=f"{file}:{number}", hint=hint)


def cells(row: str) -> int:
    """Return the number of cells of a row as the parser splits it: code does not shield a ``|``."""
    found = re.split(r"(?<!\\)\|", row.strip())
    return len(found[found[0] == "" : len(found) - (len(found) > 1 and found[-1] == "")])


def footnotes(scopes: Iterable[tuple[Iterable[Line], Iterable[Node]]]) -> Iterator[DocumentError]:
    """Yield an error for each footnote without a reference or given twice, and each reference without a footnote.

    A scope is lines and the nodes made of them: the parser looks for a footnote of the abstract in the abstract alone.
    """
    first: dict[str, str] = {}
    for lines, nodes in scopes:
        referred, texts = _references(nodes)
        for file, number, text in lines:
            found = DEFINITION.match(text)
            if found:
                yield from _definition(found[1], f"{file}:{number}", referred, first)
            for label in _typed(text[found.end() :] if found else text):
                if label.casefold() in texts:
                    hint = f"Write `[^{label}]: …` below."
                    yield DocumentError(f"The footnote '{label}' has no text.", where=f"{file}:{number}", hint=hint)


def _references(nodes: Iterable[Node]) -> tuple[set[str], set[str]]:
    """Return the labels of the references to footnotes, and of those that the parser left in the text as typed."""
    referred, texts = set(), set()
    for node in nodes:
        if node["type"] == "footnoteReference":
            referred.add(str(node["label"]).casefold())
        elif node["type"] == "text":
            texts |= {label.casefold() for label in REFERENCE.findall(node["value"])}
    return referred, texts


def _definition(name: str, where: str, referred: set[str], first: dict[str, str]) -> Iterator[DocumentError]:
    label = name.casefold()
    if label in first:
        yield DocumentError(
            f"The footnote '{name}' is given twice; {first[label]} has it first.",
            where=where,
            hint="Rename one of the two.",
        )
    elif label not in referred:
        yield DocumentError(
            f"Nothing refers to the footnote '{name}', so it would be left out.",
            where=where,
            hint=f"Write [^{name}] where it belongs, or take it out.",
        )
    first.setdefault(label, where)


def _typed(text: str) -> list[str]:
    """Return the labels of the footnote references in a line, code and escaped brackets aside."""
    return re.findall(r"(?<!\\)\[\^([^\]\s]+)\]", re.sub(r"(`+).+?\1", "", text))


def _is_formula(bracket: re.Match[str]) -> bool:
    """Return whether escaped brackets hold TeX, and no words, note or citation."""
    inner = (bracket["tex"] or "").strip()
    sign = re.search(r"\\[A-Za-z]|[\^_=<>+]", inner) or (
        re.fullmatch(r"[A-Za-z]\d?", inner) and inner.lower() not in "crp"
    )
    return bool(bracket["alone"] or (sign and inner[0] not in "^@"))
