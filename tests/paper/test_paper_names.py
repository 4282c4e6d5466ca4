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
    assert spelled(f"@book{{a, author = {{{name}}}, title = {{Émile}}}}") == (
        f"@book{{a, author = {{{expected}}}, title = {{Émile}}}}"
    )


def test_every_other_byte_of_a_bibliography_stays() -> None:
    """Quotation marks, fields in any order, comments, addresses with letters: only names are spelled."""
    text = (
        '% author = É\n@misc{k,\n  Editor="Ødegård, {É}",\n  url = {https://example.org/é},\n  note = {author = x}\n}\n'
    )
    made = spelled(text)
    assert made == text.replace("Ødegård, {É}", r"{\O}deg{\r a}rd, {{\'E}}")
