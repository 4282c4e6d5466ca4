"""Pictures that lie beside the paper, and lists of tasks, come out in every format, or stop the build (promise 1)."""

from __future__ import annotations

import io
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from lxml import html as lxml_html

if TYPE_CHECKING:
    from tests.conftest import Content, Tiny

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 192 96"><rect width="192" height="96" fill="#0072b2"/></svg>'
)
PAPER = """---
title: T
authors: [Ann Other]
---
# One

:::{figure} pics/dots.png
:label: fig-dots
:alt: Four dots
:width: 50%
Dots.
:::

::::{figure}
:label: fig-both

:::{figure} pics/lines.svg
:label: fig-left
:alt: A blue field
The left.
:::

:::{figure} pics/dots.png
:label: fig-right
:alt: Four dots again
The right.
:::

Both.
::::

See [](#fig-dots) and [](#fig-right).

- [ ] to be done
- [x] done
"""


def png(width: int, height: int, told: tuple[int, int] = (0, 0)) -> bytes:
    """Return a grey picture, which may tell that it is of another size."""
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", *(told if any(told) else (width, height)), 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


FILES: dict[str, Content] = {
    "pyproject.toml": "[tool.octavo]\n[tool.octavo.paper]\nsource = 'paper/paper.md'\n",
    "paper/paper.md": PAPER,
    "paper/pics/dots.png": png(40, 20),
    "paper/pics/lines.svg": SVG,
}


def test_pictures_and_tasks_come_out_in_every_format(tiny: Callable[..., Tiny]) -> None:
    """Three pictures with their texts, two boxes, and the numbers of the panels."""
    project = tiny(FILES)
    assert project.octavo("build").code == 0
    made = project.root / "build/paper"
    page = lxml_html.parse(str(made / "paper.html")).getroot()
    assert len(page.xpath("//figure//img")) == 2 and len(page.xpath("//figure//*[name() = 'svg']")) == 1
    assert len(page.xpath("//li//input[@type='checkbox']")) == 2
    with zipfile.ZipFile(io.BytesIO((made / "paper.docx").read_bytes())) as package:
        words = package.read("word/document.xml").decode()
        assert len([name for name in package.namelist() if name.startswith("word/media/")]) >= 2
        lists = package.read("word/numbering.xml").decode()
    assert words.count("<pic:pic") == 3 and 'descr="Four dots"' in words
    assert "\u2610" in lists and "\u2612" in lists, "Word draws the boxes as it draws bullets"
    xml = etree.parse(str(made / "jats/paper.xml"))
    shown = [g.get("{http://www.w3.org/1999/xlink}href") for g in xml.iter("graphic")]
    assert len(shown) == 3 and all((made / "jats" / name).is_file() for name in shown)
    source = (made / "latex/paper.tex").read_text()
    assert source.count("\\includegraphics") == 3 and "$\\boxtimes$" in source
    assert "Figure~\\ref{fig-right}" in source and (made / "latex/figures/lines.image.pdf").is_file()
    import pypdf

    pages = pypdf.PdfReader(made / "paper.pdf").pages
    assert "Figure 2b" in pages[0].extract_text().replace("\u00a0", " ") and "\u2610" in pages[0].extract_text()
    assert sum(len(page.images) for page in pages) >= 1, "a picture that is shown twice is there once"
    if shutil.which("latexmk"):
        assert (made / "latex/paper.pdf").read_bytes().startswith(b"%PDF-")


def test_a_changed_picture_is_a_new_paper(tiny: Callable[..., Tiny]) -> None:
    """Its bytes are in the key of what shows it."""
    project = tiny(FILES)
    project.octavo("build", "paper", "--to", "html")
    before = project.read("build/paper/paper.html")
    project.write({"paper/pics/lines.svg": SVG.replace("#0072b2", "#d55e00")})
    project.octavo("build", "paper", "--to", "html")
    after = project.read("build/paper/paper.html")
    assert "#0072b2" in before and "#0072b2" not in after and "#d55e00" in after


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("dots.png", b"no picture", "The picture 'dots.png' cannot be shown: it cannot be read"),
        ("dots.png", png(4, 4, (20_000, 10_000)), "The picture 'dots.png' cannot be shown: it has too many pixels"),
        ("lines.svg", "<svg", "The picture 'lines.svg' cannot be shown: it is no SVG that can be read"),
        ("lines.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>', "cannot be shown: it tells no size"),
        ("lines.svg", SVG.replace("<rect", "<script>alert(1)</script><rect"), "cannot be shown: it holds a script"),
        ("lines.svg", SVG.replace("<rect", '<rect onload="alert(1)"'), "cannot be shown: it holds a script"),
        ("lines.svg", SVG.replace("<rect", '<a href="java\nscript:alert(1)"/><rect'), "it holds a script"),
        ("lines.svg", SVG.replace("<svg xmlns", "<s:svg xmlns:s").replace("</svg", "</s:svg"), "must be a plain <svg>"),
    ],
)
def test_a_picture_that_cannot_be_shown_is_told(
    tiny: Callable[..., Tiny], name: str, content: Content, told: str
) -> None:
    """With its name, its line and the way out; one of too many pixels is never opened."""
    said = tiny({**FILES, f"paper/pics/{name}": content}).octavo("build", "paper", "--to", "pdf,docx")
    assert said.code == 3 and told in said.err and "paper/paper.md:" in said.err, said.err


def test_a_picture_without_words_is_told(tiny: Callable[..., Tiny]) -> None:
    """The caption is not taken for what a reader who cannot see it needs."""
    said = tiny({**FILES, "paper/paper.md": PAPER.replace(":alt: Four dots\n", "")}).octavo(
        "build", "paper", "--to", "pdf"
    )
    assert said.code == 3 and "has no text for readers who cannot see it" in said.err and "`:alt:`" in said.err
