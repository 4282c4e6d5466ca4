"""Write the paper as LaTeX: a folder with the source, its figures as PDF and its bibliography, ready to be compiled."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from octavo import tools
from octavo.document import fidelity, pandoc, source, tables, typst
from octavo.document.bridge import Bridge, Node, with_formula
from octavo.document.fidelity import Leaf
from octavo.document.numbering import is_appendix
from octavo.document.pandoc import Cited, Element, attributes, closed, element, plain, raw, raw_block, words
from octavo.document.source import Content
from octavo.document.tables import Cell, Table, read_grid
from octavo.errors import BuildError, raise_all
from octavo.model import LatexLog, Place, Shrunk
from octavo.paper import matter
from octavo.paper.stages import CAMERA_READY, REVIEW
from octavo.paper.venues import SPARE, Venue
from octavo.paper.writers import names, scripts

FORM = "latex"
SOURCE = "paper.tex"
END = "octavo-end-of-text"
BIBLIOGRAPHY = "references.bib"
NUMBER = re.compile(r"\(?\b(?P<number>[A-Z\d][A-Z\d.]*[a-z]?)\)?$")
# A display formula has one number: what is aligned in it stands inside an equation.
OUTER = re.compile(
    r"\\begin\{(?P<name>align|gather|alignat|multline|eqnarray|equation)\*?\}(?P<body>.*)\\end\{(?P=name)\*?\}", re.S
)
INNER = {
    "align": "aligned",
    "gather": "gathered",
    "alignat": "alignedat",
    "multline": "gathered",
    "eqnarray": "aligned",
}
# What KaTeX knows and LaTeX needs a package for.
PACKAGES = (
    ("bm", ("bm",)),
    ("mathtools", ("coloneqq", "eqqcolon", "xRightarrow", "xLeftarrow", "xhookrightarrow", "mathllap", "mathrlap",
                   "mathclap", "begin{dcases}", "begin{rcases}", "begin{drcases}", "overbracket", "underbracket")),
    ("mathrsfs", ("mathscr",)),
    ("cancel", ("cancel", "bcancel", "xcancel")),
    ("mhchem", ("ce",)),
    ("braket", ("bra", "ket", "braket", "Bra", "Ket", "Braket", "set", "Set")),
)  # fmt: skip
# The AMS fonts have other signs where double-struck digits would be: 1 is made of two signs, the rest is refused.
DOUBLE_ONE = re.compile(r"\\mathbb\s*(\{\s*1\s*\}|1)")
DOUBLE_OTHER = re.compile(r"\\mathbb\s*\{?\s*(?P<sign>[a-jl-z02-9])")
# What authors name macros by, and what LaTeX sets text, tables and pages by: \\c is a cedilla, \\span a part of tables.
RESERVED = (
    "b c d H k r t u v i j l L o O aa AA ae AE oe OE ss SS S P dh DH dj DJ th TH ng NG dag ddag "
    "span omit cr crcr noalign par or fi else if let def box copy hbox vbox fill line do and count number skip "
    "dp ht wd year day month time char string the end begin input write read mark insert penalty kern raise lower "
    "page part date author title label ref cite index item null space next body row em it bf tt sf sc sl rm strut"
)
ESCAPED = re.compile(
    r"\\(?P<sign>[#$%&_{} ])|\\(?P<named>textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar"
    r"|textquotesingle|textasciigrave|ldots|slash|\^|~)(?:\{\}| |(?![A-Za-z]))|(?P<tie>~)|\{(?P<bracket>[\[\]-])\}"
    r"|(?P<empty>\{\}|\\-|\}\\hspace\{0pt\}\\texttt\{|\\hspace\{0pt\})|(?P<thin>\\,)"
)
DEEPEST = 4  # levels of lists of a kind
LONGEST = 30  # letters of code that are kept in one piece
WITHOUT = "leave LaTeX out: octavo build paper --to pdf,html,docx,jats"
CODE = re.compile(r"(\\begin\{(?:Highlighting|verbatim)\}.*?\\end\{(?:Highlighting|verbatim)\})", re.DOTALL)
TOKEN = re.compile(r"\\[A-Za-z]+Tok\{((?:[^{}\\]|\\[^A-Za-z]|\\[A-Za-z]+\{\}|\{.?\})*)\}")
NAMED = {
    "textasciigrave": "`",
    "textbackslash": "\\",
    "textasciitilde": "~",
    "textasciicircum": "^",
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textquotesingle": "'",
    "ldots": "\u2026",
    "slash": "/",
    "^": "^",
    "~": "~",
}


def write(
    content: Content, out: Path, *, venue: Venue, cited: Cited | None, stage: str = "preprint"
) -> tuple[Place, ...]:
    """Write ``paper.tex``, ``figures/`` and ``references.bib`` into the folder ``out``; return where its tables stand.

    Raises DocumentError (or Problems) for what cannot be carried or would be lost.
    """
    bridge = LatexBridge(content, venue)
    bridge.cited = cited
    metadata = matter.metadata(content, bridge)
    metadata["macros"] = [{"inlines": [raw(FORM, macro)]} for macro in macros(content)]
    metadata["packages"] = [{"inlines": [raw(FORM, name)]} for name in packages(content)]
    metadata |= {"lines": stage == REVIEW, "camera": stage == CAMERA_READY, "numeric": bridge.numeric}
    blocks = body(content, bridge, cited)
    raise_all(bridge.problems)
    metadata |= scripts.metadata(letters([blocks, metadata], content, cited)) | {"underlined": bridge.underlined}
    writers = Path(__file__).parent
    templates = writers.parent / "venues"
    with TemporaryDirectory(prefix="octavo-") as name:
        made = pandoc.write(
            blocks,
            metadata,
            "latex-smart",
            template=templates / f"{venue.name}.template.tex",
            folder=Path(name),
            options=["--natbib", f"--syntax-highlighting={writers / 'code.theme'}"],
        )
    made = unicodedata.normalize("NFC", made)  # LaTeX has no letters for accents of their own
    front = [Leaf(text, None) for text in matter.front_parts(content)]
    wanted = [*fidelity.leaves(content), *front, *matter.leaves(content, metadata, venue.silent)]
    fidelity.check(wanted, texts(made), SOURCE)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for file, node in bridge.files.items():
        _copy(node, out / "figures" / file)
    if cited:
        entries = cited.file.read_text(encoding="utf-8-sig")
        (out / BIBLIOGRAPHY).write_text(names.spelled(entries, labelled=not bridge.numeric), encoding="utf-8")
    (out / SOURCE).write_text(made, encoding="utf-8")
    return tuple(bridge.tables)


def letters(tree: Any, content: Content, cited: Cited | None) -> str:
    """Return a text with all letters that LaTeX must set: those of the document's tree, and of the cited entries."""
    entries = [leaf.text for leaf in matter.entries(content, cited)]
    return unicodedata.normalize("NFC", "\n".join([json.dumps(tree, ensure_ascii=False), *entries]))


