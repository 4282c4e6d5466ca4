"""Formulas in words: what a screen reader says of them in the PDFs."""

from __future__ import annotations

import pytest

from octavo.document import mathml, speech


def math(inside: str) -> str:
    """Return a formula as mystmd leaves it."""
    return f'<span><math xmlns="http://www.w3.org/1998/Math/MathML">{inside}</math></span>'


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<msup><mi>x</mi><mn>2</mn></msup><mn>1</mn>", "x squared 1"),
        ("<msup><mi>x</mi><mrow><mn>21</mn></mrow></msup>", "x super 21"),
        ("<msub><mi>x</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub><mi>k</mi>", "x sub i j end sub k"),
        (
            "<mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mi>c</mi></mrow></mfrac>",
            "fraction a over b plus c end fraction",
        ),
        ("<msqrt><mi>X</mi></msqrt>", "square root of capital X end root"),
        ("<mo>⊥</mo><mtext>\u2009\u2063</mtext><mo>⊥</mo>", "is independent of"),
        ("<mo>⊥\u0338</mo><mo>⊥</mo>", "is not independent of"),
        ("<mi>∥</mi><mi>x</mi><mi>∥</mi>", "double bar x double bar"),
        ("<mi>Y</mi><mo>∣</mo><mi>X</mi>", "capital Y given capital X"),
        ("<mo>{</mo><mi>x</mi><mo>∣</mo><mi>y</mi><mo>}</mo>", "open brace x such that y close brace"),
        ('<mi mathvariant="normal">A</mi><mi mathvariant="normal">T</mi>', "AT"),
        ('<mi mathvariant="double-struck">E</mi>', "double-struck capital E"),
        ("<mi>𝔼</mi><mi>ℎ</mi>", "double-struck capital E h"),
        ("<mi>ε</mi><mi>ϵ</mi><mi>Ω</mi>", "variant epsilon epsilon capital omega"),
        ('<mover accent="true"><mi>τ</mi><mo>^</mo></mover>', "tau hat"),
        ("<munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover><mi>i</mi>", "sum from i to n of i"),
        ("<mn>1794.34</mn>", "1794.34"),
        ("<mn>1000</mn><msup><mn>0</mn><mi>a</mi></msup>", "10000 super a"),
        ("<mo>⪦</mo>", "less-than closed by curve"),
        ('<mstyle mathcolor="red"><mi>x</mi></mstyle>', "in red, x, end of red"),
        ("<mphantom><mi>x</mi></mphantom><mi>y</mi>", "y"),
    ],
)
def test_a_formula_is_said_so_that_it_cannot_be_taken_for_another(inside: str, said: str) -> None:
    """Where a script, a fraction or a root ends is said; letters are told apart; nothing is left out (promise 1)."""
    assert speech.spoken(math(inside)) == said


@pytest.mark.parametrize("inside", ["<mglyph/>", "<mi>\ue000</mi>", '<mtable columnlines="solid"><mtr/></mtable>'])
def test_what_has_no_words_is_an_error(inside: str) -> None:
    """Silence would be taken for nothing being there."""
    with pytest.raises(mathml.Unsupported):
        speech.spoken(math(inside))
