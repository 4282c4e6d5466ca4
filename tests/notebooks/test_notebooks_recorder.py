"""What a notebook calls: what is recorded, and every mistake that is refused, in words."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

import octavo
from octavo.errors import NotebookError
from octavo.model import RUN, BuildResults, Point, Record, RunInputs, Value

Run = Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The folder of a run that may read the sweep `fit` of two points."""
    points = tuple(Point({"est": e, "n": n}, Record({"att": v})) for e, n, v in (("a", 1, ATT), ("b", 2, Value(3))))
    clash = (Point({"att": 1}, Record({"att": ATT})),)
    inputs = RunInputs(tmp_path, {"fit": points, "clash": clash}, draws=True)
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(inputs, enc_hook=str))
    monkeypatch.setenv(RUN, str(tmp_path))
    return tmp_path


ATT = Value(1.5, se=0.5, low=0.5, high=2.5, unit="USD")


def recorded(run: Run) -> Record:
    return msgspec.json.decode((run / "record.json").read_bytes(), type=Record)


def test_values_are_recorded_as_they_are(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers of any library become plain ones; whole numbers print without decimals; the notebook shows each."""
    octavo.value("att", np.float64(1794.342), se=np.float32(632.5), ci=(551.5, 3038), unit="USD", digits=0)
    octavo.value("n", np.int64(722))
    octavo.value("text", "none")
    values = recorded(run).values
    assert values["att"] == Value(1794.342, se=632.5, low=551.5, high=3038.0, unit="USD", digits=0)
    assert values["n"] == Value(722, digits=0) and type(values["n"].number) is int
    assert values["text"].number == "none"
    said = capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert said == ["att = 1,794 USD (standard error 632 USD), interval 552 to 3,038 USD", "n = 722", "text = none"]


FRAME = pd.DataFrame({"name": ["x", None], "est": [1.25, float("nan")], "n": [3, 4]})


def test_a_table_keeps_numbers_as_numbers(run: Run) -> None:
    """What is missing is empty, whole numbers have no decimals, options go to their columns."""
    octavo.table(
        "t",
        FRAME,
        digits={"est": 1},
        labels={"est": "Estimate"},
        align={"n": "center"},
        groups=[("Both", ["est", "n"])],
    )
    found = recorded(run).tables["t"]
    assert found.rows == (("x", 1.25, 3), (None, None, 4))
    told = [(c.name, c.label, c.align, c.digits, c.group) for c in found.columns]
    assert told == [
        ("name", "name", "left", 2, ""),
        ("est", "Estimate", "right", 1, "Both"),
        ("n", "n", "center", 0, "Both"),
    ]


def test_times_of_a_table(run: Run) -> None:
    """A missing time is an empty cell; times that are all midnight are dates, unless they say where it is midnight."""
    days = pd.to_datetime(pd.Series(["2024-01-01", None]))
    hours = pd.to_datetime(pd.Series(["2024-01-01", "2024-01-01 12:30"]), format="ISO8601")
    frame = pd.DataFrame({"day": days, "hour": hours, "zone": days.dt.tz_localize("UTC"), "left": days - days})
    octavo.table("t", frame)
    assert recorded(run).tables["t"].rows == (
        ("2024-01-01", "2024-01-01 00:00:00", "2024-01-01 00:00:00+00:00", "0 days 00:00:00"),
        (None, "2024-01-01 12:30:00", None, None),
    )


def test_cells_that_are_arrays_are_texts(run: Run) -> None:
    """An array has no one number to be recorded: it stands there as it is printed."""
    octavo.table("t", pd.DataFrame({"both": [np.array([1, 2]), np.int64(3)]}, dtype=object))
    assert recorded(run).tables["t"].rows == (("[1 2]",), (3,))


def test_decimals_may_be_numbers_of_numpy(run: Run) -> None:
    """A whole number of another library is one for digits= too."""
    octavo.value("a", 1.0, digits=np.int64(3))
    octavo.table("t", FRAME, digits=np.int64(1))
    assert recorded(run).values["a"].digits == 3
    assert [column.digits for column in recorded(run).tables["t"].columns] == [1, 1, 1]


def test_threads_and_forked_processes_lose_nothing(run: Run) -> None:
    """Whoever records in a run, at whatever time, each result is in its record, and nothing else is left there."""
    names = [f"v{number}" for number in range(40)]
    before = {path.name for path in run.iterdir()}
    children = []
    for half in (names[:10], names[10:20]):
        if not (child := os.fork()):
            try:
                for name in half:
                    octavo.value(name, 1)
            finally:
                os._exit(0)
        children.append(child)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: octavo.value(name, 1), names[20:]))
    for child in children:
        os.waitpid(child, 0)
    assert sorted(recorded(run).values) == sorted(names)
    assert {path.name for path in run.iterdir()} == {*before, "record.json"}


def test_a_sweep_is_a_frame_in_declared_order(run: Run) -> None:
    """A row a point: its parameters, then its values; what one point did not give is missing there."""
    frame = octavo.sweep("fit")
    assert list(frame.columns) == ["est", "n", "att", "att_se", "att_low", "att_high"]
    assert list(frame["est"]) == ["a", "b"] and list(frame["att"]) == [1.5, 3.0]
    assert np.isnan(frame["att_se"][1])


def draw(fig: Any) -> None:
    fig.subplots().plot([1, 2])


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: octavo.value("att", float("nan")), "The value 'att' is nan, not a finite number.\n  Mend the comp"),
        (lambda: octavo.value("att", np.inf), "The value 'att' is inf, not a finite number."),
        (
            lambda: octavo.table("t", pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, -np.inf]})),
            "The column 'b' of the table 't' has -inf in row 2, which no table can hold.",
        ),
        (
            lambda: octavo.value("att", 1, se=float("nan")),
            "The standard error of the value 'att' is nan, not a finite number.",
        ),
        (lambda: octavo.value("att", True), "The value 'att' must be a number or a text, not True."),
        (lambda: octavo.value("att", None), "The value 'att' must be a number or a text, not None."),  # type: ignore[arg-type]
        (lambda: octavo.value("att", [1]), "The value 'att' must be a number or a text, not [1]."),  # type: ignore[arg-type]
        (lambda: octavo.value("att", 1, ci=3), "The interval of the value 'att' must be a pair: ci=(low, high)."),  # type: ignore[arg-type]
        (lambda: octavo.value("att", 1, ci=(1, 2, 3)), "The interval of the value 'att' must be a pair"),  # type: ignore[arg-type]
        (
            lambda: octavo.value("m", 1.0, se="big"),  # type: ignore[arg-type]
            "The standard error of the value 'm' must be a number, not 'big'.",
        ),
        (lambda: octavo.value("m", 1.0, se=-0.4), "The standard error of the value 'm' is negative: -0.4.\n  Mend"),
        (lambda: octavo.value("m", 1, ci=(30, 20)), "The interval of the value 'm' begins above its end: (30, 20).\n"),
        (lambda: octavo.value("m", 1, ci=(None, 2)), "An end of the interval of the value 'm' must be a number, not"),  # type: ignore[arg-type]
        (lambda: octavo.value("m", "none", se=1), "The value 'm' is a text: it has no standard error and no interval."),
        (
            lambda: octavo.value("m", pd.Series(range(99))),  # type: ignore[arg-type]
            "The value 'm' must be a number or a text, not a Series.",
        ),
        (lambda: octavo.value("m", np.array([1, 2])), "The value 'm' must be a number or a text, not array([1, 2])."),
        (
            lambda: octavo.value("m", 1, digits=-1),
            "The digits= of the value 'm' must be a whole number, 0 or more, not -1.",
        ),
        (
            lambda: octavo.table("t", FRAME, digits="two"),  # type: ignore[arg-type]
            "The digits= of the table 't' must be a whole number, 0 or more, not 'two'.",
        ),
        (
            lambda: octavo.table("t", FRAME["est"]),  # type: ignore[arg-type]
            "The table 't' must be a data frame of pandas, not a Series.\n  A series becomes one by .to_frame()",
        ),
        (lambda: octavo.value("my att", 1), "'my att' cannot name a result.\n  Use letters, digits and underscores"),
        (lambda: octavo.value("a.b", 1), "'a.b' cannot name a result."),
        (lambda: octavo.value("taken", 1), "This run already recorded 'taken'.\n  A name stands for one result"),
        (lambda: octavo.table("taken", FRAME), "This run already recorded 'taken' (as one of its values)."),
        (lambda: octavo.figure("taken", draw), "This run already recorded 'taken' (as one of its values)."),
        (
            lambda: octavo.table("t", FRAME, digits={"ets": 1}),
            "The table 't' has no column 'ets', named in digits=.\n  did",
        ),
        (
            lambda: octavo.table("t", FRAME, labels={"zzz": ""}),
            "The table 't' has no column 'zzz', named in labels=.\n  Its c",
        ),
        (lambda: octavo.table("t", FRAME, align={"q": "left"}), "The table 't' has no column 'q', named in align=."),
        (lambda: octavo.table("t", FRAME, groups=[("G", ["q"])]), "The table 't' has no column 'q', named in groups=."),
        (lambda: octavo.table("t", pd.concat([FRAME, FRAME], axis=1)), "The table 't' has two columns 'name'."),
        (lambda: octavo.figure("f", lambda fig: None), "The figure 'f' stayed empty"),
        (lambda: octavo.sweep("fitt"), "There is no sweep 'fitt' to read here.\n  did you mean 'fit'?"),
        (lambda: octavo.sweep("clash"), "The sweep 'clash' has both a parameter or value 'att' and a value 'att'."),
    ],
)
def test_mistakes_are_refused_and_leave_no_trace(run: Run, call: Any, expected: str) -> None:
    """Each mistake is one message with a way out; what was recorded before stays as it was."""
    octavo.value("taken", 1)
    with pytest.raises(NotebookError) as caught:
        call()
    assert str(caught.value).startswith(expected)
    assert recorded(run) == Record({"taken": Value(1, digits=0)})


def test_by_hand_nothing_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a build around it, calls show and keep nothing; sweeps are read from the last build, if there is one."""
    monkeypatch.delenv(RUN, raising=False)
    (tmp_path / "pyproject.toml").write_text("[tool.octavo]\n")
    monkeypatch.chdir(tmp_path)
    octavo.value("att", 1)
    octavo.value("att", 1)
    octavo.table("t", FRAME)
    assert [p.name for p in tmp_path.iterdir()] == ["pyproject.toml"]
    with pytest.raises(NotebookError, match=r"build/results.json is missing.\n  Run `make notebooks` once"):
        octavo.sweep("fit")
    (tmp_path / "build").mkdir()
    results = BuildResults({"fit": (Point({"n": 1}, Record({"att": ATT})),)})
    (tmp_path / "build/results.json").write_bytes(msgspec.json.encode(results))
    assert list(octavo.sweep("fit")["att"]) == [1.5]


@pytest.mark.parametrize(
    "record",
    [
        lambda: octavo.value("a", 1, unit=None),  # type: ignore[arg-type]
        lambda: octavo.value("a", 1, digits=-1),
        lambda: octavo.value("a", 1, digits=1.0),  # type: ignore[arg-type]
        lambda: octavo.table("a", FRAME, labels={"est": 2}),  # type: ignore[dict-item]
        lambda: octavo.table("a", pd.DataFrame({"x": [float("inf")]})),
    ],
)
def test_what_could_not_be_read_back_is_refused(run: Run, record: Any) -> None:
    """A wrong type stops the cell that has it, and not a later build; infinity does not become an empty cell."""
    with pytest.raises(NotebookError):
        record()
    assert not (run / "record.json").exists()


def test_a_text_of_numpy_is_a_text(run: Run) -> None:
    """What numpy hands out as a text is recorded as one."""
    octavo.value("a", np.str_("words"))
    assert recorded(run).values["a"].number == "words"
