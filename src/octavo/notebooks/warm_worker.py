"""Imported last by the process that workers are forked from: what papermill makes on first use, made once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.provisioning.factory import KernelProvisionerFactory

from octavo.notebooks.execute import literal
from octavo.notebooks.neutral import neutralise


def _prepare_notebook() -> None:
    """Take a notebook through all but its execution: schemas and patterns are compiled for that, readers looked up."""
    v4: Any = nbformat.v4
    shown = v4.new_output("display_data", data={"text/plain": "at 0x000000"})
    cells = [v4.new_code_cell("a = 1", metadata={"tags": ["parameters"]}), v4.new_code_cell("a", outputs=[shown])]
    with tempfile.TemporaryDirectory(prefix="octavo-") as folder:
        source, prepared = Path(folder, "source.ipynb"), Path(folder, "prepared.ipynb")
        nbformat.write(v4.new_notebook(cells=cells), source)  # type: ignore[no-untyped-call]
        papermill.execute_notebook(
            literal(source),
            literal(prepared),
            parameters={"a": 2},
            kernel_name="python3",
            language="python",
            progress_bar=False,
            prepare_only=True,
        )
        neutralise(prepared, Path(folder))


_prepare_notebook()
KernelProvisionerFactory.instance()  # reads the entry points of all packages
