"""Names beyond ASCII reach BibTeX as commands of TeX: it cuts initials by bytes."""

from __future__ import annotations

import pytest

from octavo.paper.writers.names import spelled


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Émile Şahin", r"{\'E}mile {\c S}ahin"),
        ("Łucja Dąbrowska", r"{\L}ucja D{\k a}browska"),
        ("Søren Þórsson", r"S{\o}ren {\TH}{\'o}rsson"),
        ("Yılmaz and Ğ", r"Y{\i}lmaz and {\u G}"),
        ("E\u0301mile", r"{\'E}mile"),
        (r"{\'E}mile {van der Meer}", r"{\'E}mile {van der Meer}"),
        ("Чехов, Жан-Поль", r"{\relax Ч}ехов, {\relax Ж}ан-{\relax П}оль"),
        ("Άλλος, Ώ.", r"{\relax Ά}λλος, {\relax Ώ}."),
        ("王, 小明 and {홍길동}", r"{\relax 王}, {\relax 小明} and {{\relax 홍길동}}"),
    ],
)
def test_letters_become_commands_and_what_is_none_stays(name: str, expected: str) -> None:
    """Accents, letters of their own, loose accents; what BibTeX would cut in other scripts is one letter to it."""
    assert spelled(f"@misc{{a, author = {{{name}}}, title = {{Émile}}}}") == (
        f"@misc{{a, author = {{{expected}}}, title = {{Émile}}}}"
    )


def test_every_other_byte_of_a_bibliography_stays() -> None:
    """Quotation marks, fields in any order, comments, addresses with letters: only names are spelled."""
    text = (
        '% author = É\n@misc{k,\n  Editor="Ødegård, {É}",\n  url = {https://example.org/é},\n  note = {author = x}\n}\n'
    )
    made = spelled(text)
    assert made == text.replace("Ødegård, {É}", r"{\O}deg{\r a}rd, {{\'E}}")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("title = {R & D at 50% of a_b #1}", r"title = {R \& D at 50\% of a\_b \#1}"),
        (r"title = {R \& D, \_ and $x_1$}", r"title = {R \& D, \_ and $x_1$}"),
        ("url = {https://example.org/a_b%20c?x=1&y#z}", "url = {https://example.org/a_b%20c?x=1&y#z}"),
        (r"note = {At \url{https://example.org/a_b%20}, a_b}", r"note = {At \url{https://example.org/a_b%20}, a\_b}"),
        ('publisher = "A & B"', r'publisher = "A \& B"'),
    ],
)
def test_signs_that_latex_takes_for_commands_are_spelled(field: str, expected: str) -> None:
    """BibTeX hands them on: & stops LaTeX, and what stands behind a % is lost on the page."""
    comment = f"@comment{{{field}}}"
    assert (
        spelled(f"@misc{{a, author={{N}}, {field}}}\n{comment}") == f"@misc{{a, author={{N}}, {expected}}}\n{comment}"
    )


def test_what_the_other_formats_read_of_biblatex_bibtex_reads_too() -> None:
    """Its names of fields; a work without authors is cited by its title, not by three letters of its key."""
    text = "@online{a, title={A & B}, journaltitle={J}, date={2019-05}}\n@book{b, title={C}, editor={D}, year=2001}"
    assert spelled(text, labelled=True) == (
        r"@online{a, journal = {J}, year = {2019}, author = {{A \& B}}, journaltitle={J}, date={2019-05}}"
        "\n@book{b, booktitle = {C}, title={C}, editor={D}, year=2001}"
    )
    assert spelled('@misc{a, title="T"}', labelled=True) == "@misc{a, year = {n.d.}, author = {{T}}}"
    assert spelled("@misc{a, title={T}}") == "@misc{a, key = {T}, title={T}}"
