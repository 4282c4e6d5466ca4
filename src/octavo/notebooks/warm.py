"""Imported last by the process that kernels are forked from: what libraries make on first use, made once."""

from __future__ import annotations

import sys

import threadpoolctl

from octavo.notebooks.trace import opaque_libraries


def _prepare_mathtext() -> None:
    """Build the grammar of matplotlib's formulas, which every logarithmic axis needs; it takes 35 ms."""
    from matplotlib import font_manager
    from matplotlib.mathtext import MathTextParser

    MathTextParser("agg").parse("$10^{-1}$")
    MathTextParser._parse_cached.cache_clear()  # type:ignore[attr-defined]
    font_manager._get_font.cache_clear()  # type:ignore[attr-defined]  # fonts hold open files, which a kernel closes


_prepare_mathtext()

THREADS = threadpoolctl.ThreadpoolController()  # finds the numerical libraries, which are loaded by now
OPAQUE = opaque_libraries()
MODULES = set(sys.modules)
