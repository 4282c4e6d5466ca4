"""Imported last by the process that kernels are forked from: what libraries make on first use, made once."""

from __future__ import annotations

import sys
from contextlib import suppress

import threadpoolctl

from octavo.notebooks.trace import opaque_libraries


def _prepare_mathtext() -> None:
    """Build the grammar of matplotlib's formulas, which every logarithmic axis needs; it takes 35 ms."""
    from matplotlib import font_manager
    from matplotlib.mathtext import MathTextParser

    MathTextParser("agg").parse("$10^{-1}$")
    MathTextParser._parse_cached.cache_clear()  # type:ignore[attr-defined]
    font_manager._get_font.cache_clear()  # type:ignore[attr-defined]  # fonts hold open files, which a kernel closes


def _prepare_data_frames() -> None:
    """Find narwhals' plugins, among the entry points of all packages: scikit-learn asks for them; it takes 15 ms."""
    if "narwhals.stable.v2" in sys.modules:
        with suppress(ImportError):  # of a version to come
            from narwhals.stable.v2.dependencies import is_into_dataframe

            is_into_dataframe(None)


_prepare_mathtext()
_prepare_data_frames()

THREADS = threadpoolctl.ThreadpoolController()  # finds the numerical libraries, which are loaded by now
OPAQUE = opaque_libraries()
MODULES = set(sys.modules)
