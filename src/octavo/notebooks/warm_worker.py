"""Imported last by the process that workers are forked from: what papermill makes on first use, made once."""

from __future__ import annotations

from typing import Any

import nbformat
from jupyter_client.provisioning.factory import KernelProvisionerFactory

from octavo.notebooks import deferred

v4: Any = nbformat.v4
deferred.end()
nbformat.validate(v4.new_notebook(cells=[v4.new_code_cell("1")]))  # compiles the schema
KernelProvisionerFactory.instance()  # reads the entry points of all packages
