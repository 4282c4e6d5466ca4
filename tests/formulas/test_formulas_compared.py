"""Formulas: hundreds of them arrive in every output, and a broken one is seen (docs/formulas.md has what was found)."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from tests.formulas import corpus, page, settings, table
from tests.formulas.compare import compare
from tests.formulas.corpus import Formula
from tests.formulas.marks import Mark

from octavo.document import mathml, shape
from octavo.document.source import Content
from octavo.paper.writers import latex

needs_tex = pytest.mark.skipif(not shutil.which("pdflatex"), reason="TeX is not installed (pdflatex)")
# What is written, and what a fault makes of it.
FAULTS = {
    "an exponent takes in what follows": ("x^2 1", "x^{21}"),
    "a sign is lost": (r"a + b + c", r"a + b c"),
    "a prime is lost": (r"f'(x) + g", r"f(x) + g"),
    "an index becomes an exponent": (r"\beta_{i} + c", r"\beta^{i} + c"),
    "index and exponent change places": (r"x_i^k", r"x_k^i"),
    "a norm becomes an absolute value": (r"\|x\|_2", r"|x|_2"),
    "a limit moves aside": (r"\sum_{i=1}^{n} x_i", r"\sum\nolimits_{i=1}^{n} x_i"),
    "a limit of an operator moves aside": (r"\max_{x \in X} f", r"\max\nolimits_{x \in X} f"),
    "an alignment is lost": (
        r"\begin{aligned} aaaa &= b \\ c &= d \end{aligned}", r"\begin{gathered} aaaa = b \\ c = d \end{gathered}"
    ),
    "a line break is lost": (
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}", r"\begin{aligned} a &= b c &= d \end{aligned}"
    ),
    "cells run together": (r"\begin{cases} 1 & x \\ 0 & y \end{cases}", r"\begin{cases} 1 x & \\ 0 y & \end{cases}"),
    "two rows become one": (
        r"\begin{bmatrix} a & b \\ c & d \end{bmatrix}", r"\begin{bmatrix} a & b & c & d \end{bmatrix}"
    ),
    "bold is lost": (r"\mathbf{X} \beta", r"\mathrm{X} \beta"),
    "double-struck becomes upright": (r"\mathbb{E}[X]", r"\mathrm{E}[X]"),
    "a script letter changes its script": (r"\mathscr{L}(x)", r"\mathcal{L}(x)"),
    "a Greek letter takes its variant": (r"\epsilon + \phi", r"\varepsilon + \varphi"),
    "a relation loses its negation": (r"a \neq b", r"a = b"),
    "an accent is lost": (r"\hat{\tau} + x", r"\tau + x"),
    "an accent is another": (r"\hat{\tau} + x", r"\tilde{\tau} + x"),
    "an accent stands on another letter": (r"\hat{x} y z", r"x y \hat{z}"),
    "a fraction is turned over": (r"\frac{a}{b}", r"\frac{b}{a}"),
    "a fraction becomes a stroke": (r"\frac{a}{b}", r"a / b"),
    "a fraction becomes a binomial": (r"\frac{n}{k}", r"\genfrac{}{}{0pt}{}{n}{k}"),
    "a root takes in less": (r"\sqrt{x + y}", r"\sqrt{x} + y"),
    "a bracket is lost": (r"(a + b) c", r"a + b) c"),
    "a wide space is lost": (r"a \quad b", r"a b"),
    "a small index becomes a factor": (r"x_{ij} y", r"x_i j y"),
    "two signs change places": (r"a < b", r"b < a"),
}  # fmt: skip
# The same for what is compared as MathML, in the MathML itself: what is replaced there, and by what.
BROKEN = {
    "an exponent takes in what follows": (
        "x^2 1", "<mn>2</mn></msup><mn>1</mn>", "<mrow><mn>2</mn><mn>1</mn></mrow></msup>"
    ),
    "a sign is lost": ("a + b", "<mo>+</mo>", ""),
    "index and exponent change places": ("x_i^k", "<mi>i</mi><mi>k</mi>", "<mi>k</mi><mi>i</mi>"),
    "one of two brackets is lost": ("(a)(b)", '<mo stretchy="false">(</mo>', ""),
    "one of two integrals is lost": (r"\int f \int g", "<mo>∫</mo>", ""),
    "a norm becomes an absolute value": (r"\|x\|", "∥", "|"),
    "bold is lost": (r"\mathbf{X}", ' mathvariant="bold"', ""),
    "a fraction is turned over": (r"\frac{a}{b}", "<mi>a</mi><mi>b</mi>", "<mi>b</mi><mi>a</mi>"),
    "a fraction loses its bar": (r"\frac{a}{b}", "<mfrac>", '<mfrac linethickness="0px">'),
    "two signs change places": ("a < b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>", "<mi>b</mi><mo>&lt;</mo><mi>a</mi>"),
    "a frame is lost": (r"\boxed{x}", ' notation="box"', ""),
    "a colour is lost": (r"\color{red} x", ' mathcolor="red"', ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def known() -> list[Formula]:
    """The formulas that the parser knows."""
    return [formula for formula in corpus.read()[0] if formula.topic != table.UNKNOWN]


@pytest.fixture(scope="module")
def content(known: list[Formula], tmp_path_factory: pytest.TempPathFactory) -> Content:
    """A paper of them all."""
    return corpus.parse(known, corpus.read()[1], tmp_path_factory.mktemp("formulas") / "parsed")


def test_there_are_enough_formulas_each_once() -> None:
    """Three hundred and more, none twice."""
    formulas = [formula.tex for formula in corpus.read()[0]]
    assert len(formulas) == len(set(formulas)) >= 400
    assert sum(not formula.refused for formula in corpus.read()[0]) >= 300


def test_all_arrive_as_mathml_and_in_word(known: list[Formula], content: Content, tmp_path: Path) -> None:
    """In HTML, Word and JATS a formula has the signs, places and letters of KaTeX's MathML, or it is refused."""
    found = table.mathml(known, content, tmp_path)
    looked = table.reasons()
    assert [
        (f.output, f.formula.tex)
        for f in found
        if f.verdict == table.DIFFERS and (f.output, f.formula.tex) not in looked
    ] == []
    web = {f.formula.tex for f in found if f.output == "html" and f.verdict == table.REFUSED}
    assert web <= {f.tex for f in known if f.refused} | {r"\operatorname{\mathbf{E}} X, \; \operatorname{E}[X]"}
    assert sum(f.verdict != table.REFUSED for f in found if f.output == "docx") >= 390