def _copy(drawing: Node, target: Path) -> None:
    """Put a drawing where LaTeX finds it; one that was drawn as SVG alone becomes a PDF."""
    files, kind = drawing["files"], drawing["kind"]
    if kind in files:
        shutil.copyfile(files[kind], target)
        return
    with TemporaryDirectory(prefix="octavo-") as name:
        target.write_bytes(typst.picture(Path(files["svg"]), "pdf", drawing["width"], Path(name)))


def pdf(
    folder: Path, content: Content, venue: Venue, tables: Sequence[Place] = (), cited: Cited | None = None
) -> tuple[bytes, LatexLog]:
    """Compile what ``write`` left in ``folder``; return the PDF, and what LaTeX said of it and its ``tables``.

    Raises BuildError for what LaTeX stops at, for references and citations that lead nowhere, and for numbers that
    differ from those of the other formats.
    """
    arguments = ["-pdf", "-interaction=nonstopmode", "-halt-on-error", "-file-line-error", "-no-shell-escape", SOURCE]
    # openin_any, openout_any: what a source asks for outside of its folder is refused.
    env = {
        "SOURCE_DATE_EPOCH": "0",
        "FORCE_SOURCE_DATE": "1",
        "openin_any": "p",
        "openout_any": "p",
        "max_print_line": "10000",
    }
    if "\\input{glyphtounicode}" in (folder / SOURCE).read_text(encoding="utf-8"):
        # Of a font that is not there TeX would make one of pixels, or take what it made some other day. The measures of
        # Cyrillic fonts it makes where they are needed for the first time; they are the same everywhere.
        env |= {"MKTEXPK": "0", "PKFONTS": "."}
    done = tools.run("latexmk", arguments, cwd=folder, env=env, timeout=300)
    log = (
        (folder / "paper.log").read_text(encoding="utf-8", errors="replace") if (folder / "paper.log").exists() else ""
    )
    told = _faults(log)
    if done.returncode and not told:
        told = [
            done.stderr.decode(errors="replace").strip().splitlines()[-1]
            if done.stderr.strip()
            else "it gave no reason"
        ]
    if told:
        raise _stopped(told, content, cited)
    _same_numbers(folder / "paper.aux", content, venue)
    if cited and not cited.style:
        _same_letters(folder / "paper.aux", content, cited)
    return (folder / "paper.pdf").read_bytes(), _said_of_it(log, folder / "paper.aux", tables)


