"""The engine under papermill: when it writes what ran."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from octavo.notebooks import engine
from octavo.notebooks.engine import SeldomWritten


class Managed(SimpleNamespace):
    """In place of papermill's manager: counts how often it writes the notebook, and where its ``output_path`` says."""

    output_path: str | None = None
    written: list[str | None]

    def save(self, **options: Any) -> None:
        self.written.append(self.output_path)


class Cells(SeldomWritten):
    """Ten cells, for each of which papermill asks twice that the notebook be written; the last raises if ``raises``."""

    @classmethod
    def run(cls, nb_man: Any, kernel_name: str, options: dict[str, Any]) -> None:
        for _ in range(20):
            nb_man.save()
        if options["raises"]:
            raise ZeroDivisionError


def run(raises: bool = False) -> Managed:
    managed = Managed(written=[])
    try:
        Cells.execute_managed_notebook(managed, "python3", "there.ipynb", raises=raises)
    except ZeroDivisionError:
        assert raises
    return managed


def test_a_notebook_is_written_once_by_papermill_at_its_end() -> None:
    """Quick cells write nothing themselves, and papermill is left to write: no path is set behind its back."""
    managed = run()
    assert managed.written == [] and managed.output_path is None


def test_what_ran_is_written_where_the_run_is_stopped() -> None:
    """A run that ends early leaves what it did."""
    assert run(raises=True).written == ["there.ipynb"]


def test_what_ran_is_written_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of slow cells each one is found in the file, not only the last: the machine may fail."""
    clock = iter(range(0, 1000, 2))  # two seconds between one look at it and the next
    monkeypatch.setattr(engine.time, "monotonic", lambda: float(next(clock)))
    assert run().written == ["there.ipynb"] * 20
