"""The built study against the published numbers of the experiment, and against what its sweeps promise."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import msgspec
import pytest

from octavo.model import BuildResults, Point, Value

pytestmark = pytest.mark.study

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "build" / "results.json"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def built() -> Mapping[str, tuple[Point, ...]]:
    if not RESULTS.exists():
        pytest.fail("build/results.json is missing: run `make` first")
    return msgspec.json.decode(RESULTS.read_bytes(), type=BuildResults).notebooks


@pytest.fixture(scope="module")
def benchmark_values(built: Mapping[str, tuple[Point, ...]]) -> Mapping[str, Value]:
    return built["benchmark"][0].record.values


def number(point: Point, name: str) -> float:
    return float(point.record.values[name].number)


# LaLonde (1986) and Dehejia and Wahba (1999) for the effect; the errors follow from the same data.
@pytest.mark.parametrize(
    ("name", "effect", "error"),
    [
        ("att", 1794.34, 632.85),
        ("att_robust", 1794.34, 671.00),
        ("naive", -8497.52, 712.02),
        ("naive_robust", -8497.52, 583.43),
    ],
)
def test_effect_and_error_agree_to_the_cent(
    benchmark_values: Mapping[str, Value], name: str, effect: float, error: float
) -> None:
    recorded = benchmark_values[name]
    assert recorded.se is not None
    assert round(float(recorded.number), 2) == effect
    assert round(recorded.se, 2) == error


@pytest.mark.parametrize(
    ("name", "count"), [("n_treated", 185), ("n_experimental_controls", 260), ("n_survey_controls", 15_992)]
)
def test_people_are_counted_in_full(benchmark_values: Mapping[str, Value], name: str, count: int) -> None:
    assert benchmark_values[name].number == count


@pytest.mark.parametrize(("sweep", "least"), [("estimate", 96), ("placebo", 48)])
def test_sweep_has_its_points(built: Mapping[str, tuple[Point, ...]], sweep: str, least: int) -> None:
    assert len(built[sweep]) >= least


def test_untrimmed_points_use_everyone(built: Mapping[str, tuple[Point, ...]]) -> None:
    for point in built["estimate"]:
        if point.parameters["trimming"] == 0:
            assert (number(point, "n_treated"), number(point, "n_control")) == (185, 15_992)


def test_every_estimate_is_finite_and_has_an_error_and_a_counterpart(
    built: Mapping[str, tuple[Point, ...]],
) -> None:
    for point in built["estimate"]:
        for name in ("att", "experiment"):
            recorded = point.record.values[name]
            assert recorded.se is not None and recorded.low is not None and recorded.high is not None
            assert math.isfinite(float(recorded.number)) and recorded.se > 0
            assert recorded.low < float(recorded.number) < recorded.high


def test_trimmed_points_are_compared_with_the_experiment_for_the_same_people(
    built: Mapping[str, tuple[Point, ...]],
) -> None:
    answers: dict[object, set[float]] = {}
    for point in built["estimate"]:
        answers.setdefault(point.parameters["trimming"], set()).add(round(number(point, "experiment"), 2))
    assert all(len(found) == 1 for found in answers.values())
    assert answers[0.0] == {1794.34}


def test_no_two_points_of_the_sweep_are_the_same_estimate(built: Mapping[str, tuple[Point, ...]]) -> None:
    found = sorted((number(point, "att"), number(point, "n_control")) for point in built["estimate"])
    repeated = [same for same, group in groupby(found) if len(list(group)) > 1]
    assert not repeated


def test_placebo_points_are_percentages_and_dollars_with_monte_carlo_errors(
    built: Mapping[str, tuple[Point, ...]],
) -> None:
    for point in built["placebo"]:
        assert 0 <= number(point, "coverage") <= 100
        assert number(point, "rmse") >= abs(number(point, "bias"))
        assert all(point.record.values[name].se is not None for name in ("bias", "coverage", "rmse"))
        assert number(point, "failed") == 0


def test_all_placebo_points_have_one_count_of_replications(built: Mapping[str, tuple[Point, ...]]) -> None:
    assert len({number(point, "replications") for point in built["placebo"]}) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert len({cell["id"] for cell in cells}) == len(cells)
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
