"""The constructs of a paper: what each output must show of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.constructs.reading import Fact, Reading

OUTPUTS = ("pdf", "latex", "docx", "jats", "html")
NO_TAGS = "pdfTeX writes no tags"
ONE_COLUMN = "one column: nothing stands over two"
NO_LAYOUT = "JATS says what a thing is, not where it stands or how it looks"
ONE_FACE = dict.fromkeys(("pdf", "latex"), "East Asian letters have one weight and no italic in the fonts of the PDFs")
CAPTIONS = (
    "A figure of a result",
    "A figure over both",
    "The left panel",
    "The right panel",
    "A picture beside",
    "A figure of the appendix",
)
# What stands at the places that references lead to: its first words.
OPENERS = (
    "1Words",
    "1.1Secondlevel",
    "1.1.1Thirdlevel",
    "2Blocks",
    "3Formulas",
    "4Floats",
    "5Statements",
    "6References",
    "7Fromanother",
    "AExtra",
    "Figure1[.:]A",
    "Figure2[.:]A",
    r"\(a\)Theleft",
    r"\(b\)Theright",
    "Figure3[.:]Two",
    "Figure4[.:]A",
    "Figure5[.:]A",
    "Table1[.:]A",
    "Table2[.:]A",
    "Program1[.:]A",
    r"Algorithm1[.]?[(]?Cross",
    r"Assumption1[(]",
    "Definition1[.]",
    r"Theorem1[(]",
    "yit&?=",
    r"[|∣]q[|∣]=",
    "(RajeevH.|)Dehejia",
    "(RobertJ.|)LaLonde",
)


@dataclass(frozen=True)
class Row:
    """A construct: how it is written, the question that every output is asked, and the answer.

    ``holes`` are the outputs that cannot show it, with the reason. ``breaks`` names the ways in which it is broken to
    prove that the question finds it; see ``breaks.py``.
    """

    name: str
    written: str
    ask: Callable[[Reading], object]
    wanted: object
    breaks: tuple[str, ...] = ()
    holes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Constructs under one heading."""

    name: str
    rows: tuple[Row, ...]


def looks(piece: str, look: str) -> Callable[[Reading], object]:
    """Ask whether a piece, and not the word beside it, has a look."""
    return lambda reading: look in reading.looks(piece) and look not in reading.looks("stands here")


def says(*pieces: str) -> Callable[[Reading], object]:
    """Ask whether pieces are there, in this order."""
    return lambda reading: reading.says(*pieces)


def true(formula: str, *facts: Fact) -> Callable[[Reading], object]:
    """Ask which facts are true of a formula; the pattern is of the letters as any output orders them."""
    return lambda reading: reading.facts(formula, facts) == list(facts)


def leads(piece: str) -> Callable[[Reading], object]:
    """Ask what stands where a piece leads to."""
    return lambda reading: reading.leads(piece, OPENERS)


def stands_in(name: str, around: str) -> Callable[[Reading], object]:
    """Ask whether the last sentence stands in an element, where there is the one around it."""
    return lambda r: (
        f"in={around}" not in r.within("The last sentence") or f"in={name}" in r.within("The last sentence")
    )


def matches(pattern: str) -> Callable[[Reading], object]:
    """Ask whether the text, without white space, has a pattern."""
    return lambda reading: bool(re.search(pattern, reading.text))


def statement(name: str, body: str) -> Callable[[Reading], object]:
    """Ask whether a statement begins with its name in bold type and its body follows."""
    return lambda reading: (
        reading.says(name, body) and reading.named(name, name + ("" if body.startswith("(") else ".") + body)
    )