def _stopped(told: Sequence[str], content: Content, cited: Cited | None) -> BuildError:
    """Return the error for what LaTeX stopped at; a letter that its fonts lack has a place in the paper's source."""
    where, hint = (
        content.file,
        "Its source is build/paper/latex/paper.tex; mend what it names in the paper's own source.",
    )
    leaves = [*fidelity.leaves(content), *fidelity.formulas(content, "math", "inlineMath")]
    texts = [*matter.fields(content), *leaves, *matter.entries(content, cited)]
    if found := re.search(r"Unicode character (\S)", told[0]):
        where = str(_place_of(found[1], texts) or where)
        hint = f"The fonts of this class have no '{found[1]}'. Write it in Latin letters, or {WITHOUT}"
    elif lacking := scripts.lacking(told, "\n".join(leaf.text for leaf in texts)):
        letter, packages = lacking
        where = str(_place_of(letter, texts) or where)
        hint = f"Letters such as '{letter}' need more of TeX (Debian: {packages}). Install it, or {WITHOUT}"
    elif any(re.search(r"\.(cls|sty|bst|tfm)\b.*not found", fault) for fault in told):
        hint = (
            "Install what is missing (Debian: texlive-latex-extra, texlive-publishers, texlive-fonts-recommended; "
            "for \\ce texlive-science)."
        )
    return BuildError(f"LaTeX could not set the paper: {'; '.join(told)}", where=where, hint=hint)


def _place_of(sign: str, texts: Sequence[Leaf]) -> Place | None:
    """Return where a sign first stands in the paper's sources."""
    return next((leaf.place for leaf in texts if sign in unicodedata.normalize("NFC", leaf.text)), None)


def _said_of_it(log: str, aux: Path, tables: Sequence[Place]) -> LatexLog:
    written = aux.read_text(encoding="utf-8", errors="replace")
    page = re.search(rf"\\newlabel\{{{END}\}}\{{\{{[^}}]*\}}\{{(\d+)\}}", written)
    wide = re.findall(r"^Overfull \\hbox \(([\d.]+)pt too wide\).*? at lines? (\d+).*\n(.*)", log, re.MULTILINE)
    boxes = [(int(line), float(points), _words_of(text)) for points, line, text in wide]
    # At the end of the document a class only measures: acmart the marks of notes to authors, in a box of no width.
    end = aux.with_name(SOURCE).read_text(encoding="utf-8").rstrip().count("\n") + 1
    overfull = tuple(box for box in boxes if box[2] or box[0] < end)
    lacking = re.findall(r"You do not have the (\w+)", log)
    tall = re.findall(r"Float too large for page by ([\d.]+)pt on input line (\d+)", log)
    return LatexLog(
        int(page[1]) if page else 0,
        overfull,
        tuple(dict.fromkeys(lacking)),
        shrunk=tuple(_shrunk(log, tables)),
        tall=tuple((int(line), float(points)) for points, line in tall),
    )


def _shrunk(log: str, tables: Sequence[Place]) -> Iterator[Shrunk]:
    """Yield what the template said of tables that it had to shrink."""
    said = r"^octavo-shrunk: (?P<number>\d+) (?P<size>[\d.]+)pt (?P<room>[\d.]+)pt of (?P<width>[\d.]+)pt$"
    for found in re.finditer(said, log, re.MULTILINE):
        number, size, room, width = (float(part) for part in found.groups())
        if number <= len(tables):
            yield Shrunk(tables[int(number) - 1], size * room / width, room / width)


def _words_of(text: str) -> str:
    """Return the words of a box that the log shows, without its marks of fonts."""
    return " ".join(re.sub(r"\\\S+|[\[\]|$]", " ", text).split())[:60]


def _faults(log: str) -> list[str]:
    """Return what LaTeX's log has of errors, and of what leads nowhere, each once."""
    # A warning only, and another sign on the page.
    wrong = re.findall(r"Command (\\\S+) invalid in math mode on input line (\d+)", log)
    stopped = re.findall(r"^(?:\S*/)?([\w-]+\.(?:tex|bbl|sty|cls|def|fd)):(\d+): (.+)$", log, re.MULTILINE)
    named = [what.rstrip(". ") for what in re.findall(r"^!(?: |(?=pdfTeX error))(.+)$", log, re.MULTILINE)]
    found = [*named, *(f"{what.rstrip('. ')} (line {line} of {file})" for file, line, what in stopped)]
    found += [f"{command} is no sign of formulas (line {line} of {SOURCE})" for command, line in wrong]
    found = [what for what in found if "==> Fatal error" not in what]
    lost = re.findall(r"Warning: (Reference|Citation) [`']([^']+)' on page \S+ undefined", log)
    if not found:
        found = [f"the {kind.lower()} '{name}' leads nowhere" for kind, name in lost]
    missing = re.findall(r"Missing character: There is no (\S+) .*? in font (\S+?)!", log)
    return list(dict.fromkeys([*found, *(f"the font {font} has no '{sign}'" for sign, font in missing)]))[:8]


