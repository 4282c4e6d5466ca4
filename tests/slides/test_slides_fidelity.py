"""No word of the deck is lost in an output."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from octavo.document import fidelity
from octavo.errors import OctavoError
from octavo.slides.deck import Deck
from octavo.slides.leaves import leaves
from octavo.slides.writers import pdf, pptx, reveal


def test_every_word_is_in_every_output(deck: Deck, template_file: Path) -> None:
    """Every text of the deck is found in the page and the .pptx, notes too, and all but the notes in the PDF."""
    wanted = [*leaves(deck)]
    fidelity.check(wanted, reveal.texts(reveal.write(deck)), "deck.html")
    fidelity.check(wanted, pptx.texts(pptx.write(deck, template_file)), "deck.pptx")
    fidelity.check([leaf for leaf in wanted if not leaf.notes], pdf.texts(deck), "deck.pdf")


def test_a_lost_word_stops_the_build(deck: Deck) -> None:
    """A text that an output does not have, or has too seldom, is an error with its line."""
    lost = msgspec.structs.replace(deck, slides=deck.slides[:-2])
    with pytest.raises(OctavoError, match=r"'Standard errors.' was lost on the way into deck.html") as caught:
        fidelity.check(leaves(deck), reveal.texts(reveal.write(lost)), "deck.html")
    assert "slides/deck.md:50" in str(caught.value) or "slides/deck.md:49" in str(caught.value)
    assert "'−8,498' was lost" in str(caught.value)
