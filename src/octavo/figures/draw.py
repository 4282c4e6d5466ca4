"""Draw a figure for every medium: the same bytes for the same data, on paper and on a screen."""

from __future__ import annotations

import hashlib
import io
import logging
import pickle
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from octavo.errors import BuildError, NotebookError, UsageError
from octavo.figures.record import FigureRecord, restless, write
from octavo.model import Drawing, Figure, Medium

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

Draw = Callable[["MatplotlibFigure"], object]
POINTS = 72  # an inch: what is drawn with lines is laid out in points
PNG_DPI, PNG_ALONE_DPI = 150, 300  # beside drawings of lines, which are printed; where there are none
# Text stays text, set in fonts that are embedded (PDF) or named (SVG); nothing of the clock or the machine.
FIXED: dict[str, Any] = {"pdf.fonttype": 42, "svg.fonttype": "none", "figure.dpi": 100, "savefig.dpi": PNG_DPI}
METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
DECLARED: ContextVar[bool] = ContextVar("DECLARED", default=False)  # octavo.figure is drawing
DATA = ".record.json"  # what the name of a figure's record ends with
GENERIC = {"serif", "sans-serif", "monospace", "cursive", "fantasy"}


def draw_figure(
    name: str, draw: Draw, *, alt: str, aspect: float, media: Sequence[Medium], folder: Path, root: Path
) -> Figure:
    """Call ``draw`` once for each medium and write its formats to ``folder`` as ``NAME.MEDIUM.FORMAT``.

    ``aspect`` is height divided by width, for media without a height. ``root`` is where the style sheets are named
    from. Every medium sees the same random numbers, and the notebook goes on with those that it would have had.
    Raises NotebookError for a drawing that stays empty or has a character that no font can show.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawings: list[Drawing] = []
    shown = folder / f"{name}{DATA}"
    made = [_drawn(name, draw, medium, aspect, root) for medium in media]
    for medium, drawn in zip(media, made, strict=True):
        for kind, data in drawn.files.items():
            file = folder / f"{name}.{medium.name}.{kind}"
            file.write_bytes(data)
            width, height = _size(medium, aspect)
            digest = hashlib.sha256(data).hexdigest()
            dpi = float(_dpi(medium)) if kind == "png" else 0.0
            drawings.append(Drawing(medium.name, kind, f"figures/{file.name}", width, height, digest, dpi))  # type: ignore[arg-type]
    if not made:
        return Figure(alt, ())
    shown.write_bytes(write(made[0].record))
    moved: tuple[str, ...] = ()
    # Once more where that may tell: the drawings for other media are witnesses as well, if drawn otherwise on purpose.
    if made[0].random or len(made) == 1 or any(restless(made[0].record, other.record) for other in made[1:]):
        with _other_random_numbers():
            again = _drawn(name, draw, replace(media[0], formats=()), aspect, root)
        moved = restless(made[0].record, again.record)
    crowded = {medium.name: drawn.crowded for medium, drawn in zip(media, made, strict=True) if drawn.crowded}
    return Figure(alt, tuple(drawings), f"figures/{shown.name}", moved, crowded)


class Drawn(NamedTuple):
    """A figure as it came out for one medium: files by format, record, texts in each other's way.

    ``random`` says whether it took numbers from the global generators, Python's or numpy's.
    """

    files: dict[str, bytes]
    record: FigureRecord
    crowded: tuple[str, ...]
    random: bool


def preview(draw: Draw, medium: Medium, root: Path, *, aspect: float) -> bytes:
    """Return the figure as the bytes of a PNG, for a notebook that is run by hand."""
    shown = Medium(medium.name, medium.width, medium.style, ("png",), medium.height)
    return _drawn("preview", draw, shown, aspect, root).files["png"]


def _dpi(medium: Medium) -> int:
    return PNG_ALONE_DPI if set(medium.formats) == {"png"} else PNG_DPI


def _size(medium: Medium, aspect: float) -> tuple[float, float]:
    return medium.width, medium.height if medium.height is not None else round(medium.width * aspect, 4)


def _drawn(name: str, draw: Draw, medium: Medium, aspect: float, root: Path) -> Drawn:
    from matplotlib.figure import Figure as MatplotlibFigure

    from octavo.figures.crowding import crowding
    from octavo.figures.extract import record

    written: dict[str, bytes] = {}
    with (
        _style(name, medium, root),
        _same_random_numbers() as taken,
        _glyphs_are_errors(name),
        _quiet_font_logs(),
        _declared(),
    ):
        figure = MatplotlibFigure(figsize=_size(medium, aspect))
        draw(figure)
        asked = taken()
        if not any(axes.has_data() or axes.texts or axes.images for axes in figure.axes):
            raise NotebookError(
                f"The figure '{name}' stayed empty: draw(fig) drew nothing on it.",
                hint="Draw on the figure that is given, `ax = fig.subplots()`, not with matplotlib.pyplot.",
            )
        for kind in medium.formats:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=METADATA[kind], dpi=_dpi(medium))
            written[kind] = buffer.getvalue()
        dpi = _dpi(medium) if medium.formats[-1:] == ("png",) else POINTS
        return Drawn(written, record(figure), crowding(figure, dpi) if written else (), asked)


@contextmanager
def _style(name: str, medium: Medium, root: Path) -> Iterator[None]:
    """Set matplotlib's own defaults, then the medium's style: what a notebook set before changes no figure."""
    import matplotlib as mpl
    from matplotlib import style

    add_fonts()
    with mpl.rc_context():
        style.use("default")  # leaves the backend to the notebook
        if medium.style:
            _use(root / medium.style, medium)
        fixed: dict[Any, Any] = {**FIXED, "svg.hashsalt": f"{name}.{medium.name}"}
        mpl.rcParams.update(fixed)
        yield


def _use(sheet: Path, medium: Medium) -> None:
    import matplotlib as mpl
    from matplotlib import font_manager, style

    try:
        style.use(sheet)
    except OSError as error:
        raise UsageError(
            f"The style sheet '{medium.style}' of the medium '{medium.name}' cannot be read.",
            where="pyproject.toml",
            hint=f"Mend `style` in [tool.octavo.media.{medium.name}].",
        ) from error
    for family in mpl.rcParams["font.family"]:
        if family in GENERIC:
            continue
        try:
            font_manager.findfont(family, fallback_to_default=False)
        except ValueError as error:
            raise NotebookError(
                f"The font '{family}' is not installed.",
                where=medium.style,
                hint="Name 'Source Sans Pro' or 'DejaVu Sans', which come with Octavo, or install it.",
            ) from error


def add_fonts() -> None:
    """Make Source Sans Pro known to matplotlib; it lies in no place where matplotlib looks. Twice does no harm."""
    from matplotlib import font_manager

    from octavo import assets

    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    try:
        files = sorted(assets.fonts().glob("*.ttf"))
    except BuildError:
        return  # a style that names the font will say so
    for file in files:
        if str(file) not in known:
            font_manager.fontManager.addfont(file)


@contextmanager
def _same_random_numbers() -> Iterator[Callable[[], bool]]:
    """Put the global generators back afterwards; yield a question: have they been asked for numbers?"""
    import numpy as np

    state, legacy = random.getstate(), np.random.get_state(legacy=False)

    def taken() -> bool:
        now = pickle.dumps(np.random.get_state(legacy=False))
        return random.getstate() != state or now != pickle.dumps(legacy)

    try:
        yield taken
    finally:
        random.setstate(state)
        np.random.set_state(legacy)


@contextmanager
def _other_random_numbers() -> Iterator[None]:
    """Draw from other random numbers, to see whether that makes another figure; the notebook's come back."""
    import numpy as np

    with _same_random_numbers():
        random.seed(random.random())
        np.random.seed(np.random.randint(1 << 30))
        yield


@contextmanager
def _glyphs_are_errors(name: str) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=r"Glyph .* missing from")
        try:
            yield
        except UserWarning as warning:
            if "missing from" not in str(warning):
                raise
            raise NotebookError(
                f"The figure '{name}' has a character that its font cannot show: {warning}.",
                hint="Write it in other letters, or add a font that has it to font.family in the style sheet.",
            ) from warning


@contextmanager
def _declared() -> Iterator[None]:
    before = DECLARED.set(True)
    try:
        yield
    finally:
        DECLARED.reset(before)


@contextmanager
def _quiet_font_logs() -> Iterator[None]:
    """Keep out of the notebook what says nothing of the figure: tables that a subset drops, a weight that is near."""
    loggers = [logging.getLogger(name) for name in ("fontTools.subset", "matplotlib.font_manager")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
