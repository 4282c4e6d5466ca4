r"""Formulas: what Typst and browsers are told for TeX that jupyter-book (KaTeX) has read.

The golden strings were written after looking at the formulas as Typst sets them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree
from tests import reading

from octavo.document import mathml, source

# What Typst must be told.
GOLDEN = {
    r"\hat{\tau}_{i}^{2}": "scripts(hat(τ))_(i)^(2)",
    r"\mathbb{E}[Y \mid X = x]": r'bb(E) \[ Y class("relation", \|) X \= x \]',
    r"Y(0) \perp\!\!\!\perp D": (
        r'Y \( 0 \) class("relation", ⊥) class("opening", #h(-0.1667em)) #h(-0.1667em) class("normal", '
        r'#h(-0.1667em)) class("relation", ⊥) D'
    ),
    r"\frac{1}{N_1} \sum_{i : D_i = 1} Y_i": (
        r"frac(1, scripts(N)_(1)) limits(∑)_(i \: scripts(D)_(i) \= 1) scripts(Y)_(i)"
    ),
    r"\dfrac{a}{b} + \tfrac{c}{d}": "frac(a, b) + inline(frac(c, d))",
    r"\binom{n}{k}": r"lr(\( mat(delim: #none, n ; k) \))",
    r"\left. \frac{d f}{d x} \right|_{x = 0}": r"scripts(lr(frac(d f, d x) \|))_(x \= 0)",
    r"\left( a \,\middle|\, b \right)": (
        r'lr(\( a class("normal", #h(0.1667em)) class("normal", mid(\|)) class("opening", #h(0.1667em)) b '
        r"\))"
    ),
    r"\lVert \beta \rVert_2^2": 'class("normal", ∥) β scripts(class("normal", ∥))_(2)^(2)',
    r"\lvert x \rvert": r'class("normal", \|) x class("normal", \|)',
    r"r \parallel s": 'r class("relation", ∥) s',
    r"\Bigl[ y \Bigr]": r"lr(\[, size: #1.8em) y lr(\], size: #1.8em)",
    r"\begin{cases} 1 & \text{if } x > 0 \\ 0 & y \end{cases}": r'cases(1 & quad "if "x \> 0 , 0 & quad y)',
    r"\begin{bmatrix} 1 & 0 \\ 0 & 1 \end{bmatrix}^{-1}": (
        r"scripts(lr(\[ mat(delim: #none, column-gap: #1em, 1 , 0 ; 0 , 1) \]))^(− 1)"
    ),
    r"\begin{array}{lr} 1 & 22 \\ 333 & 4 \end{array}": "mat(delim: #none, column-gap: #1em, & 1 , 22 & ; & 333 , 4 &)",
    r"\begin{aligned} a &= b \\ &\quad + c \end{aligned}": r'a & \= b \  & class("normal", #h(1em)) + c',
    r"\operatorname*{arg\,max}_{\theta} L": 'limits(op("arg max"))_(θ) L',
    r"\arg\min_{\beta} f": 'op("arg") limits(op("min"))_(β) f',
    r"\mathop{\mathrm{ess}} x": 'class("large", upright(e) upright(s) upright(s)) x',
    r"\sum\nolimits_i x_i": "scripts(∑)_(i) scripts(x)_(i)",
    r"\int_0^\infty e^{-x^2} \, dx": (
        'scripts(∫)_(0)^(class("normal", ∞)) scripts(e)^(− scripts(x)^(2)) #h(0.1667em) d x'
    ),
    r"\overset{d}{\to} Z": 'class("relation", limits(→)^(d)) Z',
    r"\underset{x \in X}{\sup} f": 'limits(op("sup"))_(x ∈ X) f',
    r"\xrightarrow{p} 0": "limits(stretch(→, size: #(100% + 0.7em)))^(p) 0",
    r"\underbrace{x + y}_{\text{sum}}": 'limits(underbrace(x + y))_("sum")',
    r"\mathbf{X}^\top \boldsymbol{\beta}": 'scripts(upright(bold(X)))^(class("normal", ⊤)) bold(italic(β))',
    r"\mathrm{d}x + \Gamma": "upright(d) x + upright(Γ)",
    "p_{it}'' + x'": "scripts(p)_(i t)^(′ ′) + scripts(x)^(′)",
    r"\not= \not\in": "≠ ∉",
    "1{,}000.5": r'1 class("normal", \,) 000.5',
    r"a \mathbin{\Delta} b \mathrel{\Delta} c": 'a class("binary", Δ) b class("relation", Δ) c',
    r"f \colon A \to B": r'f #h(0.1111em) class("opening", #h(-0.1667em)) class("normal", \:) #h(0.3333em) A → B',
    r"\text{a, \textbf{b} and }c": '"a, "upright(bold("b"))" and "c',
}
# What must at least be set by Typst, and be MathML for browsers.
SET = r"""
\bar{X}_1 + \tilde{y} - \dot{z} + \ddot{u} + \vec{v} + \check{w} + \breve{b} + \acute{a} + \grave{g} + \mathring{r}
\widehat{\mathrm{ATT}} + \overline{AB} + \underline{c} + \widetilde{xyz} + \overrightarrow{AB}
\Pr(D = 1 \mid X)
\sqrt{n} + \sqrt[3]{m}
\left( \frac{a}{b} \right)^2
\left[ \sum_i x_i \right]
\left\{ x : x > 0 \right\}
\left\langle \frac{a}{b} \right\rangle \left\lfloor \frac{a}{b} \right\rfloor \left\lVert x \right\rVert
\| x \|_1 + |x| = \left| z \right|
\bigl( x \bigr) \biggl\{ z \biggr\} \Bigg|_{a}^{b}
\lfloor x \rfloor + \lceil y \rceil + \langle u, v \rangle
\begin{pmatrix} a & b \\ c & d \end{pmatrix}
\begin{vmatrix} a & b \\ c & d \end{vmatrix}
\begin{matrix} a & b \\ c & \end{matrix}
\left( \begin{array}{c} n \\ k \end{array} \right)
\begin{gathered} a \\ b + c \end{gathered}
\begin{split} u &= v \\ &\quad + w \end{split}
\begin{align} a &= b \\ c &= d \end{align}
\begin{alignedat}{2} a &= b & c &= d \\ e &= f & g &= h \end{alignedat}
\operatorname{Var}(\hat\beta) + \operatorname{tr}\left( A^{\mathsf{T}} B \right)
\lim_{n \to \infty} a_n + \limsup_{n} a_n + \max_{i} \min_{j} x_{ij}
\operatorname*{plim} \hat\beta
\log x + \exp y + \sin z
\sum\limits_i x_i + \sum_{\substack{i \in S \\ j < i}} x_{ij}
\iint f + \oint_C F + \prod_{t=1}^{T} p_t
\bigcap_i A_i \cup \bigcup_j B_j
A \cap B \odot C \otimes D \oplus E
a \stackrel{\text{def}}{=} b
\xleftarrow[n]{m}
\overbrace{a + b}^{n}
\textit{slanted} + \texttt{mono}
\mathcal{N}(0, \sigma^2) + \mathfrak{g} + \mathsf{T} + \mathtt{t} + \mathscr{L}
\mathbf{1}\{|t| > 0\} + \mathbb{1}_{A}
p^{*}_{it} + {}_a^b x
\alpha \beta \gamma \Gamma \varepsilon \vartheta \phi \varphi
\ell + \hbar + \imath + \Re + \Im + \aleph
a \leq b \geq c \neq d \approx e \sim f \equiv g \propto h \ll k \gg l
x \in A \subset B \subseteq C \notin D \setminus E
\forall x \exists y \neg z \wedge w \vee v \Rightarrow u \iff t
x \mapsto y
a, b, \ldots, c + \cdots + d \vdots \ddots
10\% + \$5 + \#3 + a\_b + \{ \}
a \, b \: c \; d \! e \quad f \qquad g
\phantom{xx} y + \smash{x} \mathstrut
\boxed{x + y}
x/y + a * b - c \times d \cdot e \pm g \div h
p \mid q \nmid r
\frac{\partial^2 f}{\partial x \, \partial y} + \nabla f
\infty + \emptyset + \top + \bot
a \bmod n + b \pmod{m}
x^{y^{z}} + a_{b_{c}}
\mathrm{Cov}(X, Y)
\hat{\hat{x}} + \hat{xy} + \underline{\hat{x}}
\displaystyle\sum_i x + \textstyle\sum_i x
\tilde{\mathbf{x}} \hat{\mathbf{\Sigma}}
\mathbb{R}^{n \times p}
{\sim} {=}
\ce{H2O}
\text{if $x > 0$ then}
""".strip().splitlines()
REFUSED = {
    r"\color{red}{x}": r"\color",
    r"x \tag{7}": r"\tag",
    r"\begin{array}{l|r} 1 & 2 \\ \hline 3 & 4 \end{array}": "lines in an array",
    r"\xcancel{x}": r"\xcancel",
    r"\sout{x}": r"\sout",
    r"\underleftarrow{AB}": r"\underleftarrow",
    r"\overlinesegment{AB}": r"\overlinesegment",
    r"\rlap{/}{=} x": r"\rlap",
}
SPACED = {
    r"-\log L": "−log\u2061[]L",
    r"\eta \min\{1\}": "η[]min\u2061{1}",
    r"\eta \max_i x_i": "η[]max\u2061i[]xi",
    r"(a) \log (b)": "(a)[]log\u2061(b)",
    r"\left\| x \right\|": "‖x‖",
    r"a \parallel b": "a∥b",
    r"\hat{\operatorname{Cov}}(x)": "Cov\u02c6(x)",
}
SIGNED = {
    r"x = -1": ["prefix"],
    r"[-1, +1]": ["prefix", "prefix"],
    r"a \to -\infty": ["prefix"],
    r"a - 1": [None],
    r"f(x) - 1": [None],
    r"|x| - 1": [None],
    r"n! - x' - 1": [None, None],
    r"\lfloor a \rfloor - \langle b \rangle - \hat c + 1": [None, None, None],
    r"\sum_i a_i - \frac{-1}{2}": [None, None],  # alone in its group, a browser knows by itself
}
OVER = (r"X \stackrel{d}{=} Y", r"\mathop{E}_x", r"\underset{n}{\lim} x")
Read = Callable[[str], str]


@pytest.fixture(scope="session")
def formula(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """The HTML that jupyter-book leaves for a formula of this module; all are read at once."""
    root = tmp_path_factory.mktemp("formulas")
    (root / "work").mkdir()
    every = [*GOLDEN, *SET, *REFUSED, *SPACED, *SIGNED, *OVER]
    text = "\n\n".join(f"$$\n{tex}\n$$" for tex in every)
    (root / "paper").mkdir()
    (root / "paper/text.md").write_text(f"---\ntitle: Formulas\n---\n\n{text}\n", encoding="utf-8")
    content = reading.parse(root / "paper/text.md", root, None, root / "work")
    found = [node["html"] for node, _ in source.walk(content) if node["type"] == "math"]
    return dict(zip(every, found, strict=True)).__getitem__


def math(inside: str) -> str:
    """Return a formula as mystmd leaves it."""
    return f'<span><math xmlns="http://www.w3.org/1998/Math/MathML">{inside}</math></span>'


@pytest.mark.parametrize("tex", GOLDEN)
def test_what_typst_is_told(tex: str, formula: Read) -> None:
    """A formula keeps its meaning: scripts, sizes, spaces, kinds of signs, alignments."""
    assert mathml.typst(formula(tex)) == GOLDEN[tex]


def test_typst_sets_every_formula(formula: Read, tmp_path: Path) -> None:
    """Nothing that is told to Typst is wrong in its own syntax, in a line and displayed."""
    import typst

    told = {tex: mathml.typst(formula(tex)) for tex in [*GOLDEN, *SET]}
    assert len(told) > 85 and all(told.values())
    main = tmp_path / "main.typ"
    main.write_text("\n\n".join(f"${made}$ $ {made} $" for made in told.values()), encoding="utf-8")
    data, warnings = typst.Compiler(str(main), ignore_system_fonts=True).compile_with_warnings(format="pdf")
    assert data and not warnings


def test_browsers_get_mathml_core(formula: Read) -> None:
    """Every formula is well-formed and of what MathML Core has: no variants, enclosures, alignments of tables."""
    for tex in [*GOLDEN, *SET]:
        root = etree.fromstring(mathml.web(formula(tex)))
        tags = {str(e.tag).rpartition("}")[2] for e in root.iter()}
        assert not tags & {"annotation", "menclose", "mfenced"}, tex
        assert not root.xpath("//@mathvariant[. != 'normal']"), tex
        assert not [e for e in root.iter() if len(e) and etree.QName(e).localname in mathml.TOKENS], tex


@pytest.mark.parametrize(
    ("tex", "made"),
    [
        (r"X \stackrel{d}{=} Y", "<mrow><mover><mo stretchy='false'>=</mo><mi>d</mi></mover></mrow>"),
        (r"\mathop{E}_x", "<msub><mo stretchy='false'>𝐸</mo><mi>x</mi></msub>"),
        (r"\underset{n}{\lim} x", "<munder><mrow><mi>lim</mi><mo>\u2061</mo></mrow><mi>n</mi></munder>"),
    ],
)
def test_what_stands_over_a_sign_stands_there_in_browsers(tex: str, made: str, formula: Read) -> None:
    """KaTeX puts elements into operators, and browsers ran them together in the line: X =d Y."""
    assert made.replace("'", '"') in mathml.web(formula(tex))


def test_a_space_that_pulls_together_does_not_push_apart(formula: Read) -> None:
    """KaTeX's spaces, which are text, become spaces; between the signs of two relations there is no other."""
    root = etree.fromstring(mathml.web(formula(r"Y(0) \perp\!\!\!\perp D")))
    assert not root.xpath("//*[local-name() = 'mtext']")
    spaces = [(e.get("width"), e.get("style")) for e in root.xpath("//*[local-name() = 'mspace']")]
    assert spaces == [("0em", "margin-right:-0.1667em")] * 3
    signs = root.xpath("//*[local-name() = 'mo'][. = '⊥']")
    assert [(e.get("lspace"), e.get("rspace")) for e in signs] == [(None, "0em"), ("0em", None)]
    assert 'mspace width="0.1667em"' in mathml.web(math("<mi>a</mi><mtext>\u2009</mtext><mi>b</mi>"))


