"""What an output says, read back: letters with their looks, and questions that every output answers in its own way."""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

Fact = tuple[str, ...]  # of a formula: ("sup", "u", "2"), ("frac", "j", "k"), ("rows", "a|b", "c|d")


@dataclass(frozen=True)
class Letter:
    """A letter with its looks (bold, italic, mono, small capitals, sub, sup, underlined, struck).

    ``within`` are the names of what it stands in, ``link`` is the address outside that it leads to, ``goal`` the place
    inside; ``line`` is the same for letters of one line. ``box`` is left, top, right and bottom in points, on ``page``.
    """

    text: str
    looks: frozenset[str] = frozenset()
    within: tuple[str, ...] = ()
    link: str = ""
    goal: str = ""
    line: int = 0
    colour: str = ""
    page: int = 0
    box: tuple[float, float, float, float] = (0, 0, 0, 0)


class Missing(Exception):
    """A text that an output should have, and has not."""


def squash(text: str) -> str:
    """Return a text without white space, with plain letters for those of formulas."""
    made = unicodedata.normalize("NFKC", text.replace("\u02c6", "^").replace("\u02dc", "~"))
    return "".join(made.split()).replace("\u2212", "-").replace("\u00ad", "").replace("\ufffe", "")


class Reading(ABC):
    """One output, read. A piece of text is asked for by words that stand in the output once, or its last time."""

    def __init__(self, letters: Sequence[Letter]) -> None:
        self.letters: list[Letter] = []
        said: list[str] = []
        for letter in letters:
            plain = squash(letter.text)
            said.append(plain)
            self.letters += [letter] * len(plain)
        self.text = "".join(said)

    def find(self, piece: str) -> list[Letter]:
        """Return the letters of a piece; of several the last. Raises Missing."""
        plain = squash(piece)
        at = self.text.rfind(plain)
        if at < 0:
            raise Missing(piece)
        return self.letters[at : at + len(plain)]

    def says(self, *pieces: str) -> bool:
        """Whether all pieces are there, in this order."""
        at = 0
        for piece in pieces:
            found = self.text.find(squash(piece), at)
            if found < 0:
                return False
            at = found + 1
        return True

    def looks(self, piece: str) -> frozenset[str]:
        """Return the looks that all letters of a piece have."""
        return frozenset.intersection(*(letter.looks for letter in self.find(piece)))

    def link(self, piece: str) -> str:
        """Return the address outside that a piece leads to."""
        (found, *others) = {letter.link for letter in self.find(piece)}
        return found if not others else ""

    def within(self, piece: str) -> tuple[str, ...]:
        """Return the names of what a piece stands in."""
        return self.find(piece)[0].within

    def apart(self, before: str, after: str) -> bool:
        """Whether a piece begins a line after another."""
        return self.find(before)[-1].line != self.find(after)[0].line

    def colours(self, piece: str) -> int:
        """Return how many colours, or kinds of words, a listing shows."""
        return len({letter.colour for letter in self.find(piece)})

    def named(self, piece: str, whole: str = "") -> bool:
        """Whether a piece, which begins ``whole``, stands out as the name of what follows: bold, or an element."""
        found = self.find(whole or piece)[: len(squash(piece))]
        return all("bold" in letter.looks or set(letter.within) & {"in=label", "in=term"} for letter in found)

    def below(self, note: str, cell: str) -> bool:
        """Whether a note stands after the last cell of its table, and outside of its caption."""
        at = [self.text.rfind(squash(piece)) for piece in (cell, note)]
        return 0 <= at[0] < at[1]

    @abstractmethod
    def leads(self, piece: str, openers: Sequence[str]) -> str:
        """Return which of the ``openers`` stands first where a piece leads to."""

    @abstractmethod
    def heading(self, piece: str) -> int:
        """Return the level of a heading, 0 for what is none."""

    @abstractmethod
    def marker(self, piece: str) -> str:
        """Return what opens an item of a list: its number, its box, or a bullet."""

    @abstractmethod
    def deeper(self, inner: str, outer: str) -> bool:
        """Whether an item stands in the list of another, or a line is indented more."""

    @abstractmethod
    def quoted(self, piece: str) -> bool:
        """Whether a piece is set off as a quotation."""

    @abstractmethod
    def boxed(self, piece: str) -> bool:
        """Whether a piece is set off as an admonition."""

    @abstractmethod
    def ruled(self, above: str, below: str) -> bool:
        """Whether a rule stands between two pieces."""

    @abstractmethod
    def note(self, piece: str) -> str:
        """Return the footnote whose mark follows a piece."""

    @abstractmethod
    def aligned(self, cells: Sequence[str]) -> str:
        """Return how the cells of a column are aligned: left, right, center."""

    @abstractmethod
    def spans(self, header: str, cells: Sequence[str]) -> bool:
        """Whether a header stands over just these columns."""

    @abstractmethod
    def rules(self, first: str, last: str) -> int:
        """Return how many rules a table has, from its first header to its last cell."""

    @abstractmethod
    def beside(self, left: str, right: str) -> bool:
        """Whether two panels stand side by side."""

    @abstractmethod
    def wide(self, piece: str) -> bool:
        """Whether a float stands over both columns."""

    @abstractmethod
    def pictures(self, caption: str) -> str:
        """Return what the picture above a caption shows: drawn, square, or nothing."""

    @abstractmethod
    def alternative(self, caption: str) -> str:
        """Return the alternative text of the picture of a caption."""

    @abstractmethod
    def facts(self, formula: str, facts: Sequence[Fact]) -> list[Fact]:
        """Return which facts are true of the formula whose letters are ``formula``, a pattern, in the PDF."""

    @abstractmethod
    def number(self, formula: str) -> str:
        """Return the number of a display formula, given by a pattern."""

    def references(self) -> int:
        """Return how many links lead to places inside, footnotes apart; one in two pieces is one."""
        found, last, gap = 0, "", 0
        for letter in self.letters:
            goal = "" if re.match("note-|fn", letter.goal) else letter.goal
            if goal and (goal != last or gap > 3):
                found += 1
            gap = 0 if goal else gap + 1
            last = goal or last
        return found

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """Return how many formulas, figures, tables, footnotes and works there are, as far as the output tells."""

    @abstractmethod
    def told(self, name: str) -> str:
        """Return what the file says of itself: its title, author, language, keywords."""