TEXT = Group(
    "Text",
    (
        Row("emphasis", "`*slanted*`", looks("slanted", "italic"), True, ("inline_emphasis unwrapped",)),
        Row("strong", "`**boldface**`", looks("boldface", "bold"), True, ("inline_strong unwrapped",)),
        Row(
            "code in the line", "`` `typewriter` ``", looks("typewriter", "mono"), True, ("inline_inline_code as text",)
        ),
        Row("subscript", "``{sub}`lowered` ``", looks("lowered", "sub"), True, ("inline_subscript unwrapped",)),
        Row("superscript", "``{sup}`raised` ``", looks("raised", "sup"), True, ("inline_superscript unwrapped",)),
        Row(
            "small capitals",
            "``{sc}`capitals` ``",
            looks("capitals", "capitals"),
            True,
            ("inline_smallcaps unwrapped",),
        ),
        Row(
            "underlined",
            "``{u}`underlined` ``",
            looks("underlined", "underlined"),
            True,
            ("inline_underline unwrapped",),
        ),
        Row("struck", "``{del}`struck` ``", looks("struck", "struck"), True, ("inline_delete unwrapped",)),
        Row(
            "link",
            "`[linked word](https://…)`",
            lambda r: r.link("linked word"),
            "https://example.org/page?a=1&b=2",
            ("inline_link unwrapped",),
        ),
        Row(
            "abbreviation",
            "`abbreviations:`",
            lambda r: r.says("The DIM is short"),
            True,
            ("inline_abbreviation dropped",),
        ),
        Row(
            "line break",
            "`\\` at the end",
            lambda r: r.apart("İnönü, Nguyen.", "After a break"),
            True,
            ("inline_break dropped",),
            {"jats": "JATS has no line breaks in paragraphs"},
        ),
        Row(
            "quotes and dashes",
            "`“Quoted”`, `---`",
            lambda r: r.says("“Quoted words” and don’t — a dash"),
            True,
            ("inline_text quotes lost",),
        ),
        Row(
            "odd signs",
            "`# $ % & _ ^ ~ \\ < > @`",
            lambda r: r.says("Odd signs: # $ % & _ ^ ~ \\ < > @."),
            True,
            ("inline_text signs lost",),
        ),
        Row(
            "names of Latin letters",
            "`Čapek, Ștefan`",
            lambda r: r.says("Čapek, Ștefan, Ærø, İnönü"),
            True,
            ("inline_text marks lost",),
            {"latex": "Ș is set of two signs; copied it is S,"},
        ),
        *(
            Row(name, f"`{written}`", says(written), True, ("inline_text scripts lost",))
            for name, written in (
                ("Cyrillic letters", "Борис Ґудзь, Єва Ђ"),
                ("Greek letters", "Γιώργος Άλλος, ὁ Ὀδυσσεὺς ᾧ"),
                ("Chinese letters, simplified and traditional", "王小明，張偉臺"),
                ("Japanese letters", "渡辺さくら、ラーメン"),
                ("Korean letters", "홍길동, 김뷁"),
            )
        ),
        *(
            Row(f"{name} in {letters} letters", "", looks(word, look), True, (f"inline_{name} unwrapped",), holes)
            for name, look, letters, word, holes in (
                ("emphasis", "italic", "Cyrillic", "курсив", {}),
                ("emphasis", "italic", "Greek", "πλάγια", {}),
                ("strong", "bold", "Cyrillic", "жирный", {}),
                ("strong", "bold", "Greek", "έντονα", {}),
                ("emphasis", "italic", "Chinese", "强调", ONE_FACE),
                ("strong", "bold", "Korean", "굵게", ONE_FACE),
            )
        ),
        Row(
            "footnote",
            "`[^one]`",
            lambda r: r.note("footnoted word").startswith(("Thenotehas", "1Thenotehas")),
            True,
            ("inline_footnote_reference dropped",),
        ),
        Row("footnote with emphasis", "", looks("leaning", "italic"), True, ("inline_emphasis unwrapped",)),
    ),
)