def test_what_is_said_of_each_is_what_was_read(content: Content) -> None:
    """spoken.txt was read through by a person; what is said differently must be read again."""
    assert page.spoken(content) == Path(__file__).with_name("spoken.txt").read_text(encoding="utf-8")


def test_no_two_formulas_sound_alike(content: Content) -> None:
    """But for those that differ in spaces, sizes and looks alone."""
    lines = page.spoken(content).split("\n\n")[1:]
    said: dict[str, list[str]] = {}
    for line in lines:
        tex, _, words = line.partition("\n    ")
        said.setdefault(words.strip(), []).append(tex)
    alike = [each for words, each in said.items() if len(each) > 1 and "refused" not in words]
    assert sum(len(each) - 1 for each in alike) <= 16, alike


def test_typst_sets_all_that_it_does_not_refuse(content: Content, tmp_path: Path) -> None:
    """None stops the compiler, and every one shows something: the standard for accessible PDFs is kept (PDF/UA-1)."""
    refused = settings.refused(content, "typst", tmp_path)
    left = table.without(content, lambda node: node["value"] in refused)
    made = settings.typst_marks(left, tmp_path / "typst")
    assert len(made) >= 400 and all(made)
    assert set(refused) <= {f.tex for f in corpus.read()[0] if f.refused or "operatorname" in f.tex}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The MathML of the formulas that are to be broken."""
    formulas = [Formula(broken[0], "", number, False) for number, broken in enumerate(BROKEN.values())]
    made = corpus.displays(corpus.parse(formulas, {}, tmp_path_factory.mktemp("broken") / "parsed"))
    return {
        fault: re.sub("</math>.*", "</math>", node["html"], flags=re.S)
        for fault, node in zip(BROKEN, made, strict=True)
    }


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_formula_is_not_the_same(fault: str, whole: dict[str, str]) -> None:
    """The comparison of MathML and of Word's formulas sees what a reader would see."""
    _, before, after = BROKEN[fault]
    assert before in whole[fault]
    right, broken = (mathml.read(text) for text in (whole[fault], whole[fault].replace(before, after, 1)))
    assert shape.difference(shape.of_mathml(right), shape.of_mathml(right)) == ""
    assert shape.difference(shape.of_mathml(right), shape.of_mathml(broken))


