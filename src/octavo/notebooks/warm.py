"""Imported last by the process that kernels are forked from: what libraries make on first use, made once."""

from __future__ import annotations

import ctypes
import io
import sys
from contextlib import suppress

import threadpoolctl

from octavo.notebooks import standin
from octavo.notebooks.pristine import launcher
from octavo.notebooks.trace import opaque_libraries

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # of mallopt
KEPT = 32 << 20  # bytes


def _prepare_figures() -> None:
    """Draw a figure, as matplotlib has it by itself: what it looks up once takes 40 ms, and the grammar of formulas 35.

    Nothing of it is left but that: no figure, no fonts, for these hold open files, which a kernel closes.
    """
    import matplotlib as mpl
    from matplotlib import font_manager
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.mathtext import MathTextParser

    with mpl.rc_context():
        mpl.rcdefaults()  # a user's may have TeX set the text
        figure = Figure()
        axes = figure.subplots()
        axes.plot([1, 2], [1, 2], label="line")
        axes.bar([1, 2], [1, 2])
        axes.set(xlabel="x", title="title", yscale="log")
        axes.legend()
        FigureCanvasAgg(figure).print_png(io.BytesIO())
    MathTextParser._parse_cached.cache_clear()  # type:ignore[attr-defined]
    font_manager._get_font.cache_clear()  # type:ignore[attr-defined]


def _prepare_memory() -> None:
    """Have the C library keep freed memory for the next array, as it does by itself once a large one was freed.

    Else it may give back and take again what each array needs, which costs more than to compute with it.
    """
    with suppress(OSError, AttributeError):  # another C library than glibc
        allocator = ctypes.CDLL(None)
        allocator.mallopt(MMAP_THRESHOLD, KEPT)
        allocator.mallopt(TRIM_THRESHOLD, KEPT)


def _prepare_data_frames() -> None:
    """Find narwhals' plugins, among the entry points of all packages: scikit-learn asks for them; it takes 15 ms."""
    if "narwhals.stable.v2" in sys.modules:
        with suppress(ImportError):  # of a version to come
            from narwhals.stable.v2.dependencies import is_into_dataframe

            is_into_dataframe(None)


standin.end()
launcher()
_prepare_memory()
_prepare_figures()
_prepare_data_frames()

THREADS = threadpoolctl.ThreadpoolController()  # finds the numerical libraries, which are loaded by now
OPAQUE = opaque_libraries()
MODULES = set(sys.modules)
