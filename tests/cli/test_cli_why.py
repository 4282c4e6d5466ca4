"""`octavo why` tells where a result comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Tiny


def test_the_story_of_a_value(study: Tiny) -> None:
    """What it is, which notebook recorded it, of what it was made, when it ran, and where it is kept."""
    said = study.octavo("why", "all.sum")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[:3] == ["all.sum = 84", "  recorded by  all", "  state        up to date"]
    for label in ("ran", "where", "key", "made of", "used", "gave"):
        assert any(line.startswith(f"  {label} ") for line in lines), label
    told = json.loads(study.octavo("why", "all.sum", "--json").out)
    assert sorted(told["results_used"]) == ["fit/a=1", "fit/a=2", "fit/a=3"]
    assert (study.root / told["where"] / "out/record.json").exists()


def test_the_story_of_a_point_that_would_run(study: Tiny) -> None:
    """A point's parameters and the files that it read; after an edit, why it would run."""
    study.replace("data/n.txt", "7", "8")
    told = json.loads(study.octavo("why", "fit/a=2", "--json").out)
    assert told["parameters"] == {"a": 2} and told["would_run"] == "data file data/n.txt changed"
    assert "data/n.txt" in told["read"] and "notebooks/helper.py" in told["read"]


def test_a_table_a_figure_and_what_was_never_built(study: Tiny) -> None:
    """Tables and figures have a story too; a notebook that never ran says so."""
    assert study.octavo("why", "all.rows").out.startswith("all.rows = a table of 3 rows and 2 columns\n")
    assert study.octavo("why", "all.line").out.startswith(
        "all.line = a figure, drawn by all@column, all@wide, all@slide\n"
    )
    study.write({"notebooks/new.ipynb": ["1"]})
    assert study.octavo("why", "new").out.endswith("  It has not been built yet.\n")


def test_the_story_of_what_was_gone_back_to(study: Tiny) -> None:
    """Who goes back to an earlier version is told of its result, which a build would take, and not of the last run."""
    before = study.octavo("why", "all.sum", "--json").out
    study.write({"data/n.txt": "8\n"})
    assert study.octavo("build", "all").code == 0
    assert study.octavo("why", "all.sum").out.startswith("all.sum = 96\n")
    study.write({"data/n.txt": "7\n"})
    assert study.octavo("why", "all.sum", "--json").out == before
    assert study.octavo("debug", "all", "--no-open").code == 0
    (point, *_) = json.loads(study.read("build/debug/all.results.json"))["notebooks"]["fit"]
    assert point["record"]["values"]["twice"]["number"] == 14
    (study.root / ".octavo/last.json").unlink()
    assert study.octavo("why", "all.sum", "--json").out == before
    assert "cannot read" not in study.octavo("debug", "all", "--no-open").out


def test_a_copy_of_the_store_tells_when_it_ran(study: Tiny) -> None:
    """A store that was copied without the times of its files tells when a result ran, not when it was copied."""
    before = study.octavo("why", "all", "--json").out
    for entry in (study.root / ".octavo/store").glob("*/*/entry.json"):
        os.utime(entry, (2_000_000_000, 2_000_000_000))
    assert study.octavo("why", "all", "--json").out == before


def test_a_name_that_nothing_has(study: Tiny, tiny: Callable[..., Tiny]) -> None:
    """The nearest name is offered; a sweep's points are to be named one by one."""
    said = study.octavo("why", "all.summ")
    assert (said.code, said.err) == (2, "error: Nothing is named 'all.summ'.\n  did you mean 'all.sum'?\n")
    said = study.octavo("why", "fit")
    assert (said.code, said.err) == (2, "error: 'fit' has 3 points.\n  Name one of them: fit/a=1\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "fit.twice",
            "'fit' is a sweep: each of its 3 points records results of its own.\n  Name one of them: fit/a=1",
        ),
        ("notebooks/all.ipynb", "Nothing is named 'notebooks/all.ipynb'.\n  did you mean 'all'?"),
        ("all.sum.se", "'all.sum.se' cannot be printed: no se was recorded.\n  Name 'all.sum'."),
        ("all.rows.se", "Nothing is named 'all.rows.se'.\n  did you mean 'all.rows'?"),
        ("nope", "Nothing is named 'nope'.\n  Known: fit, all."),
    ],
)
def test_a_name_that_is_of_another_kind(study: Tiny, name: str, said: str) -> None:
    """A sweep's result, a notebook's file, a field: what is meant is told, and no page that is not there."""
    (study.root / "build/index.html").unlink()
    assert study.octavo("why", name).err == f"error: {said}\n"


def test_a_field_of_a_value_has_the_story_of_the_value(study: Tiny) -> None:
    """What a document quotes of a value can be asked for by the same name."""
    assert study.octavo("why", "all.sum.number").out.startswith("all.sum.number = 84\n  recorded by  all\n")