BLOCKS = Group(
    "Blocks",
    (
        Row(
            "section",
            "`# Words`",
            lambda r: (r.heading("Words"), r.says("1 Words")),
            (1, True),
            ("block_heading as paragraph",),
        ),
        Row(
            "section below",
            "`## …`",
            lambda r: (r.heading("Second level"), r.says("1.1 Second level")),
            (2, True),
            ("block_heading as paragraph",),
        ),
        Row("quotation", "`> …`", lambda r: r.quoted("A quotation of words"), True, ("block_blockquote unwrapped",)),
        Row(
            "bullets",
            "`- …`",
            lambda r: (r.marker("a bulleted item"), r.marker("another one")),
            ("•", "•"),
            ("block_list unwrapped",),
        ),
        Row(
            "numbers",
            "`3. …`",
            lambda r: (r.marker("the third item"), r.marker("the fourth item")),
            ("3.", "4."),
            ("block_list from one",),
        ),
        Row(
            "list in a list",
            "",
            lambda r: r.deeper("a nested item", "the fourth item"),
            True,
            ("block_list unwrapped",),
        ),
        Row(
            "tasks",
            "`- [x] …`",
            lambda r: ("finished", r.marker("a finished task") != r.marker("an open task")),
            ("finished", True),
            ("block_list without boxes",),
        ),
        Row(
            "definition list",
            "`Term`, `: …`",
            lambda r: r.says("Term", "Its definition") and r.named("Term"),
            True,
            ("block_definition_list in a line",),
        ),
        Row(
            "admonition",
            "`:::{note}`",
            lambda r: (r.boxed("A noted sentence"), r.says("Note", "A noted sentence")),
            (True, True),
            ("block_admonition unwrapped",),
        ),
        Row(
            "admonition with a title",
            "`:::{warning} …`",
            lambda r: r.boxed("A title of its own") and r.says("A title of its own", "A warned"),
            True,
            ("block_admonition unwrapped",),
        ),
        Row(
            "rule",
            "`---`",
            lambda r: r.ruled("Above the rule", "Below the rule"),
            True,
            ("block_thematic_break dropped",),
            {"jats": NO_LAYOUT},
        ),
        Row(
            "code",
            "```` ```python ````",
            lambda r: ("mono" in r.looks("return"), r.apart("coloured(x):", "if x > 1")),
            (True, True),
            ("block_code as paragraph",),
        ),
        Row(
            "code with highlighting",
            "",
            lambda r: r.colours('return "a string"') > 1 or "code=python" in r.within("return"),
            True,
            ("block_code without a language",),
        ),
        Row(
            "listing with a caption",
            "`:caption:`",
            lambda r: bool(re.search(r"Program1[.:]Acaptionedlisting", r.text)) and "mono" in r.looks("while False"),
            True,
            ("caption dropped",),
        ),
    ),
)


