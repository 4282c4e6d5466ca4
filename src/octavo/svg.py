"""Put an SVG drawing into a page: ids of its own, an accessible name, no prologue."""

from __future__ import annotations

import re
from html import escape


def inline(drawing: str, prefix: str, alt: str) -> str:
    """Return the text of an SVG as an element for an HTML page.

    ``prefix`` makes its ids differ from those of other drawings; ``alt`` is read to those who cannot see it. Its size
    is left to the page.
    """
    start = drawing.index("<svg")
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", drawing[start:], flags=re.DOTALL).strip()
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{prefix}-\2"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    opening, rest = body.split(">", 1)
    opening = re.sub(r'\s(width|height|version)="[^"]*"', "", opening)
    end = "/>" if opening.endswith("/") else ">"
    return f'{opening.rstrip("/")} role="img" aria-label="{escape(alt)}"{end}{rest}'
