"""Write the deck: one HTML file, a .pptx and a PDF from one parsed source and the results."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from octavo.document import fidelity
from octavo.document.source import Content
from octavo.model import Results
from octavo.slides.deck import Deck
from octavo.slides.fill import fill
from octavo.slides.leaves import leaves
from octavo.slides.reader import read
from octavo.slides.writers import pdf as pdf_writer
from octavo.slides.writers import pptx as pptx_writer
from octavo.slides.writers import reveal


def html(content: Content, results: Results, out_dir: Path, theme: str = "light") -> Path:
    """Write ``deck.html``, reveal.js slides that need nothing beside the file, and return its path.

    Raises DocumentError (or Problems) for what a slide cannot carry, does not fit, or would lose.
    """
    deck = _deck(content, results, theme)
    pdf_writer.check(deck)  # the two share their measures and their typeface
    page = reveal.write(deck)
    fidelity.check(leaves(deck), reveal.texts(page), "deck.html")
    return _put(out_dir / "deck.html", page.encode("utf-8"))


def pptx(content: Content, results: Results, out_dir: Path, template: Path, theme: str = "light") -> Path:
    """Write ``deck.pptx`` with the layouts of ``template`` and return its path. Raises as ``html`` does."""
    deck = _deck(content, results, theme)
    data = pptx_writer.write(deck, template)
    fidelity.check(leaves(deck), pptx_writer.texts(data), "deck.pptx")
    return _put(out_dir / "deck.pptx", data)


def pdf(content: Content, results: Results, out_dir: Path, theme: str = "light") -> Path:
    """Write ``deck.pdf``, without the notes, and return its path. Raises as ``html`` does."""
    deck = _deck(content, results, theme)
    shown = (leaf for leaf in leaves(deck) if not leaf.notes)
    fidelity.check(shown, pdf_writer.texts(deck), "deck.pdf")
    return _put(out_dir / "deck.pdf", pdf_writer.write(deck))


def _deck(content: Content, results: Results, theme: str) -> Deck:
    return fill(replace(read(content), theme=theme), results)


def _put(path: Path, data: bytes) -> Path:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    return part.replace(path)