FORMULAS = Group(
    "Formulas",
    (
        Row(
            "in the line",
            "`$u^{2}_{3} + v$`",
            true(r"u(23|32)\+v", ("sup", "u", "2"), ("sub", "u", "3")),
            True,
            ("formula flat",),
        ),
        Row("macro", "`math:`", true(r"E\[w\]", ("font", "E", "board")), True, ("formula flat",)),
        Row("macro with arguments", "", true(r"p\(?r[|∣]s\)?", ("fence", "r|s")), True, ("formula flat",)),
        Row(
            "aligned",
            "`\\begin{align}`",
            true(r"yit&?=αi\+λtβ.?&?=γ\+δ", ("rows", "yit|=αi+λt", "β|=γ+δ")),
            True,
            ("formula flat",),
        ),
        Row(
            "number of several lines",
            "`$$ … $$ (eq-aligned)`",
            lambda r: r.number(r"yit&?=αi\+λtβ.?&?=γ\+δ"),
            "(1)",
            ("number dropped",),
        ),
        Row(
            "fraction, without a number",
            "`:enumerated: false`",
            lambda r: (r.facts("h=jk", [("frac", "j", "k")]) != [], r.number("h=jk")),
            (True, ""),
            ("formula flat",),
        ),
        Row(
            "cases",
            "`\\begin{cases}`",
            true(r"[|∣]q[|∣]=.?qq≥0-qotherwise", ("rows", "q|q≥0", "-q|otherwise")),
            True,
            ("formula flat",),
        ),
        Row("matrix", "`\\begin{pmatrix}`", true(r"M=.?(acbd|abcd)", ("rows", "a|b", "c|d")), True, ("formula flat",)),
        Row(
            "operators with limits",
            "`\\operatorname*`",
            true(r"argmin.?θ.?(ni=1|i=1n)Loss", ("under", "argmin", "θ"), ("limits", "i=1", "n")),
            True,
            ("formula flat",),
        ),
        Row("number in the appendix", "", lambda r: r.number("z=1"), "(5)", ("number dropped",)),
    ),
)
FLOATS = Group(
    "Figures and tables",
    (
        Row(
            "figure of a result",
            "`:::{result-figure}`",
            lambda r: (r.pictures(CAPTIONS[0]), r.says("Figure 1", "A figure of a result with 1,794 USD.")),
            ("drawn", True),
            ("drawing dropped",),
        ),
        Row(
            "alternative text",
            "`:alt:`",
            lambda r: r.alternative(CAPTIONS[0]),
            "A line that goes up and down",
            ("alt dropped",),
            {"latex": NO_TAGS},
        ),
        Row(
            "over both columns",
            "`:width: wide`",
            lambda r: r.wide(CAPTIONS[1]) and not r.wide(CAPTIONS[0]),
            True,
            ("float narrow",),
            dict.fromkeys(("docx", "html"), ONE_COLUMN) | {"jats": NO_LAYOUT},
        ),
        Row(
            "panels",
            "`::::{figure}`",
            lambda r: (
                r.pictures(CAPTIONS[2]),
                r.pictures(CAPTIONS[3]),
                bool(re.search(r"Figure3[.:]Twopanels", r.text)),
            ),
            ("drawn", "drawn", True),
            ("drawing dropped",),
        ),
        Row(
            "panels side by side",
            "`grid-cols-2`",
            lambda r: r.beside(CAPTIONS[2], CAPTIONS[3]),
            True,
            ("panels stacked",),
            {"jats": NO_LAYOUT},
        ),
        Row("letters of panels", "", matches(r"\(a\)Theleftpanel"), True, ("panel letters lost",)),
        Row(
            "alternative text of a panel",
            "`:alt:`",
            lambda r: r.alternative(CAPTIONS[2]),
            "The left panel in words",
            ("alt dropped",),
            {"latex": NO_TAGS},
        ),
        Row(
            "picture beside the paper",
            "`:::{figure} square.svg`",
            lambda r: r.pictures(CAPTIONS[4]),
            "square",
            ("drawing dropped",),
        ),
        Row(
            "table of a result",
            "`{result-table}`",
            matches("Table1[.:]Atableofresults.*Regression1,620700.*Matching-8,49812"),
            True,
            ("block_container dropped",),
        ),
        Row(
            "columns to the right", "", lambda r: r.aligned(["1,620", "-8,498", "2,417"]), "right", ("alignment lost",)
        ),
        Row(
            "columns to the left",
            "`:---`",
            lambda r: r.aligned(["stubby", "rather longer"]),
            "left",
            ("alignment turned",),
        ),
        Row(
            "columns in the middle",
            "`:--:`",
            lambda r: r.aligned(["tiny", "much wider"]),
            "center",
            ("alignment lost",),
        ),
        Row("header over columns", "", lambda r: r.spans("Survey", ["Estimate", "Error"]), True, ("spans lost",)),
        Row("rules", "", lambda r: r.rules("Leftmost", "much wider"), 3, ("rules lost",), {"jats": NO_LAYOUT}),
        Row(
            "notes of a table",
            "a second paragraph",
            lambda r: (r.below("Notes: robust errors", "2,417"), r.says("Notes: robust errors in dollars of 1982")),
            (True, True),
            ("notes into the caption",),
        ),
        Row(
            "table over both columns",
            "`:class: wide`",
            lambda r: r.wide("A table over both columns") and not r.wide("A table of results"),
            True,
            ("float narrow",),
            dict.fromkeys(("docx", "html"), ONE_COLUMN) | {"jats": NO_LAYOUT},
        ),
    ),
)
STATED = {
    "Assumption 1": "(Overlap). Some are treated.",
    "Definition 1": "A fruit is round.",
    "Lemma 1": "A lemma is short.",
    "Theorem 1": "(Consistency). The estimator converges.",
    "Proposition 1": "A proposition is longer.",
    "Corollary 1": "A corollary follows.",
    "Remark 1": "A remark is made.",
    "Example 1": "An example shows.",
    "Conjecture 1": "A conjecture guesses.",
}
STATEMENTS = Group(
    "Statements",
    (
        *(
            Row(
                name.split()[0].lower(),
                f"`:::{{prf:{name.split()[0].lower()}}}`",
                statement(name, body),
                True,
                ("block_proof unwrapped",),
            )
            for name, body in STATED.items()
        ),
        Row(
            "proof", "`:::{prf:proof}`", lambda r: r.says("Proof.", "Trivial to see."), True, ("block_proof unwrapped",)
        ),
        Row(
            "algorithm",
            "`:::{prf:algorithm}`",
            lambda r: (
                bool(re.search(r"Algorithm1[.:]?\(?Cross-fitting", r.text)),
                r.marker("The first step"),
                r.deeper("A step inside", "The second step"),
            ),
            (True, "1.", True),
            ("block_proof unwrapped",),
        ),
    ),
)
REFERENCES = Group(
    "References and citations",
    (
        *(
            Row(f"to {name}", written, leads(piece), opener, ("inline_cross_reference unwrapped",))
            for name, written, piece, opener in (
                ("a section", "`[](#sec-deeper)`", "to Section 1.1", "1.1Secondlevel"),
                ("a figure", "`@fig-one`", "to Figure 1", "Figure1[.:]A"),
                ("a panel", "`[](#fig-left)`", "to Figure 3a", r"\(a\)Theleft"),
                ("a table", "", "to Table 1", "Table1[.:]A"),
                ("an equation", "", "to (1", "yit&?="),
                ("a theorem", "", "to Theorem 1", r"Theorem1[(]"),
                ("an algorithm", "", "to Algorithm 1", r"Algorithm1[.]?[(]?Cross"),
                ("a listing", "", "to Program 1", "Program1[.:]A"),
                ("the appendix", "", "to Appendix A", "AExtra"),
                ("a figure of the appendix", "", "to Figure 5", "Figure5[.:]A"),
                ("another file", "", "to Section 7", "7Fromanother"),
                ("with words of its own", "`[Part %s](#…)`", "to Part 3", "3Formulas"),
            )
        ),
        Row(
            "citation in the sentence",
            "`@dehejia1999`",
            matches(r"AsDehejiaandWahba\(1999\)say"),
            True,
            ("citation dropped",),
        ),
        Row(
            "citation in brackets",
            "`[@lalonde1986]`",
            matches(r"inbrackets\(LaLonde,?1986\)"),
            True,
            ("citation dropped",),
        ),
        Row(
            "several citations",
            "`[@…; @…]`",
            matches(r"grouped\(LaLonde,?1986;DehejiaandWahba,?1999\)"),
            True,
            ("citation dropped",),
        ),
        Row(
            "prefix and place",
            "`[see @…, p. 3]`",
            matches(r"withmore\(seeSmithandTodd,?2005,(p\.)?3\)"),
            True,
            ("citation bare",),
        ),
        Row("the year alone", "`[-@smith2005]`", matches(r"ofSmith\(2005\)"), True, ("citation full",)),
        Row(
            "citation leads to the work",
            "",
            leads("As Dehejia and Wahba (1999"),
            "(RajeevH.|)Dehejia",
            ("citation unlinked",),
        ),
        Row(
            "work in letters of other scripts",
            "",
            matches(r"王小明.{0,9}Заметкиобименах名前이름.*Περίονομάτων"),
            True,
            ("references dropped",),
        ),
        Row(
            "list of references",
            "",
            matches(r"References(Dehejia|RajeevH\.Dehejia).*LaLonde.*Smith.*Todd"),
            True,
            ("references dropped",),
        ),
        Row(
            "value",
            "``{val}`…` ``",
            lambda r: r.says("Values: 1,794 USD, 633 USD, 551 to 3,038 USD, and the word pomaceous"),
            True,
            ("inline_value dropped",),
        ),
        Row(
            "included file",
            "```` ```{include} ````",
            lambda r: (r.heading("From another file"), r.says("7 From another file", "Included words.")),
            (1, True),
            ("block_include dropped",),
        ),
        Row(
            "appendix",
            '`+++ {"part": "appendix"}`',
            lambda r: (
                r.heading("Extra material"),
                r.says("We thank every gardener", "A Extra material", "The last sentence."),
                stands_in("app", "article")(r),
            ),
            (1, True, True),
            ("appendix unlettered",),
        ),
    ),
)
FRONT = Group(
    "Front matter",
    (
        Row(
            "title and subtitle",
            "`title:`",
            lambda r: (
                0 <= r.text.find("Apaperofeveryconstruct") < 40,
                r.says("A paper of every construct", "All that a paper may hold", "1 Words"),
            ),
            (True, True),
            ("front title dropped",),
        ),
        Row(
            "authors",
            "`authors:`",
            lambda r: r.says("Ann Author", "Łukasz Ñandú", "The abstract weighs"),
            True,
            ("front author dropped",),
        ),
        Row(
            "shared affiliations",
            "`affiliations:`",
            lambda r: r.says("Fruit Laboratory, Oslo") and r.says("School of Orchards"),
            True,
            ("front institutes dropped",),
        ),
        Row(
            "ORCID",
            "`orcid:`",
            lambda r: (
                "orcid.org/0000-0002-1825-0097" in r.link("0000-0002-1825-0097")
                or "https://orcid.org/0000-0002-1825-0097" in r.text
            ),
            True,
            ("front contacts dropped",),
        ),
        Row(
            "e-mail",
            "`email:`",
            lambda r: (
                r.link("ann@example.org") == "mailto:ann@example.org" or "in=email" in r.within("ann@example.org")
            ),
            True,
            ("front contacts dropped",),
        ),
        Row(
            "abstract",
            "`abstract:`",
            lambda r: r.says("The abstract weighs 1,794 USD of apples."),
            True,
            ("front abstract dropped",),
        ),
        Row("keywords", "`keywords:`", matches(r"constructs,?outputs"), True, ("front keywords dropped",)),
        Row(
            "contributions",
            "`roles:`",
            lambda r: r.says("Contributions", "Ann Author: Conceptualization, Software."),
            True,
            ("closing dropped",),
        ),
        Row(
            "funding",
            "`funding:`",
            lambda r: r.says("Funding", "The orchard paid for everything."),
            True,
            ("closing dropped",),
        ),
        Row(
            "acknowledgments",
            "`acknowledgments:`",
            lambda r: r.says("Acknowledgments", "We thank every gardener."),
            True,
            ("closing dropped",),
        ),
        Row(
            "what the file says of itself",
            "",
            lambda r: (r.told("title"), re.split("[;,] ", r.told("author"))),
            ("A paper of every construct", ["Ann Author", "Łukasz Ñandú"]),
            ("front title dropped", "front author dropped"),
        ),
        Row("its language", "", lambda r: r.told("language").startswith("en"), True, ("front lang dropped",)),
    ),
)
GROUPS = (TEXT, BLOCKS, FORMULAS, FLOATS, STATEMENTS, REFERENCES, FRONT)
ROWS = tuple(row for group in GROUPS for row in group.rows)
