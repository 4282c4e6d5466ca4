"""What a manuscript has, counted from its text as it was typed, by nothing of Octavo's: a small reader of our own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DISPLAY = re.compile(
    r"\$\$.*?\$\$(?:\s*\((?P<label>[^)\s]+)\))?|```\{math\}.*?```|^\\begin\{(\w+\*?)\}.*?^\\end\{\2\}", re.S | re.M
)
# A number alone, as `$1$`, is no formula to MyST, but the number.
INLINE = re.compile(r"(?<![\\$])\$(?!\$)([^$]+?)\$(?!\d)|\{math\}`([^`]+)`")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
STATEMENT = re.compile(r"^(?::{3,}|`{3,})\{prf:(\w+)\}", re.M)
CODE = re.compile(r"^(?P<fence>`{3,})(?:\{code[\w-]*\} *\w*|\w+)\n.*?^(?P=fence)$", re.S | re.M)


@dataclass(frozen=True)
class Source:
    """The whole text of a manuscript, its includes in their places."""

    front: str
    text: str

    @property
    def prose(self) -> str:
        """The text without listings."""
        return CODE.sub("", self.text)

    @property
    def displays(self) -> int:
        """How many display formulas there are, in the front matter as well."""
        return len(DISPLAY.findall(self.prose)) + len(DISPLAY.findall(self.front))

    @property
    def formulas(self) -> int:
        """How many formulas there are."""
        parts = (self.prose, *_texts_of(self.front))
        inline = [a or b for part in parts for a, b in INLINE.findall(DISPLAY.sub("", part))]
        return self.displays + sum(not NUMBER.fullmatch(formula) for formula in inline)

    @property
    def numbered(self) -> int:
        """How many display formulas have a number."""
        starred = re.findall(r"^\\begin\{\w+\*\}|^:enumerated: false|\\begin\{align\*\}", self.prose, re.M)
        return self.displays - len(starred)

    @property
    def statements(self) -> dict[str, int]:
        """How many theorems there are, and others of their kind."""
        kinds = STATEMENT.findall(self.text)
        return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}

    @property
    def headings(self) -> int:
        """How many headings there are."""
        return len(re.findall(r"^#{1,6} ", self.prose, re.M))

    @property
    def footnotes(self) -> int:
        """How many footnotes there are."""
        return len(re.findall(r"^\[\^[^\]]+\]:", self.text, re.M))

    @property
    def grouped(self) -> list[str]:
        """The figures that have panels: others inside, or several pictures."""
        outer = re.findall(r"^::::\{figure\}.*?^::::$", self.text, re.S | re.M)
        pictures = [each for each in re.findall(r"^:::\{figure\}\n.*?^:::$", self.text, re.S | re.M) if "\n![" in each]
        return outer + pictures

    @property
    def panels(self) -> int:
        """How many panels figures have."""
        return sum(len(re.findall(r"^:::\{(?:result-)?figure\}|^!\[", each[4:], re.M)) for each in self.grouped)

    @property
    def figures(self) -> int:
        """How many numbered figures there are."""
        opened = re.findall(r"^(?::{3,}|`{3,})\{(?:result-)?figure\}", self.text, re.M)
        inner = re.findall(r"^:::\{(?:result-)?figure\}", "".join(each[4:] for each in self.grouped), re.M)
        return len(opened) - len(inner)

    @property
    def tables(self) -> int:
        """How many tables have a caption."""
        return len(re.findall(r"^(?::{3,}|`{3,})\{(?:table|list-table|csv-table)\} *\S", self.text, re.M))

    @property
    def listings(self) -> int:
        """How many listings have a caption."""
        return len(re.findall(r"^```\{code[\w-]*\}[^\n]*\n(?::\w+:[^\n]*\n)*?:caption:", self.text, re.M))

    @property
    def cited(self) -> set[str]:
        """The keys of all works that are cited."""
        whole = self.prose + self.front
        keys = re.findall(r"(?<![\w@.`<])@([a-z]+\d{4})\b", whole)
        roles = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", whole)
        return {*keys, *(key.strip() for role in roles for key in re.split("[,;]", role))}

    @property
    def targets(self) -> set[str]:
        """The labels that are referred to."""
        links = re.findall(r"\]\(#([^)\s]+)\)", self.prose)
        # `@fig-both [b]` refers to the panel.
        ats = re.findall(r"(?<![\w@.`<])@((?:fig|tab|sec|eq|th|lst|alg)[:-][\w:-]+\w)\b(?! \[\w\])", self.prose)
        roles = re.findall(r"\{(?:numref|ref|eq|prf:ref)\}`(?:[^`<]*<)?([^`>]+)>?`", self.prose)
        return {*links, *ats, *roles}


def _texts_of(front: str) -> list[str]:
    """Return the texts of the front matter that are MyST."""
    return re.findall(r"^ *(?:abstract|data_availability|acknowledgments): \|\n((?:(?: {2,}.*)?\n)+)", front, re.M)


def read(folder: Path) -> Source:
    """Read the manuscript in a folder."""
    whole = (folder / "paper/paper.md").read_text(encoding="utf-8")
    _, front, text = re.split(r"^---$", whole, maxsplit=2, flags=re.M)
    return Source(front, re.sub(r"^%.*\n", "", _whole(text, folder), flags=re.M))


def _whole(text: str, folder: Path) -> str:
    """Return a text with what it includes, and what that includes, in its place."""
    return re.sub(
        r"^```\{include\} (\S+)\n```$",
        lambda found: _whole((folder / "paper" / found[1]).read_text(encoding="utf-8"), folder),
        text,
        flags=re.M,
    )


def entries(folder: Path) -> set[str]:
    """Return the keys of the bibliography."""
    return set(re.findall(r"^@\w+\{([^,]+),", (folder / "bib/references.bib").read_text(encoding="utf-8"), re.M))
