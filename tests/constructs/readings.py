"""An output of the paper of every construct, written and read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.constructs.manuscript import Manuscript
from tests.constructs.markup import DocxReading, HtmlReading, JatsReading
from tests.constructs.pdf import PdfReading
from tests.constructs.reading import Reading
from tests.constructs.rows import CAPTIONS

READERS: dict[str, Callable[[Path], Reading]] = {
    "pdf": PdfReading,
    "latex": PdfReading,
    "docx": DocxReading,
    "jats": JatsReading,
    "html": HtmlReading,
}
PROGRAMS = {"latex": "latexmk", "html": "chromium"}  # what is needed to look at an output


def reading(manuscript: Manuscript, output: str, folder: Path) -> Reading:
    """Write an output into ``folder`` and read it back."""
    made = READERS[output](manuscript.write(output, folder))
    if isinstance(made, PdfReading):
        made.captions = CAPTIONS
    return made