def test_a_long_formula_can_be_broken_before_its_relations() -> None:
    """In the line, a browser may break it there; not in brackets, and a short one not at all."""

    def made(text: str) -> list[str]:
        signs = "".join(f"<mi>{c}</mi>" if c.isalpha() else f"<mo>{c}</mo>" for c in text)
        broken = mathml.breakable(mathml.web(math(f"<semantics><mrow>{signs}</mrow></semantics>"))).split("<wbr>")
        return ["".join(etree.fromstring(part).itertext()) for part in broken]

    assert made("E[Y∣D=a,X]=E[Y∣D=b,X]=m(X,Y)") == ["E[Y∣D=a,X]", "=E[Y∣D=b,X]", "=m(X,Y)"]
    assert made("a=b") == ["a=b"]


@pytest.mark.parametrize("tex", REFUSED)
def test_what_typst_cannot_be_told_is_named(tex: str, formula: Read) -> None:
    """A colour, a tag, lines in a table, overprinting: refused by name, not left out."""
    with pytest.raises(mathml.Unsupported) as caught:
        mathml.typst(formula(tex))
    assert REFUSED[tex] in str(caught.value)


@pytest.mark.parametrize("tex", [r"x \tag{7}", r"\xcancel{x}", r"\begin{array}{l|r} 1 & 2 \\ \hline 3 & 4 \end{array}"])
def test_what_browsers_would_leave_out_is_named(tex: str, formula: Read) -> None:
    """What MathML Core has no element or attribute for is refused for the page too."""
    with pytest.raises(mathml.Unsupported):
        mathml.web(formula(tex))


