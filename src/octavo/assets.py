"""Where reveal.js and the sans-serif typeface lie: both come with the package sphinx_revealjs."""

from __future__ import annotations

import importlib.util
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from octavo.errors import BuildError

FACES = (
    ("regular", 400, "normal"),
    ("italic", 400, "italic"),
    ("semibold", 600, "normal"),
    ("semibolditalic", 600, "italic"),
)
_INSIDE = Path("_static") / "revealjs"
_FONTS = Path("dist") / "theme" / "fonts" / "source-sans-pro"


def reveal() -> Path:
    """Return the folder of reveal.js.

    Raises BuildError when the package is not installed or does not hold it.
    """
    # Importing the package would import Sphinx; its place is enough.
    spec = importlib.util.find_spec("sphinx_revealjs")
    places = [Path(place) / _INSIDE for place in (spec.submodule_search_locations or [] if spec else [])]
    found = next((place for place in places if (place / "dist" / "reveal.js").is_file()), None)
    if found is None:
        raise BuildError(
            "reveal.js was not found: the package sphinx-revealjs that carries it is not installed or has changed.",
            hint="Run `make` to set the environment up again, or `pip install sphinx-revealjs`.",
        )
    return found


def fonts() -> Path:
    """Return the folder of Source Sans Pro, as TrueType and WOFF."""
    return reveal() / _FONTS


def font_faces(names: Sequence[str] = ("regular", "italic", "semibold")) -> str:
    """Return the style sheet that puts the faces of Source Sans Pro into an HTML page."""
    faces = []
    for name, weight, style in FACES:
        if name in names:
            data = b64encode((fonts() / f"source-sans-pro-{name}.woff").read_bytes()).decode("ascii")
            faces.append(
                f'@font-face {{ font-family: "Source Sans Pro"; font-weight: {weight}; font-style: {style}; '
                f'src: url("data:font/woff;base64,{data}") format("woff"); }}'
            )
    return "\n".join(faces)
