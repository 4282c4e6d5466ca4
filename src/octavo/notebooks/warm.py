"""Imported by the process that workers are forked from: what papermill and ipykernel make on first use, made once."""

from __future__ import annotations

import nbformat
import threadpoolctl
from jupyter_client.provisioning.factory import KernelProvisionerFactory

from octavo.notebooks import deferred
from octavo.notebooks.trace import opaque_libraries


def _prepare_mathtext() -> None:
    """Build the grammar of matplotlib's formulas, which every logarithmic axis needs; it takes 35 ms."""
    from matplotlib import font_manager
    from matplotlib.mathtext import MathTextParser

    MathTextParser("agg").parse("$10^{-1}$")
    MathTextParser._parse_cached.cache_clear()  # type:ignore[attr-defined]
    font_manager._get_font.cache_clear()  # type:ignore[attr-defined]  # fonts hold open files, which a kernel closes


deferred.end()
_prepare_mathtext()
nbformat.validate(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]))  # compiles the schema
KernelProvisionerFactory.instance()  # reads the entry points of all packages

THREADS = threadpoolctl.ThreadpoolController()  # finds the numerical libraries, which are loaded by now
OPAQUE = opaque_libraries()