def _same_numbers(aux: Path, content: Content, venue: Venue) -> None:
    """Raise BuildError where LaTeX printed another number than the document has in all other formats."""
    # IEEEtran has boxes around the first parts of its numbers.
    written = re.sub(r"\\mbox\s*\{([^}]*)\}", r"\1", aux.read_text(encoding="utf-8", errors="replace"))
    printed = dict(re.findall(r"\\newlabel\{([^}]+)\}\{\{([^}]*)\}", written))
    numbering = LatexBridge(content, venue).numbering
    wrong = []
    for identifier, node in numbering.nodes.items():
        target, number = numbering.targets[identifier], numbering.of(node)
        expected = venue.printed(str(node.get("kind") if node["type"] == "container" else node["type"]), number)
        if number and target not in printed:
            wrong.append(f"'{target}' is {expected} and was not printed")
        elif number and printed[target] != expected:
            wrong.append(f"'{target}' is {expected} and was printed as {printed[target]}")
    if wrong:
        hint = "Report it [this is a bug]: a class that counts in another way."
        raise BuildError(f"LaTeX counts otherwise: {'; '.join(wrong[:4])}.", where=content.file, hint=hint)


def _same_letters(aux: Path, content: Content, cited: Cited) -> None:
    """Raise BuildError where LaTeX has another letter at a year than the document has in all other formats."""
    written = aux.read_text(encoding="utf-8", errors="replace")
    years = re.findall(r"\\bibcite\{([^}]+)\}\{\{\d+\}\{((?:[^{}]|\{[^{}]*\})*)\}", written)
    others = pandoc.in_sentences(cited, [key for key, _ in years]) if years else {}
    printed, expected = ({key: _letter(text) for key, text in each} for each in (years, others.items()))
    if wrong := next((key for key, letter in expected.items() if printed[key] != letter), None):
        raise BuildError(
            f"'{wrong}' has the letter '{printed[wrong]}' at its year in LaTeX, '{expected[wrong]}' elsewhere.",
            where=str(source.cited(content).get(wrong) or content.file),
            hint=f'Cite by number (citations = "numeric" under [tool.octavo.paper]), or {WITHOUT}',
        )


def _letter(text: str) -> str:
    """Return the letter that tells a work from others of its year: of ``2010{a}`` or ``Smith (2010a)``."""
    found = re.search(r"(?:\d|n\.?d\.?-?)\{?([a-z]?)[})]?$", text)
    return found[1] if found else ""


def body(content: Content, bridge: LatexBridge, cited: Cited | None) -> list[Element]:
    """Return the body, the acknowledgments, the list of references, and the appendix."""
    made = [e for block in content.nodes if not is_appendix(block) for e in bridge.blocks([block])]
    for title, blocks in matter.closing(content, bridge):
        opener, closer = bridge.venue.thanks if title == "Acknowledgments" else (f"\\section*{{{title}}}", "")
        made += [raw_block(FORM, opener), *blocks, raw_block(FORM, closer)]
    made.append(raw_block(FORM, f"\\label{{{END}}}"))  # the page on which the text ends
    if cited and source.cited(content):
        style = bridge.venue.numbered if bridge.numeric else bridge.venue.bibliography
        made.append(raw_block(FORM, f"\\bibliographystyle{{{style}}}\n\\bibliography{{{Path(BIBLIOGRAPHY).stem}}}"))
    rest = [e for block in content.nodes if is_appendix(block) for e in bridge.blocks([block])]
    return [*made, raw_block(FORM, bridge.venue.appendix), *rest] if rest else made


def texts(source: str) -> str:
    """Return what a LaTeX source says, without pandoc's escapes; commands stay, between the texts.

    Code has no commands: those that colour it are taken out, and where it stands as typed nothing is.
    """
    found = []
    for piece in CODE.split(source):
        if piece.startswith("\\begin{Highlighting}"):
            piece = TOKEN.sub(r"\1", piece)
        found.append(piece if piece.startswith("\\begin{verbatim}") else ESCAPED.sub(_said, piece))
    return "".join(found)


def _said(found: re.Match[str]) -> str:
    if found["sign"] or found["bracket"]:
        return str(found["sign"] or found["bracket"])
    return NAMED[found["named"]] if found["named"] else " " if found["tie"] or found["thin"] else ""


def packages(content: Content) -> list[str]:
    """Return the packages that the formulas need beside the AMS's."""
    own = content.frontmatter.get("math", {})
    used = "\n".join([*(leaf.text for leaf in fidelity.formulas(content, "math", "inlineMath")), *macros(content)])
    return [
        package
        for package, commands in PACKAGES
        if any(
            re.search(rf"\\{re.escape(command)}(?![A-Za-z])", used) for command in commands if f"\\{command}" not in own
        )
    ]


def macros(content: Content) -> list[str]:
    """Return the author's macros as definitions: by \\def, so that they may stand in for commands of a class."""
    made = []
    for name, macro in content.frontmatter.get("math", {}).items():
        text = macro["macro"] if isinstance(macro, dict) else str(macro)
        count = max((int(digit) for digit in re.findall(r"#(\d)", text)), default=0)
        parameters = "".join(f"#{number}" for number in range(1, count + 1))
        made.append(f"\\def{own_names(name, content)}{parameters}{{{own_names(double_one(text), content)}}}")
    return made


