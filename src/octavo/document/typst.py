"""The one way to run Typst: bundled fonts alone, no clock, and what it would leave out is an error."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from octavo.document.fidelity import Leaf
from octavo.errors import BuildError, DocumentError, OctavoError, raise_all
from octavo.model import Place

if TYPE_CHECKING:
    import typst

# Accessible PDF: without it a character that no font has would become a box, and no word said.
STANDARD: Literal["ua-1"] = "ua-1"
# By the marks that the template leaves.
TOO_LARGE = {
    "too-many-columns": (
        "The table is wider than its column: its cells would be printed over one another.",
        "Give its `{table}` the option `:class: wide`, or take columns out.",
    ),
    "too-tall": (
        "This figure, table or listing is taller than a page: its end would be lost.",
        "Split it, or take lines out; a listing without a caption goes on over the page.",
    ),
}
# East Asian letters and punctuation: signs and kana, Chinese letters, Hangul, full width.
EAST_ASIAN = re.compile(r"[\u2e80-\u33ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\uffef\U00020000-\U0003ffff]")
GLYPH = re.compile(r'the text `"(.+?)"` could not be displayed')


def string(text: str) -> str:
    """Return a text as a string of Typst."""
    return '"' + composed(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def composed(text: str) -> str:
    """Return a text on one line, in composed Unicode."""
    return unicodedata.normalize("NFC", text).replace("\n", " ")


def families(text: str) -> list[str]:
    """Return the typefaces that a text needs behind its own: one that Typst finds by itself has a single kana, の."""
    from octavo import assets

    return list(assets.east_asian()) if EAST_ASIAN.search(text) else []


def fonts(folder: Path, text: str = "") -> list[str]:
    """Return the fonts for a text beside Typst's own: those of the figures, and East Asian ones where it has such.

    Figures are set in Source Sans Pro, and their formulas and signs in matplotlib's DejaVu. Typst reads no file by
    itself, and the packages have others beside these, such as one with a box for every character: ``folder``, in which
    Typst works, gets a folder of links. East Asian fonts are large.
    """
    import matplotlib as mpl

    from octavo import assets

    drawn = (Path(mpl.get_data_path()) / "fonts" / "ttf").glob("DejaVu*.ttf")
    links = folder / "fonts"
    links.mkdir(exist_ok=True)
    for file in (*drawn, *(assets.east_asian().values() if EAST_ASIAN.search(text) else ())):
        if (links / file.name).exists():
            continue
        try:
            (links / file.name).symlink_to(file)
        except OSError:  # not every system has them
            shutil.copyfile(file, links / file.name)
    return [str(assets.fonts()), str(links)]


def picture(svg: Path, form: Literal["png", "pdf"], width: float, folder: Path, *, dpi: int = 200) -> bytes:
    """Return a drawing of so many inches across as a PNG, or as a PDF, for formats whose readers know no SVG.

    ``folder`` is where Typst works. Raises BuildError.
    """
    import typst

    shutil.copyfile(svg, folder / "drawing.svg")
    main = folder / "drawing.typ"
    page = f"#set page(width: {width}in, height: auto, margin: 0pt)"
    main.write_text(f'{page}\n#image("drawing.svg", width: 100%)', encoding="utf-8")
    try:
        data = typst.compile(
            str(main),
            root=str(folder),
            format=form,
            ppi=dpi,
            font_paths=fonts(folder),
            ignore_system_fonts=True,
            timestamp=0,
        )
    except typst.TypstError as error:
        raise BuildError(f"Typst could not draw '{svg.name}': {error}", hint="Report it [this is a bug].") from error
    assert isinstance(data, bytes)
    return data


def pdf(
    main: Path,
    leaves: Sequence[Leaf],
    file: str,
    formulas: Mapping[str, Place | None],
    marks: Sequence[str],
    entries: Sequence[Leaf] = (),
) -> tuple[bytes, dict[str, list[Any]]]:
    """Return the PDF of a Typst source whose folder holds all that it reads, and the values at its ``marks``.

    ``leaves`` are its texts, ``entries`` those of its bibliography, to name the line of one that cannot be shown;
    ``file`` is what the user wrote;
    ``formulas`` are the places of display formulas by their TeX, to name one that is too wide.
    Raises DocumentError (or Problems) for characters that cannot be shown, BuildError for anything else.
    """
    import typst

    raise_all(loose_accents(leaves))
    files = fonts(main.parent, main.read_text(encoding="utf-8"))
    compiler = typst.Compiler(str(main), root=str(main.parent), font_paths=files, ignore_system_fonts=True)
    try:
        data, warnings = compiler.compile_with_warnings(format="pdf", timestamp=0, pdf_standards=[STANDARD])
    except typst.TypstError as error:
        raise_all(unseen([*leaves, *entries], error.diagnostic, file))
        raise BuildError(
            f"Typst could not set the paper: {error}", where=file, hint="Report it [this is a bug]."
        ) from error
    raise_all([*_too_wide(compiler, formulas), *_too_large(compiler)])
    if warnings:
        told = "; ".join(str(warning) for warning in warnings)
        raise BuildError(f"Typst warns: {told}", where=file, hint="Report it [this is a bug].")
    assert isinstance(data, bytes)  # a list only when pages are files of their own
    return data, {mark: json.loads(compiler.query(f"<{mark}>", field="value")) for mark in marks}


def _too_wide(compiler: typst.Compiler, formulas: Mapping[str, Place | None]) -> list[OctavoError]:
    """Return an error for each formula that runs out of its column or into its number."""
    return [
        DocumentError(
            f"The formula is wider than its column: {' '.join(tex.split())[:60]} …",
            where=str(formulas.get(tex, "")),
            hint="Set it apart in lines: \\begin{aligned} a &= b \\\\ &\\quad + c \\end{aligned}.",
        )
        for tex in json.loads(compiler.query("<too-wide>", field="value"))
    ]


def _too_large(compiler: typst.Compiler) -> list[OctavoError]:
    """Return an error for each table and float that runs off its column or its page; the marks hold their places."""
    return [
        DocumentError(what, where=where, hint=hint)
        for mark, (what, hint) in TOO_LARGE.items()
        for where in dict.fromkeys(json.loads(compiler.query(f"<{mark}>", field="value")))
    ]


def loose_accents(leaves: Iterable[Leaf]) -> list[OctavoError]:
    """Return an error for each text with a loose accent: Typst loses the letter under it, and says nothing."""
    return [
        DocumentError(
            f"'{leaf.text}' has an accent that is a character of its own.",
            where=str(leaf.place or ""),
            hint="Write the accented letter as a formula, `$\\hat{x}$`.",
        )
        for leaf in leaves
        if any(unicodedata.combining(c) for c in unicodedata.normalize("NFC", leaf.text))
    ]


def unseen(leaves: Sequence[Leaf], message: str, file: str) -> list[OctavoError]:
    """Return an error for each place that has characters which no font can show."""
    from octavo import assets

    found: dict[str, list[str]] = {}
    for text in dict.fromkeys(GLYPH.findall(message)):
        place = next((leaf.place for leaf in leaves if leaf.place and text in leaf.text), Place(file))
        found.setdefault(str(place), []).append(f"'{text}'")
    packages = " ".join(assets.lacking()) if EAST_ASIAN.search(message) else ""
    hint = f"Install the fonts: `make`, or `pip install {packages}`." if packages else "Write it in other letters."
    return [
        DocumentError(f"No font has the character{'s' * (len(signs) > 1)} {', '.join(signs)}.", where=where, hint=hint)
        for where, signs in found.items()
    ]
