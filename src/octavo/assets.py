"""Where reveal.js and the sans-serif typeface lie: both come with the package sphinx_revealjs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from octavo.errors import BuildError

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