def own_names(tex: str, content: Content) -> str:
    """Return TeX in which the author's macros have names of their own, where LaTeX needs theirs outside of formulas."""
    names = {name.removeprefix("\\") for name in content.frontmatter.get("math", {})} & set(RESERVED.split())
    return re.sub(rf"\\({'|'.join(sorted(names))})(?![A-Za-z])", r"\\octavo\1", tex) if names else tex


def double_one(tex: str) -> str:
    """Return a formula with the double-struck 1 as LaTeX can set it."""
    return DOUBLE_ONE.sub(r"{\\octavoone}", tex)


class LatexBridge(Bridge):
    """Floats, tables, equations and statements as LaTeX; its own counters number them, as the document does."""

    form: ClassVar[str] = FORM

    def __init__(self, content: Content, venue: Venue) -> None:
        super().__init__(content)
        self.venue = venue
        self.files: dict[str, Node] = {}
        self.tables: list[Place] = []
        self.underlined = False  # letters of more than a byte, which one package for it cannot take
        self.lists: list[bool] = []  # the lists that stand around, whether each is numbered
        self.boxed = 0  # how many boxes stand around, out of which LaTeX lets nothing float
        self.held: list[list[Element]] | None = None  # the footnotes of what LaTeX sets in one piece

    def inline_value(self, node: Node) -> list[Element]:
        return self.inline_text(node)

    def inline_inline_code(self, node: Node) -> list[Element]:
        """Code in a line; a long word of it may be broken behind its signs, and where it has none, anywhere."""
        made: list[Element] = []
        for piece in _pieces(node["value"]):
            made += [raw(FORM, "\\hspace{0pt}")] if made else []
            made.append(element("Code", [attributes(), piece]))
        return made

    def block_list(self, node: Node) -> list[Element]:
        kind = bool(node.get("ordered"))
        self.lists.append(kind)
        if self.lists.count(kind) > DEEPEST:
            what = f"LaTeX sets {DEEPEST} lists of a kind inside one another, and this is one more."
            self.problem(node, what, f"Flatten it, or {WITHOUT}")
        made = super().block_list(node)
        self.lists.pop()
        return made

    def inline_underline(self, node: Node) -> list[Element]:
        return self.lined(super().inline_underline(node))

    def inline_delete(self, node: Node) -> list[Element]:
        return self.lined(super().inline_delete(node))

    def lined(self, made: list[Element]) -> list[Element]:
        """Return words with a line through or below them, and note letters of more than a byte."""
        self.underlined |= not pandoc.plain_text(made).isascii()
        return made

    def formula(self, node: Node) -> str:
        return f"${self.tex(node)}$"

    def tex(self, node: Node) -> str:
        """Return a formula as LaTeX sets it, or keep the problem that it would set another."""
        tex = own_names(double_one(node["value"]), self.content)
        if re.search(r"\\tag\*?(?![A-Za-z])", tex):
            what = f"The formula ${node['value']}$ cannot be carried: \\tag."
            self.problem(node, what, "Give the formula a label: Octavo numbers it.")
        if other := DOUBLE_OTHER.search(tex):
            what = f"The formula ${node['value']}$ cannot be carried: LaTeX has no double-struck {other['sign']}."
            self.problem(node, what, r"Write \mathbf, or leave LaTeX out: octavo build paper --to pdf,html,docx")
        return tex

    def blocks(self, nodes: Iterable[Node]) -> list[Element]:
        return _joined(super().blocks(_continued(list(nodes))))

    def block_paragraph(self, node: Node) -> list[Element]:
        """A paragraph; what goes on after a display formula is not indented."""
        made = super().block_paragraph(node)
        after = bool(node.get("continues"))
        for block in made:
            if after and block["t"] == "Para":
                block["c"].insert(0, raw(FORM, "\\noindent "))
            after = block["t"] != "Para"
        return made

    def block_math(self, node: Node) -> list[Element]:
        target = self.label_of(node)
        env = "equation" if self.numbering.of(node) else "equation*"
        return [raw_block(FORM, f"\\begin{{{env}}}{target}\n{_one_number(self.tex(node))}\n\\end{{{env}}}")]

    def label_of(self, node: Node) -> str:
        """Return the label that references lead to."""
        target = self.numbering.target(node)
        return f"\\label{{{target}}}" if target else ""

    def block_heading(self, node: Node) -> list[Element]:
        classes = [] if self.numbering.of(node) else ["unnumbered"]
        identifier = self.numbering.target(node) or ""
        level = node["depth"] - self.top + 1
        if level > self.venue.levels:
            has = f"the class of '{self.venue.name}' has {self.venue.levels} levels of headings"
            what = f"In LaTeX {has}; this is level {level}."
            self.problem(node, what, f"Give it fewer #, or open its paragraph with bold words, or {WITHOUT}")
        return [element("Header", [level, attributes(identifier, classes), self.children(node)])]

    def inline_cross_reference(self, node: Node) -> list[Element]:
        """The words that mystmd resolved, with LaTeX's own number in them."""
        made = super().inline_cross_reference(node)
        target = self.numbering.target(node)
        if not made or target is None:
            return made
        text = self.numbering.reference(node)
        found = NUMBER.search(text)
        if with_formula(node) or not found or found["number"] != self.numbers.get(target):
            shown = self.children(node) if with_formula(node) else words(text)
            return [raw(FORM, f"\\hyperref[{target}]{{"), *shown, raw(FORM, "}")]
        before, after = text[: found.start("number")], text[found.end("number") :]
        return [*words(before), raw(FORM, f"\\ref{{{target}}}"), *words(after)]

    @property
    def numbers(self) -> dict[str, str]:
        """The number of each target, as the document counts it."""
        return self.numbering.numbers

    def citation(self, cites: Sequence[Node], *, narrative: bool) -> Element:
        made = self.cite(cites, narrative=narrative)
        works = [cite for cite in cites if cite["type"] == "cite"]
        for citation, cite in zip(made["c"][0], works, strict=True):
            citation["citationSuffix"] = _behind(cite.get("suffix") or "")
            if self.numeric and cite.get("partial") == "year":
                citation["citationMode"] = element("NormalCitation")  # by number there is no year to cite
        return made

    def inline_footnote_reference(self, node: Node) -> list[Element]:
        made = super().inline_footnote_reference(node)
        if not made or self.held is None:
            return made
        self.held.append(made[0]["c"])
        return [raw(FORM, f"\\protect\\footnotemark[\\numexpr\\value{{footnote}}+{len(self.held)}\\relax]")]

    def whole(self, make: Callable[[Node], list[Element]], node: Node) -> list[Element]:
        """Return what ``make`` makes of a node that LaTeX sets in one piece; of a footnote in it the text comes behind.

        LaTeX would print the mark, and lose the text.
        """
        if self.held is not None:
            return make(node)
        self.held = []
        made = make(node)
        opener = raw(FORM, "\\stepcounter{footnote}\\footnotetext{")
        for blocks in self.held:
            first = plain(opener, *blocks[0]["c"]) if blocks[0]["t"] in ("Para", "Plain") else plain(opener)
            rest = blocks[1:] if first["c"][1:] else blocks
            made += closed([first, *rest], raw(FORM, "}"))
        self.held = None
        return made

    def block_container(self, node: Node) -> list[Element]:
        return self.whole(super().block_container, node)

    def block_proof(self, node: Node) -> list[Element]:
        make = super().block_proof
        return self.whole(make, node) if node["kind"] == "algorithm" else make(node)

    def block_admonition(self, node: Node) -> list[Element]:
        return self.whole(self.box, node)

    def box(self, node: Node) -> list[Element]:
        """Return an admonition: nothing floats out of it."""
        self.boxed += 1
        title, inner = self.titled(node)
        self.boxed -= 1
        return [
            plain(raw(FORM, "\\begin{admonition}{"), *title, raw(FORM, f"}}{self.marked(node)}")),
            *inner,
            raw_block(FORM, "\\end{admonition}"),
        ]

    def marked(self, node: Node) -> str:
        """Return the label of what has no number."""
        label = self.label_of(node)
        return f"\\phantomsection{label}" if label else ""

    def term(self, node: Node) -> list[Element]:
        return [raw(FORM, self.marked(node)), *self.children(node)]

    def statement(self, node: Node, name: str) -> list[Element]:
        title, inner = self.titled(node)
        kind, label = node["kind"], self.label_of(node)
        if kind == "algorithm":
            caption = [raw(FORM, "\\caption{"), *title, raw(FORM, f"}}{label}")]
            opener = raw_block(FORM, f"\\begin{{octavoalgorithm}}{self.here}")
            caption.append(raw(FORM, "\n\\octavojustified"))
            return [opener, plain(*caption), *inner, raw_block(FORM, "\\end{octavoalgorithm}")]
        env = "proof" if kind == "proof" else f"octavo{kind}"
        begins = [
            raw(FORM, f"\\begin{{{env}}}"),
            *([raw(FORM, "["), *title, raw(FORM, "]")] if title else []),
            raw(FORM, label),
        ]
        return [plain(*begins), *closed(inner, raw(FORM, f"\n\\end{{{env}}}"))]

    # Figures and tables

    def label(self, node: Node) -> str:
        return ""  # LaTeX's own

    def float(self, node: Node, body: list[Node]) -> list[Element]:
        panels = [child for child in body if child["type"] == "container"]
        name = {"figure": "figure", "table": "table", "code": "octavoprogram"}[node["kind"]]
        widest = max((d["width"] for d in _drawings(body)), default=0)
        columns = self.columns(node) if panels else 1
        wide = "wide" in (node.get("class") or "").split() or widest * columns > self.venue.layout.column + SPARE
        env = f"{name}*" if wide and not self.boxed else name
        # Footnotes are numbered as they are come upon: a caption is taken where it is read.
        above = self.under(node) if name == "table" else []
        inner = (
            self.panels(panels, columns, wide=wide) if panels else [b for child in body for b in self.floated(child)]
        )
        below = [] if name == "table" else self.under(node)
        opener, closer = (
            raw_block(FORM, f"\\begin{{{env}}}{self.here}\n\\centering"),
            raw_block(FORM, f"\\end{{{env}}}"),
        )
        noted = [plain(raw(FORM, "\\tablenote{"), *note, raw(FORM, "}")) for note in self.notes(node)]
        return [opener, *above, *inner, *noted, *below, closer]

    def under(self, node: Node) -> list[Element]:
        """Return the caption of a float, with its label."""
        return [plain(raw(FORM, "\\caption{"), *self.caption(node), raw(FORM, f"}}{self.label_of(node)}"))]

    @property
    def here(self) -> str:
        """What says that a figure or table stands where it was written, if it does."""
        return "[H]" if self.boxed else ""

    def columns(self, node: Node) -> int:
        """Return how many panels stand side by side."""
        found = re.search(r"grid-cols-(\d+)", node.get("class") or "")
        return int(found[1]) if found else 2

    def panels(self, panels: list[Node], columns: int, *, wide: bool) -> list[Element]:
        width = "\\textwidth" if wide else "\\linewidth"
        parts: list[Element] = []
        for number, panel in enumerate(panels):
            children = [c for c in panel["children"] if c["type"] not in ("caption", "comment")]
            inner = [inline for child in children for block in self.floated(child) for inline in block["c"]]
            opener = raw(FORM, f"\\begin{{minipage}}[t]{{{0.98 / columns:.3f}{width}}}\\centering\n")
            caption = [raw(FORM, "\n\\panelcaption{"), *self.caption(panel), raw(FORM, f"}}{self.label_of(panel)}\n")]
            between = "\n\n" if (number + 1) % columns == 0 else "\\hfill\n"
            parts += [opener, *inner, *caption, raw(FORM, f"\\end{{minipage}}{between}")]
        return [plain(raw(FORM, "\\begin{octavopanels}\n"), *parts, raw(FORM, "\\end{octavopanels}"))]

    def floated(self, node: Node) -> list[Element]:
        if node["type"] == "drawing":
            return [plain(*self.drawing(node))]
        if node["type"] == "table":
            return [self.table(node, "", [])]
        if node["type"] == "code":
            return self.block_code(node)
        self.unknown(node, f"'{node['type']}' in a figure or table")
        return []

    def drawing(self, node: Node) -> list[Element]:
        only = next(iter(node["files"])) if len(node["files"]) == 1 else ""
        kind = only if only in ("png", "jpg", "jpeg") else "pdf"
        file = f"{node['name'].replace('.', '-')}.{node['medium']}.{kind}"
        self.files[file] = {**node, "kind": kind}
        options = f"width=\\ifdim{node['width']}in>\\linewidth\\linewidth\\else{node['width']}in\\fi"
        return [raw(FORM, f"\\includegraphics[{options},alt={{{_plain_alt(node['alt'])}}}]{{figures/{file}}}")]

    def block_table(self, node: Node) -> list[Element]:
        return self.whole(self.centred, node)

    def centred(self, node: Node) -> list[Element]:
        """Return a table that stands in the text."""
        return [raw_block(FORM, "\\begin{center}"), self.table(node, "", []), raw_block(FORM, "\\end{center}")]

    def block_drawing(self, node: Node) -> list[Element]:
        return [plain(raw(FORM, "\\begin{center}\n"), *self.drawing(node), raw(FORM, "\n\\end{center}"))]

    def table(self, node: Node, identifier: str, caption: list[Element]) -> Element:
        grid = read_grid(node)
        self.tables.append(self.place(node))
        letters = "".join(align[0] for align in grid.alignments)
        parts = [raw(FORM, f"\\fitted{{{len(self.tables)}}}{{{letters}}}{{")]
        parts += [inline for column in range(len(grid.alignments)) for inline in _measured(grid, column)]
        parts.append(raw(FORM, "}{\\toprule\n"))
        busy: dict[tuple[int, int], Cell] = {}
        for number, row in enumerate(grid.rows):
            parts += self.row(row, number, busy, grid.alignments)
            parts.append(raw(FORM, " \\\\\n"))
            if number < grid.headers - 1:
                spans = [cell for cell in row if cell.colspan > 1 and cell.node["children"]]
                parts += [raw(FORM, f"\\cmidrule(lr){{{c.column + 1}-{c.column + c.colspan}}}\n") for c in spans]
            if number == grid.headers - 1:
                parts.append(raw(FORM, "\\midrule\n"))
        return plain(*parts, raw(FORM, "\\bottomrule\n}"))

    def row(
        self, row: Sequence[Cell], number: int, busy: dict[tuple[int, int], Cell], alignments: Sequence[str]
    ) -> list[Element]:
        """Return the cells of a row; those that one above reaches down to are left empty."""
        begins = {cell.column: cell for cell in row}
        busy |= {(number + down, cell.column): cell for cell in row for down in range(1, cell.rowspan)}
        made: list[Element] = []
        column = 0
        while column < len(alignments):
            cell = begins.get(column) or busy.get((number, column))
            made += [raw(FORM, " & ")] if column else []
            if column in begins and cell:
                made += self.cell_of(cell, alignments[column])
            elif cell and cell.colspan > 1:
                made.append(raw(FORM, f"\\multicolumn{{{cell.colspan}}}{{c}}{{}}"))
            column += cell.colspan if cell else 1
        return made

    def cell_of(self, cell: Cell, align: str) -> list[Element]:
        blocks = self.cell(cell.node)
        if any(block["t"] != "Plain" for block in blocks):
            self.too_much(cell.node)
        inner: list[Element] = [inline for block in blocks for inline in block["c"]]
        if cell.rowspan > 1:
            inner = [raw(FORM, f"\\multirow{{{cell.rowspan}}}{{*}}{{"), *inner, raw(FORM, "}")]
        if cell.colspan == 1 and cell.align == align:
            return inner
        return [raw(FORM, f"\\multicolumn{{{cell.colspan}}}{{{cell.align[0]}}}{{"), *inner, raw(FORM, "}")]


