"""What was accepted: files that tell the same everywhere, and that vouch for themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from octavo.errors import CheckError
from octavo.figures.accepted import Accepted, files, read, snapshot, take
from octavo.model import Column, Drawing, Figure, Record, Result, Results, Source, Table, Value

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt"><g id="text_1"><text>0.2</text></g></svg>\n'


def results(folder: Path, **values: Value) -> Results:
    """Return a notebook 'one' with a table, a figure of two formats, and values."""
    (folder / "figures").mkdir(exist_ok=True, parents=True)
    (folder / "figures/line.column.svg").write_text(SVG, encoding="utf-8")
    drawings = tuple(Drawing("column", f, f"figures/line.column.{f}", 1.0, 0.5, "d") for f in ("svg", "pdf"))
    table = Table((Column("name", "Name", "left"), Column("est", "Estimate", digits=0)), (("lasso", 1402.4),))
    record = Record(values or {"x": Value(1.5, unit="USD")}, {"t": table}, {"line": Figure("A line.", drawings)})
    return Results({"one": Result(record, folder, Source("notebooks/one.ipynb", {}, "abc"))})


def write(folder: Path, accepted: Accepted) -> None:
    for name, data in files(accepted).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    """Values, tables, drawings and reasons come back from the folder as they were accepted."""
    accepted = take(None, snapshot(results(tmp_path / "run")), ["one.x", "one.t", "one.line"], "first")
    write(tmp_path / "figures", accepted)
    assert read(tmp_path / "figures") == accepted
    assert accepted.edited == {}


def test_nothing_accepted_is_told_from_an_empty_record(tmp_path: Path) -> None:
    """No accepted.json means that nobody ever accepted anything; an empty one that all of it was taken out."""
    assert read(tmp_path) is None
    write(tmp_path, Accepted())
    assert read(tmp_path) == Accepted()


def test_a_value_and_a_row_have_a_line_each(tmp_path: Path) -> None:
    """One more value is one more line in git's diff."""
    two = results(tmp_path, a=Value(1), b=Value(2))
    written = files(take(None, snapshot(two), ["one.a", "one.b", "one.t"], "why"))
    lines = written["values.json"].decode().splitlines()
    assert [line for line in lines if "one.a" in line] == [
        ' "one.a": {"printed": {"value": "1.00"}, "recorded": {"number": 1}},'
    ]
    assert '  ["lasso", "1,402"]' in written["tables/one.t.json"].decode().splitlines()
    assert all(json.loads(data) for name, data in written.items() if name.endswith(".json"))


def test_the_same_results_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    """No date, no user, no path, no order of acceptance is in the files."""
    now = snapshot(results(tmp_path, a=Value(1), b=Value(2)))
    at_once = take(None, now, ["one.b", "one.a", "one.t"], "why")
    one_by_one = take(take(take(None, now, ["one.t"], "why"), now, ["one.b"], "why"), now, ["one.a"], "why")
    assert files(at_once) == files(one_by_one)
    assert str(tmp_path) not in str(files(at_once))


def test_what_is_not_made_any_more_leaves_when_it_is_accepted(tmp_path: Path) -> None:
    """Accepting a missing result takes it out, and nothing else."""
    before = take(None, snapshot(results(tmp_path, a=Value(1), b=Value(2))), ["one.a", "one.b"], "why")
    after = take(before, snapshot(results(tmp_path, a=Value(1))), ["one.b"], "gone")
    assert list(after.acceptances) == ["one.a"]
    assert list(after.snapshot.values) == ["one.a"]


@pytest.mark.parametrize(
    ("file", "old", "new", "name"),
    [
        ("values.json", "1.50\u00a0USD", "1.60\u00a0USD", "one.x"),
        ("tables/one.t.json", "1,402", "1,403", "one.t"),
        ("one.line.column.svg", "0.2", "0.3", "one.line"),
        ("accepted.json", "A line.", "A curve.", "one.line"),
    ],
)
def test_a_change_by_hand_is_seen(tmp_path: Path, file: str, old: str, new: str, name: str) -> None:
    """No edit of an accepted file makes a check pass: its digest is in accepted.json."""
    write(tmp_path, take(None, snapshot(results(tmp_path / "run")), ["one.x", "one.t", "one.line"], "first"))
    (tmp_path / file).write_text((tmp_path / file).read_text().replace(old, new))
    accepted = read(tmp_path)
    assert accepted and list(accepted.edited) == [name]


def test_a_lost_file_and_windows_line_ends(tmp_path: Path) -> None:
    """A drawing that is gone is seen; one with other ends of lines, as git may write them, is the same."""
    write(tmp_path, take(None, snapshot(results(tmp_path / "run")), ["one.line"], "first"))
    drawing = tmp_path / "one.line.column.svg"
    drawing.write_bytes(drawing.read_bytes().replace(b"\n", b"\r\n"))
    accepted = read(tmp_path)
    assert accepted and accepted.edited == {}
    drawing.unlink()
    accepted = read(tmp_path)
    assert accepted and accepted.edited == {"one.line": "one.line.column.svg"}


def test_a_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    """The marks of a merge conflict are named, not skipped."""
    write(tmp_path / "figures", take(None, snapshot(results(tmp_path / "run")), ["one.x"], "first"))
    (tmp_path / "figures/values.json").write_text("<<<<<<< HEAD\n")
    with pytest.raises(CheckError, match="cannot be read") as error:
        read(tmp_path / "figures")
    assert error.value.where == "figures/values.json"


def test_a_drawing_that_is_no_text_and_a_ragged_table(tmp_path: Path) -> None:
    """Damage of any kind is named with its file."""
    everything = take(None, snapshot(results(tmp_path / "run")), ["one.x", "one.t", "one.line"], "first")
    write(tmp_path / "figures", everything)
    table = next((tmp_path / "figures/tables").iterdir())
    table.write_text(table.read_text().replace('"rows": [\n  [', '"rows": [\n  ["more", '))
    with pytest.raises(CheckError, match="more or fewer cells than columns"):
        read(tmp_path / "figures")
    write(tmp_path / "figures", everything)
    drawing = next((tmp_path / "figures").glob("*.svg"))
    drawing.write_bytes(b"\xff\xfe")
    with pytest.raises(CheckError, match="cannot be read"):
        read(tmp_path / "figures")
