"""Imported by the process that workers are forked from: what papermill and ipykernel make on first use, made once."""

from __future__ import annotations

import nbformat
import threadpoolctl
from jupyter_client.provisioning.factory import KernelProvisionerFactory

nbformat.validate(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]))  # compiles the schema
KernelProvisionerFactory.instance()  # reads the entry points of all packages

THREADS = threadpoolctl.ThreadpoolController()  # finds the numerical libraries, which are loaded by now
