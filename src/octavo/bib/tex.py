r"""The TeX in a bibliography: pandoc drops a command that it does not know, with what follows in braces.

KNOWN is what it carries, found by writing each of them: accents, letters, signs and looks. Of ``\th{}``, say, nothing
is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from octavo.bib.load import Bibliography, Entry
from octavo.model import Finding, Place

# The fields that a list of references prints; TeX in others (abstract, keywords, file) does no harm.
PRINTED = (
    *("author", "editor", "translator", "title", "subtitle", "journal", "journaltitle", "booktitle", "publisher"),
    *("institution", "school", "organization", "series", "edition", "volume", "number", "issue", "pages", "chapter"),
    *("note", "howpublished", "address", "location", "type", "year", "month", "date"),
)
NAMES = """
textit emph textbf textsc texttt textrm textsf textup textnormal textmd textsl textsuperscript textsubscript
underline uline ul st sout hl enquote uppercase MakeUppercase lowercase MakeLowercase url nolinkurl textgreek
bibstring mkbibquote mkbibemph mkbibbold mkbibitalic mkbibparens mkbibbrackets autocap
c v k H u r d b t G f U i j o O l L ss ae AE oe OE aa AA bf it em rm sl bfseries itshape scshape slshape
LaTeX TeX ldots dots textquoteleft textquoteright textquotedblleft textquotedblright textquotesingle textquotedbl
guillemotleft guillemotright guilsinglleft guilsinglright quotesinglbase quotedblbase
textregistered copyright textcopyright textdollar pounds textsterling euro S P textdagger textdegree textsection
textparagraph textasciitilde textasciicircum textbackslash textless textgreater slash textmu textbullet textonehalf
textonequarter textthreequarters texttwosuperior textthreesuperior textyen hyphen newline
"""
SIGNS = "'`^\"~=.&%$_#{},;:!-/@\\ \n"
KNOWN = frozenset((*NAMES.split(), *SIGNS))
FORMULA = re.compile(r"(?<!\\)(?:\\\\)*(\$|\\\(|\\\[|\\ensuremath(?![A-Za-z]))")
COMMAND = re.compile(r"\\([A-Za-z]+|.)", re.DOTALL)


def unprintable(bibliography: Bibliography, cited: Mapping[str, Place]) -> Iterator[Finding]:
    """Yield what a cited entry has in a printed field, and no list of references would show."""
    for entry in bibliography.entries:
        if entry.key in cited:
            for name in PRINTED:
                yield from _of_field(bibliography, entry, name)


def _of_field(bibliography: Bibliography, entry: Entry, name: str) -> Iterator[Finding]:
    value = entry.fields.get(name, "")

    def fault(position: int, message: str, hint: str) -> Finding:
        line = entry.lines.get(name, entry.line) + value.count("\n", 0, position)
        return Finding("bib-field-printable", "error", message, Place(bibliography.file, line), hint)

    if formula := FORMULA.search(value):
        message = f"The {name} of '{entry.key}' has a formula, which not every format can show."
        yield fault(formula.start(), message, r"Write it in letters, such as β, √n or x²; a dollar sign is \$.")
        return
    for command in COMMAND.finditer(value):
        if command[1] not in KNOWN:
            message = f"The {name} of '{entry.key}' has '{command[0]}', which is not known: text would be lost."
            yield fault(command.start(), message, "Write the letters themselves: the file is UTF-8.")