def _pieces(code: str) -> list[str]:
    """Return code in the pieces between which a line may end beside its spaces."""
    if all(len(word) <= LONGEST for word in code.split()):
        return [code]
    pieces = re.findall(r"[\W_]+|[^\W_]+[\W_]*", code)
    parts = (re.findall(r"(?s).{1,8}", piece) if len(piece) > LONGEST else [piece] for piece in pieces)
    return [part for each in parts for part in each]


def _behind(text: str) -> list[Element]:
    """Return what stands behind a citation: ``p. 12`` in one line, ``3-5`` with a dash as other formats have it.

    Pandoc takes a § for its own mark of a section, and drops it.
    """
    text = re.sub(r"(?<=\d)-(?=\d)", "\u2013", re.sub(r"(?<=[a-z]\.) (?=\d)", "\u00a0", text))
    first, *others = text.split("§")
    return [*words(first), *(e for other in others for e in (raw(FORM, "\\S{}"), *words(other)))]


def _continued(nodes: list[Node]) -> list[Node]:
    """Return nodes with a mark on each paragraph that goes on after a display formula: it begins in lower case."""
    made = []
    for before, node in zip([None, *nodes], nodes, strict=False):
        follows = before is not None and before["type"] == "math" and node["type"] == "paragraph"
        first = node["children"][0] if follows and node.get("children") else {}
        goes_on = first.get("type") == "text" and first["value"][:1].islower()
        made.append({**node, "continues": True} if goes_on else node)
    return made