Settings = dict[str, tuple[list[Mark], list[Mark], list[Mark]]]
WORD = '<m:oMath xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math">{}</m:oMath>'
LETTER = "<m:e><m:r><m:t>x</m:t></m:r></m:e>"


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        (f"<m:d>{LETTER}</m:d>", "(x)"),
        (f'<m:d><m:dPr><m:begChr m:val="["/><m:endChr m:val=""/></m:dPr>{LETTER}</m:d>', "[x"),
        (f"<m:d>{LETTER}{LETTER}</m:d>", "(x|x)"),
        (f"<m:nary>{LETTER}</m:nary>", "∫x"),
        (f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>{LETTER}</m:nary>', "∑x"),
    ],
)
def test_word_shows_brackets_and_integrals_one_by_one(inside: str, shown: str) -> None:
    """What Word shows without being told is what its own defaults say, no more."""
    assert "".join(sign.character for sign in shape.of_word(etree.fromstring(WORD.format(inside)))) == shown


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """For each fault: what LaTeX shows of the formula, what Typst shows of it and of the broken one."""
    folder = tmp_path_factory.mktemp("faults")
    wholes, broken = ([Formula(pair[i], "", n, False) for n, pair in enumerate(FAULTS.values())] for i in (0, 1))
    first, second = (corpus.parse(each, {}, folder / name) for each, name in ((wholes, "whole"), (broken, "broken")))
    right = settings.raw_marks(first, folder / "latex")
    made, wrong = (settings.typst_marks(c, folder / n) for c, n in ((first, "typst"), (second, "typst-broken")))
    return dict(zip(FAULTS, zip(right, made, wrong, strict=True), strict=True))


@needs_tex
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_setting_is_seen(fault: str, faults: Settings) -> None:
    """The comparison of pages sees each fault that a converter has made, and nothing where there is none."""
    right, made, wrong = faults[fault]
    assert compare(right, made).told() == ""
    assert compare(right, wrong).found


def test_a_sign_that_jumps_is_seen_and_a_line_that_is_wider_is_not() -> None:
    """Places are told by the neighbours: wider spaces all along are spacing, one sign that moves is another formula."""
    line = [Mark(c, "italic", 1, i * 0.6, i * 0.6 + 0.5, 0, 0.5, 0, i * 0.6) for i, c in enumerate("abcdefgh")]
    wider = [replace(m, left=m.left * 1.15, right=m.left * 1.15 + 0.5) for m in line]
    assert not compare(line, wider).found
    up = [replace(m, bottom=0.5, top=1.0, base=0.5) if m.sign == "d" else m for m in line]
    assert compare(line, up).upward == pytest.approx(0.5)
    assert compare(line, line[1:]).lost == ("italic a",)
    assert compare(line, [replace(line[0], size=0.7), *line[1:]]).resized == ("a",)


@needs_tex
@pytest.mark.proof
def test_the_page_of_the_documentation_is_what_is_found() -> None:
    """docs/formulas.md says what the comparison finds today, and every difference in it was looked at."""
    found, looked = table.every(), table.reasons()
    differing = {(each.output, each.formula.tex) for each in found if each.verdict == table.DIFFERS}
    assert differing == set(looked)
    written = (Path(__file__).parents[2] / "docs" / "formulas.md").read_text(encoding="utf-8")
    assert page.written(found, looked) == written


def test_latex_has_a_double_struck_one_and_names_what_it_has_not(tmp_path: Path) -> None:
    r"""The AMS's fonts have other signs where double-struck digits would be: never those in silence."""
    formulas = [Formula(r"\mathbb{1}\{A\} + \bm{x}", "", 1, False), Formula(r"\mathbb{2}", "", 2, False)]
    content = corpus.parse(formulas, {r"\one": r"\mathbb 1"}, tmp_path / "parsed")
    refused = settings.refused(content, "latex", tmp_path)
    assert refused == {r"\mathbb{2}": "LaTeX has no double-struck 2."}
    assert latex.double_one(r"\mathbb{1}_A + \mathbb 1") == r"{\octavoone}_A + {\octavoone}"
    assert latex.packages(content) == ["bm"]
    assert latex.macros(content) == [r"\def\one{{\octavoone}}"]
