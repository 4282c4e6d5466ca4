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


def test_what_paper_and_deck_say_in_words_holds(built: Mapping[str, tuple[Point, ...]]) -> None:
    """A sentence without a number in it cannot follow the results: here the results are held to such sentences."""
    (benchmark,), (compare,) = built["benchmark"], built["compare"]
    errors = {name: value.se for name, value in compare.record.values.items() if value.se}

    def said(name: str) -> float:
        return number(compare, name)

    names = ("matching", "weighting", *(f"augmented_{x}" for x in ("linear", "lasso", "forest", "boosting")))
    short = {name: number(benchmark, "att") - said(name) for name in ("regression", *names)}
    assert all(miss > 0 for miss in short.values()), "all but one fall short"
    assert [name for name, miss in short.items() if miss > errors[name]] == ["regression"], "only regression does so"
    assert said("deep_error_low") > 4 * said("largest_error_but_deep"), "its standard error shows it on every split"
    assert said("removed_at_least") <= 100 * (1 - max(short.values()) / said("naive_shortfall")), "at least"
    for name in ("miss_regression", "miss_weighting", "weighting_less_regression", "mean_miss"):
        assert abs(said(name)) < 1.96 * errors[name], "cannot be told from chance"
    assert said("treated_share") > 50, "most of it is noise of the treated men"
    assert abs(said("auc_boosting") - said("auc_logistic")) < 0.005, "no better"
    assert abs(said("explained_boosting") - said("explained_linear")) < 1, "nearly along a line"
    climb = said("matching_trim_high") - said("matching")
    assert said("matching_five_trim_high") - said("matching_five_everyone") < climb / 2, "the luck of single matches"
    assert number(benchmark, "imbalance_p") < 0.05, "more than chance often leaves"


def test_the_error_of_the_treated_is_shared(built: Mapping[str, tuple[Point, ...]]) -> None:
    """The lottery's variance is that of its two means; weighting's is that of the treated's mean and the survey's."""
    values = {**built["benchmark"][0].record.values, **built["compare"][0].record.values}
    treated, controls = values["treated_mean"].se or 0, values["experimental_control_mean"].se or 0
    assert math.hypot(treated, controls) == pytest.approx(values["att_robust"].se, rel=1e-6)
    survey, full = values["survey_mean_weighting"].se or 0, float(values["full_error_weighting"].number)
    assert max(treated, survey) < full < treated + survey
    assert math.hypot(survey, controls) == pytest.approx(values["miss_weighting"].se, rel=1e-6)


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