def _joined(blocks: Sequence[Element]) -> list[Element]:
    """Return blocks with each display formula in the paragraph that it follows.

    After an empty line LaTeX would set an empty line above it, too little below, and might begin a page with it.
    """
    made: list[Element] = []
    for block in blocks:
        formula = block["t"] == "RawBlock" and block["c"][1].startswith("\\begin{equation")
        if formula and made and made[-1]["t"] == "Para":
            made[-1] = element("Para", [*made[-1]["c"], raw(FORM, f"\n{block['c'][1]}")])
        else:
            made.append(block)
    return made


def _drawings(body: Sequence[Node]) -> list[Node]:
    found = [child for child in body if child["type"] == "drawing"]
    return found + [inner for child in body if child["type"] == "container" for inner in _drawings(child["children"])]


def _measured(grid: Table, column: int) -> list[Element]:
    """Return what of a column LaTeX measures before it breaks it into lines: its longest words and lines."""
    most, lines = tables.longest(grid, column)
    formulas = "".join(f"${node['value']}$\\\\" for node in tables.formulas(grid, column))
    parts = [raw(FORM, f"\\octavocolumn{{{grid.alignments[column][0]}}}{{{formulas}")]
    for texts in (most, lines):
        parts += [inline for text in texts for inline in (*words(text), raw(FORM, "\\\\"))]
        parts.append(raw(FORM, "}{" if texts is most else "}"))
    return parts


def _one_number(tex: str) -> str:
    found = OUTER.fullmatch(tex.strip())
    if not found:
        return tex.strip()
    if found["name"] == "equation":
        return found["body"].strip()
    name, inner = INNER[found["name"]], found["body"]
    if found["name"] == "eqnarray":
        inner = re.sub(r"&\s*(=|<|>|\\[a-z]+)\s*&", r"&\1", inner)
    return f"\\begin{{{name}}}{inner}\\end{{{name}}}"


def _plain_alt(text: str) -> str:
    """Return an alternative text as an option takes it: no braces, no commands, no commas outside of them."""
    return re.sub(r"[\\{}#%&$^_~]", " ", text)
