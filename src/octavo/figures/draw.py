"""Draw a figure for a medium: the same bytes for the same data, on paper and on a screen."""

from __future__ import annotations

import hashlib
import io
import logging
import pickle
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from octavo.errors import BuildError, NotebookError, OctavoError, UsageError
from octavo.figures.declaration import Draw, keep, restore, set_random
from octavo.figures.record import FigureRecord, restless, write
from octavo.model import Drawing, Figure, Format, Medium

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

TRIED = 6.4  # inches across: the width of a trial, in no medium's style
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


def declare(name: str, draw: object, aspect: float) -> bytes:
    """Return a drawing function as it is kept. What was kept is tried: the notebook's variables stay as they are.

    Raises NotebookError for what is no function, cannot be kept, or draws nothing; and whatever it raises itself.
    """
    if not callable(draw):
        hint = "Write a function that draws on the figure it is given: def draw(fig): …"
        raise NotebookError(f"What draws '{name}' must be a function, not {type(draw).__name__}.", hint=hint)
    kept = keep(name, draw)
    try:
        random = try_out(name, restore(kept, name).draw, aspect)
    except OctavoError:
        raise
    except Exception as error:
        try_out(name, draw, aspect)  # raises the same, and the lines of the cell are told
        what = (
            f"The figure '{name}' can be drawn here, but not from what is kept of it: {type(error).__name__}: {error}."
        )
        hint = "Give its drawing function what it needs as variables of the notebook."
        raise NotebookError(what, hint=hint) from error
    return keep(name, draw, with_random=True) if random else kept


def draw_figure(
    name: str, kept: bytes, figure: Figure, medium: Medium, *, first: bool, folder: Path, root: Path
) -> Figure:
    """Draw a declared figure for a medium, of what was ``kept`` of it; return it with its drawings.

    Its formats are written to ``folder`` as ``NAME.MEDIUM.FORMAT``, and for the ``first`` medium what it shows as data.
    ``root`` is where the style sheet is named from. Every medium sees the same random numbers.
    Raises NotebookError for a drawing that stays empty or has a character that no font can show.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = _of_kept(name, kept, medium, figure.aspect, root)
    width, height = _size(medium, figure.aspect)
    drawings: list[Drawing] = []
    for kind, content in made.files.items():
        file = folder / f"{name}.{medium.name}.{kind}"
        file.write_bytes(content)
        dpi = float(_dpi(medium)) if kind == "png" else 0.0
        digest = hashlib.sha256(content).hexdigest()
        drawings.append(Drawing(medium.name, kind, f"figures/{file.name}", width, height, digest, dpi))
    crowded = {medium.name: made.crowded} if made.crowded else {}
    drawn = Figure(figure.alt, tuple(drawings), crowded=crowded)
    if not first:
        return drawn
    shown = folder / f"{name}{DATA}"
    shown.write_bytes(write(made.record))
    with _other_random_numbers():
        again = _of_kept(name, kept, replace(medium, formats=()), figure.aspect, root, given=False)
    return replace(drawn, data=f"figures/{shown.name}", restless=restless(made.record, again.record))


def _of_kept(name: str, kept: bytes, medium: Medium, aspect: float, root: Path, *, given: bool = True) -> Drawn:
    """Draw what was kept, restored anew; with the random numbers that it had in its notebook, if they are ``given``."""
    declared = restore(kept, name)
    if given:
        set_random(declared.random)
    return _drawn(name, declared.draw, medium, aspect, root)


def try_out(name: str, draw: Draw, aspect: float) -> bool:
    """Draw once, for no medium; return whether it took numbers from the global generators, Python's or numpy's.

    They are put back: the notebook goes on with those that it would have had. Raises NotebookError for a drawing that
    stays empty, and whatever ``draw`` raises.
    """
    from matplotlib.figure import Figure as MatplotlibFigure

    with _own_style(), _same_random_numbers() as taken, _quiet_font_logs(), _declared():
        figure = MatplotlibFigure(figsize=(TRIED, round(TRIED * aspect, 4)))
        draw(figure)
        _not_empty(name, figure)
        return taken()


def _not_empty(name: str, figure: MatplotlibFigure) -> None:
    if not any(axes.has_data() or axes.texts or axes.images for axes in figure.axes):
        raise NotebookError(
            f"The figure '{name}' stayed empty: draw(fig) drew nothing on it.",
            hint="Draw on the figure that is given, `ax = fig.subplots()`, not with matplotlib.pyplot.",
        )


class Drawn(NamedTuple):
    """A figure as it came out for one medium: files by format, record, texts in each other's way."""

    files: dict[Format, bytes]
    record: FigureRecord
    crowded: tuple[str, ...]


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

    written: dict[Format, bytes] = {}
    with (
        _style(name, medium, root),
        _same_random_numbers(),
        _glyphs_are_errors(name),
        _quiet_font_logs(),
        _declared(),
    ):
        figure = MatplotlibFigure(figsize=_size(medium, aspect))
        draw(figure)
        _not_empty(name, figure)
        for kind in medium.formats:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=METADATA[kind], dpi=_dpi(medium))
            written[kind] = buffer.getvalue()
        dpi = _dpi(medium) if medium.formats[-1:] == ("png",) else POINTS
        return Drawn(written, record(figure), crowding(figure, dpi) if written else ())


@contextmanager
def _style(name: str, medium: Medium, root: Path) -> Iterator[None]:
    """Set Octavo's style for a medium, then the project's own, and what is the same for all: text that is text."""
    import matplotlib as mpl
    from matplotlib import style

    with _own_style():
        style.use(_octavos(medium.name))
        if medium.style:
            _use(root / medium.style, medium)
        fixed: dict[Any, Any] = {**FIXED, "svg.hashsalt": f"{name}.{medium.name}"}
        mpl.rcParams.update(fixed)
        yield


@contextmanager
def _own_style() -> Iterator[None]:
    """Set matplotlib's own defaults for a while: what a notebook set before changes no figure."""
    import matplotlib as mpl
    from matplotlib import style

    add_fonts()
    with mpl.rc_context():
        style.use("default")  # leaves the backend to the notebook
        yield


def _octavos(medium: str) -> Path:
    """Return the style sheet that comes with Octavo for a medium; a project's own medium begins as a column does."""
    sheets = Path(__file__).with_name("styles")
    sheet = sheets / f"{medium}.mplstyle"
    return sheet if sheet.is_file() else sheets / "column.mplstyle"


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