@pytest.mark.parametrize(
    ("inside", "named"),
    [
        ("<mglyph/>", "<mglyph>"),
        ("<mrow><mi>x</mi><mmultiscripts/></mrow>", "<mmultiscripts>"),
        ('<mi mathvariant="looped">x</mi>', "looped"),
        ('<mstyle mathcolor="red"><mi>x</mi></mstyle>', r"\color"),
        ('<mpadded width="0px"><mi>x</mi></mpadded>', r"\rlap"),
    ],
)
def test_an_unknown_element_is_an_error(inside: str, named: str) -> None:
    """What this module does not know raises, with its name."""
    with pytest.raises(mathml.Unsupported, match=named.replace("\\", r"\\")):
        mathml.typst(math(inside))


def test_a_formula_without_mathml_is_an_error() -> None:
    """HTML in which KaTeX left no MathML is not taken for an empty formula."""
    for write in (mathml.typst, mathml.web):
        with pytest.raises(mathml.Unsupported):
            write("<span>x</span>")


def test_elements_inside_an_operator_are_not_lost() -> None:
    """KaTeX puts whole elements into <mo>: they come out, with the space of their kind."""
    inside = "<mo{}><mover><mo>→</mo><mi>d</mi></mover></mo>"
    assert mathml.typst(math(inside.format(""))) == 'class("relation", limits(→)^(d))'
    binary = inside.format(' lspace="0.22em" rspace="0.22em"')
    assert mathml.typst(math(binary)) == 'class("binary", limits(→)^(d))'
    assert "<mover>" in mathml.web(math(inside.format("")))


