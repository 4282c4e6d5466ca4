"""The formulas as each output has them, by the real writers from one parsed paper, and as LaTeX alone sets them."""

from __future__ import annotations

import io
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

from lxml import etree, html
from tests.formulas import corpus, marks
from tests.formulas.marks import Mark

from octavo.document import shape
from octavo.document.shape import Sign
from octavo.document.source import Content, Node
from octavo.paper.venues import VENUES
from octavo.paper.writers import docx, jats, latex, typst
from octavo.paper.writers import html as web

PAGE = "paperwidth=14in,paperheight=6in,margin=.3in"
MATHML = "{http://www.w3.org/1998/Math/MathML}"
# What an author would load for these formulas.
ALONE = rf"""\documentclass[10pt]{{article}}
\usepackage[utf8]{{inputenc}}
\usepackage{{amsmath,amssymb,bm,mathtools,mathrsfs,cancel,xcolor}}
\usepackage[{PAGE}]{{geometry}}
\input{{glyphtounicode}}\pdfgentounicode=1
\pagestyle{{empty}}
\newcommand{{\doubleone}}{{\mathrm{{1\mkern-4.2mu l}}}} % the AMS fonts have none, and another sign in its place
"""
OUTER = re.compile(r"(\\(?:begin|end)\{(?:align|gather|alignat))\*?\}")


def refused(content: Content, output: str, folder: Path) -> dict[str, str]:
    """Return the formulas of a paper that an output refuses, each with what is said of it."""
    made = {
        "typst": lambda: typst.TypstBridge(content, VENUES["article"]),
        "latex": lambda: latex.LatexBridge(content, VENUES["article"]),
        "html": lambda: web.HtmlBridge(content),
        "docx": lambda: docx.DocxBridge(content, folder),
        "jats": lambda: jats.JatsBridge(content),
    }
    bridge = made[output]()
    found = {}
    for node in corpus.displays(content):
        before = len(bridge.problems)
        bridge.block_math(node)
        if len(bridge.problems) > before:
            found[node["value"]] = re.sub(
                r"^.*?cannot be carried( into Word)?: ", "", bridge.problems[before].what, flags=re.S
            )
    return found


def typst_marks(content: Content, folder: Path) -> list[list[Mark]]:
    """Return what the paper's PDF shows of each formula: the real source, a formula a page."""
    import typst as compiler

    from octavo.document import typst as door

    folder.mkdir()
    made, *_ = typst.source(content, folder, VENUES["article"], None)
    made = re.sub(r'^#equation\((none|"\(\d+\)"), ', "#pagebreak()\n#equation(none, ", made, flags=re.M)
    own = "#set page(width: 14in, height: 6in, margin: .3in, columns: 1, header: none, footer: none)\n"
    head, _, body = made.partition("#pagebreak()")
    main = folder / "main.typ"
    main.write_text(f"{head}\n{own}#pagebreak(){body}", encoding="utf-8")
    pdf = folder / "paper.pdf"
    data = compiler.compile(
        str(main), font_paths=door.fonts(folder), ignore_system_fonts=True, timestamp=0, pdf_standards=["ua-1"]
    )
    pdf.write_bytes(data)
    return _last(pdf, len(list(corpus.displays(content))))


def written_marks(content: Content, folder: Path) -> list[list[Mark]]:
    """Return what LaTeX shows of each formula of the paper's own source, a formula a page, in LaTeX's own type."""
    latex.write(content, folder, venue=VENUES["article"], cited=None)
    made = (folder / latex.SOURCE).read_text(encoding="utf-8")
    made = made.replace("[10pt,twocolumn]", "[10pt]").replace("\\usepackage[T1]{fontenc}\n\\usepackage{lmodern}\n", "")
    made = made.replace(
        "\\begin{document}", "\\input{glyphtounicode}\\pdfgentounicode=1\\pagestyle{empty}\\begin{document}"
    )
    made = re.sub(r"\\usepackage\[letterpaper[^]]*\]", lambda _: f"\\usepackage[{PAGE}]", made)
    made = re.sub(r"\\begin\{equation\*?\}(\\label\{[^}]*\})?", lambda _: r"\clearpage\begin{equation*}", made)
    made = made.replace("\\end{equation}", "\\end{equation*}")
    return _last(_latex(made, folder), len(list(corpus.displays(content))))


def raw_marks(content: Content, folder: Path) -> list[list[Mark]]:
    """Return what LaTeX shows of each formula, set as its author would set it."""
    folder.mkdir()
    shown = [_displayed(node["value"]) for node in corpus.displays(content)]
    macros = [re.sub(r"\\mathbb\{1\}", r"\\doubleone", macro) for macro in latex.macros(content)]
    pages = [tex.replace(r"\mathbb{1}", r"\doubleone") for tex in shown]
    body = "\n\\clearpage\n".join(pages)
    made = "\n".join([ALONE, *macros, r"\begin{document}", body, r"\end{document}"])
    return _last(_latex(made, folder), len(pages))


def _displayed(tex: str) -> str:
    if re.match(r"\s*\\begin\{(align|gather|alignat)\*?\}", tex):
        return OUTER.sub(r"\1*}", tex)
    return rf"\[ {tex} \]"


def _latex(made: str, folder: Path) -> Path:
    (folder / "set.tex").write_text(made, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "set.tex"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, "\n".join(log[log.find("\n!") :].splitlines()[:6])
    return folder / "set.pdf"


def _last(pdf: Path, count: int) -> list[list[Mark]]:
    return marks.read(pdf)[-count:]


def wanted(content: Content) -> list[list[Sign]]:
    """Return what KaTeX's MathML has of each formula."""
    return [shape.of_mathml(_plain(node)) for node in corpus.displays(content)]


def _plain(node: Node) -> Any:
    """Return KaTeX's MathML as it is, but for the TeX in it."""
    found = re.search(r"<math.*?</math>", node["html"], re.S)
    assert found
    root = etree.fromstring(found[0].replace("&nbsp;", "\u00a0"))
    for annotation in root.iter(f"{MATHML}annotation"):
        annotation.getparent().remove(annotation)
    return root


def web_signs(content: Content, folder: Path) -> list[list[Sign]]:
    """Return what the page has of each formula."""
    page = html.fromstring(web.write(content, cited=None).decode())
    return [shape.of_mathml(math) for math in page.iter("math")]


def jats_signs(content: Content, folder: Path) -> list[list[Sign]]:
    """Return what the JATS file has of each formula."""
    jats.write(content, folder, cited=None)
    root = etree.parse(folder / jats.SOURCE)
    return [shape.of_mathml(math) for math in root.iter(f"{MATHML}math")]


def word_signs(content: Content, folder: Path) -> list[list[Sign]]:
    """Return what Word's file has of each formula."""
    data = docx.write(content, cited=None)
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        root = etree.fromstring(package.read("word/document.xml"))
    return [shape.of_word(math) for math in root.iter(f"{shape.MATH}oMath")]
