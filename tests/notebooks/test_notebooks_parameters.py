"""What a parameters cell declares, and what of a grid does not fit it: told before anything runs."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from octavo.model import Scalar
from octavo.notebooks.parameters import declared, faults, meant

if TYPE_CHECKING:
    from tests.conftest import Tiny

WAY_OUT = "Change the value, or the default (or annotation) in the notebook's parameters cell."


def told(cell: str, *points: dict[str, Scalar]) -> list[str]:
    """Return what is said of a grid's points and a parameters cell."""
    return [str(fault) for fault in faults(declared([ast.parse(cell)]), points, "a.ipynb", "pyproject.toml")]


@pytest.mark.parametrize(
    ("cell", "value", "wants"),
    [
        ("x = 1", 2, ""),
        ("x = 1", 2.5, "a whole number"),
        ("x = 1", "2", "a whole number"),
        ("x = 1", True, "a whole number"),
        ("x = 1.0", 2, ""),
        ("x = -1.0", 2.5, ""),
        ("x = 1.0", False, "a number"),
        ("x = True", False, ""),
        ("x = True", 1, "True or False"),
        ("x = 'a'", "b", ""),
        ("x = 'a'", 1, "a text"),
        ("x = None", "anything", ""),
        ("x = float('inf')", "none", ""),
        ("x = [1]", "a", ""),
        ("x: float = 1", 2.5, ""),
        ("x: int", 2, ""),
        ("x: int", 2.5, "a whole number"),
        ("x: 'int' = None", "b", "a whole number"),
        ("x: int | None = None", 2, ""),
        ("x: int | str", 2.5, "a whole number or a text"),
        ("x: Optional[float]", 2, ""),
        ("x: typing.Union[int, str]", "a", ""),
        ("x: Literal['a', 'b'] = 'a'", "b", ""),
        ("x: Literal['a', 'b'] = 'a'", "c", "'a' or 'b'"),
        ("x: Path = None", "here", ""),
    ],
)
def test_a_value_must_be_of_the_kind_that_the_cell_says(cell: str, value: Scalar, wants: str) -> None:
    """An annotation wins over the default; whole numbers are good for floats; True is no number; None says nothing."""
    fault = f"pyproject.toml: The grid gives 'x' {value!r}; a.ipynb takes {wants}.\n  {WAY_OUT}"
    assert told(cell, {"x": value}) == ([fault] if wants else [])


def test_every_fault_is_told_once() -> None:
    """Unknown ones with the nearest name, missing ones, wrong ones with the values: all of them, each once."""
    points: list[dict[str, Scalar]] = [{"alpah": 1, "seed": 2, "n": n} for n in (1, "a", "a", True, 2.5, "b")]
    assert told("alpha = 1\nn = 1\nfold: int\n", *points) == [
        "pyproject.toml: The grid sets 'alpah', which a.ipynb does not declare as a parameter.\n"
        "  did you mean 'alpha'?",
        "pyproject.toml: The grid sets 'seed', which a.ipynb does not declare as a parameter.\n"
        "  It declares: alpha, n, fold.",
        f"pyproject.toml: The grid gives 'n' 'a', True, 2.5, …; a.ipynb takes a whole number.\n  {WAY_OUT}",
        "pyproject.toml: a.ipynb needs a value for the parameter 'fold', and no grid gives one.\n"
        "  Give it in the grid, or a default in the cell: `fold = …`.",
    ]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("half = n / 2", "half"),
        ("half: float = n / 2", "half"),
        ("n += 1", "n"),
        ("if n > 1:\n    half = 1", "half"),
        ("halves = [i for i in range(n)]", "halves"),
        ("print(n)", ""),
        ("def half(): return n / 2", ""),
        ("half = lambda: n / 2", ""),
        ("third = other", ""),
    ],
)
def test_what_is_computed_from_a_parameter_would_keep_its_default(line: str, name: str) -> None:
    """Papermill puts the grid's values behind the cell: what the cell computes from them is of the defaults."""
    said = told(f"n = 1\nother = 2\n{line}", {"n": 2})
    fault = (
        f"a.ipynb: Line 3 of the parameters cell computes '{name}' from 'n'.\n"
        "  It would keep what the default of 'n' gives. Move that line into the next cell."
    )
    assert [text for text in said if f"computes '{name}'" in text] == ([fault] if name else [])
    assert name or not said


def test_one_cell_has_the_tag() -> None:
    """With two, the second would set the defaults again, behind what the grid gives."""
    cell = declared([ast.parse("n = 1"), ast.parse("n = 2")])
    (fault,) = faults(cell, [{"n": 3}], "a.ipynb", "pyproject.toml")
    assert fault.what.startswith("2 cells have the tag 'parameters'")
    assert faults(cell, [{}], "a.ipynb", "pyproject.toml") == []


def test_nothing_runs_with_a_wrong_grid(tiny: Callable[..., Tiny]) -> None:
    """The real command: status and build say it and run nothing; a notebook without a grid needs its values too."""
    config = "[tool.octavo.sweeps.fit]\nnotebook = 'notebooks/fit.ipynb'\ngrid = { sede = [1] }\n"
    fit = ["[parameters] seed: int = 0", "import octavo\noctavo.value('x', seed)"]
    one = ["[parameters] n: int", "n"]
    project = tiny({"pyproject.toml": config, "notebooks/fit.ipynb": fit, "notebooks/one.ipynb": one})
    for verb in ("status", "build"):
        said = project.octavo(verb)
        assert (said.code, said.out) == (2, "")
        assert "The grid sets 'sede', which notebooks/fit.ipynb does not declare" in said.err
        assert "did you mean 'seed'?" in said.err
        assert "notebooks/one.ipynb needs a value for the parameter 'n', and no grid gives one." in said.err
    assert not (project.root / ".octavo/last.json").exists()


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("fit/noise=0.0,degree=1", "did you mean 'fit/degree=1,noise=0.0'?"),
        ("fit/degree=1,noise=0", "did you mean 'fit/degree=1,noise=0.0'?"),
        ("fit/degree=2", "It lacks 'noise', which is one of 0.0, 1.0: 'fit/degree=2,noise=0.0', say."),
        ("fit/degree=9,noise=0.0", "'degree' is one of 1, 2."),
        ("fit/degre=1,noise=0.0", "did you mean 'degree'?"),
        ("fti/degree=1,noise=0.0", ""),
        ("fit", ""),
    ],
)
def test_what_a_misspelt_point_may_have_meant(typed: str, hint: str) -> None:
    """What was typed of a point is kept: the order and the way of writing numbers do not matter."""
    points: dict[str, dict[str, Scalar]] = {
        f"fit/degree={d},noise={n}": {"degree": d, "noise": n} for d in (1, 2) for n in (0.0, 1.0)
    }
    assert meant(typed, points) == hint


def test_a_misspelt_point_on_the_command_line(study: Tiny) -> None:
    """All verbs that take a point offer the one that is meant."""
    for verb in ("why", "build", "debug"):
        said = study.octavo(verb, "fit/a=2.0")
        assert (said.code, said.err.splitlines()[-1]) == (2, "  did you mean 'fit/a=2'?")