@pytest.mark.parametrize(
    ("character", "variant", "made"),
    [
        ("E", "double-struck", "𝔼"),
        ("R", "double-struck", "ℝ"),
        ("1", "double-struck", "𝟙"),
        ("L", "script", "ℒ"),
        ("N", "script", "𝒩"),
        ("h", "italic", "ℎ"),
        ("g", "fraktur", "𝔤"),
        ("C", "fraktur", "ℭ"),
        ("x", "bold", "𝐱"),
        ("β", "bold-italic", "𝜷"),
        ("Σ", "bold", "𝚺"),
        ("7", "bold", "𝟕"),
        ("T", "sans-serif", "𝖳"),
        ("t", "monospace", "𝚝"),
        ("+", "bold", "+"),
        ("é", "bold", "é"),
    ],
)
def test_letters_of_the_mathematical_alphabets(character: str, variant: str, made: str) -> None:
    """A letter of a variant is its own character of Unicode, also where it stood before the alphabets came."""
    assert mathml.letter(character, variant) == made
    shown = mathml.web(math(f'<mi mathvariant="{variant}">{character}</mi>'))
    assert f">{made}</mi>" in shown and "mathvariant" not in shown


@pytest.mark.parametrize("template", ["paper/writers/paper.typ", "slides/writers/deck.typ"])
def test_no_name_of_a_template_hides_a_function_of_formulas(template: str) -> None:
    """A name that a template defines is taken in formulas too: `accent` once was a colour, and shown."""
    package = Path(mathml.__file__).parents[1]
    told = " ".join([*GOLDEN.values(), *mathml.OVER.values(), *mathml.UNDER.values(), *mathml.VARIANTS.values()])
    used = set(re.findall(r"[a-z]{2,}", re.sub(r'"[^"]*"|[a-z-]+:', "", told))) | {
        "script",
        "sscript",
        "quad",
        "box",
        "cancel",
    }
    defined = set(re.findall(r"^#let ([a-z-]+)", (package / template).read_text(encoding="utf-8"), re.MULTILINE))
    assert {"frac", "lr", "mat", "cases", "hat", "accent", "class"} <= used and defined
    assert not used & defined


@pytest.mark.parametrize("tex", SPACED)
def test_a_page_has_the_spaces_of_functions_and_none_inside_of_norms(formula: Read, tex: str) -> None:
    """Browsers set `log L` as one word, and a norm with the spaces of a relation."""
    row = etree.fromstring(mathml.web(formula(tex))).find(".//{*}mrow")
    shown = "".join(e.text or "[]" * (etree.QName(e).localname == "mspace") for e in row.iter())
    assert shown == SPACED[tex]


def test_a_page_has_no_gap_between_a_sign_and_its_term(formula: Read) -> None:
    """Browsers set the minus of `x = -1` as one between two terms; behind a bracket that closes it is one."""
    for tex, forms in SIGNED.items():
        root = etree.fromstring(mathml.web(formula(tex)))
        assert [e.get("form") for e in root.iter("{*}mo") if e.text in ("+", "\u2212")] == forms, tex
