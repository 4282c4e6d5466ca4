"""Where reveal.js and the typefaces lie, which come with packages: the sans-serif one, and East Asian ones."""

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
# Chinese letters, simplified and traditional, and kana; Hangul. Of each there is one weight, and no italic.
EAST_ASIAN = (
    ("Noto Serif SC", "pylopdf_fonts_zh_cn", "NotoSerifSC-Regular.otf"),
    ("Noto Serif KR", "pylopdf_fonts_ko", "NotoSerifKR-Regular.otf"),
)
_INSIDE = Path("_static") / "revealjs"
_FONTS = Path("dist") / "theme" / "fonts" / "source-sans-pro"


def reveal() -> Path:
    """Return the folder of reveal.js.

    Raises BuildError when the package is not installed or does not hold it.
    """
    # Importing the package would import Sphinx; its place is enough.
    places = [place / _INSIDE for place in _places("sphinx_revealjs")]
    found = next((place for place in places if (place / "dist" / "reveal.js").is_file()), None)
    if found is None:
        raise BuildError(
            "reveal.js was not found: the package sphinx-revealjs that carries it is not installed or has changed.",
            hint="Run `make` to set the environment up again, or `pip install sphinx-revealjs`.",
        )
    return found


def _places(package: str) -> list[Path]:
    """Return the folders of a package, none where it is not installed."""
    spec = importlib.util.find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or [] if spec else [])]


def east_asian() -> dict[str, Path]:
    """Return the fonts of East Asian letters by the names of their families, as far as they are installed."""
    files = ((family, place / file) for family, package, file in EAST_ASIAN for place in _places(package))
    return {family: file for family, file in files if file.is_file()}


def lacking() -> list[str]:
    """Return the packages of East Asian letters that are not installed."""
    there = east_asian()
    return [package.replace("_", "-") for family, package, _ in EAST_ASIAN if family not in there]


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
