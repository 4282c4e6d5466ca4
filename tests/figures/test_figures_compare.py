"""Comparing with the accepted results: each difference is told in words, and nothing below the printed digit is one."""

from __future__ import annotations

import pytest

from octavo.figures.accepted import Drawn, Snapshot, print_table, print_value, take
from octavo.figures.compare import compare, without
from octavo.figures.record import FigureRecord, Panel, Series
from octavo.model import Align, Column, Scalar, Table, Value, Verdict

NAMED: tuple[tuple[str, Align], ...] = (("name", "left"), ("est", "right"))


def value(number: float | str, **options: object) -> Snapshot:
    return Snapshot(values={"one.x": print_value(Value(number, **{"unit": "USD", "digits": 0, **options}))})  # type: ignore[arg-type]


def table(*rows: tuple[Scalar, ...], columns: tuple[tuple[str, Align], ...] = NAMED, group: str = "") -> Snapshot:
    made = tuple(Column(name, name.title(), align, 0, group) for name, align in columns)
    return Snapshot(tables={"one.t": print_table(Table(made, rows))})


def only(then: Snapshot, now: Snapshot) -> Verdict:
    """Return the one verdict of a comparison."""
    names = [*then.values, *then.tables, *then.figures]
    (verdict,) = compare(now, take(None, then, names, "why"))
    return verdict


def test_a_changed_value_says_what_it_was_and_what_it_is() -> None:
    """The sentence has both numbers as they are printed, with the unit."""
    verdict = only(value(1794.34), value(1801.2))
    assert verdict.state == "changed"
    assert verdict.differences == ("It was 1,794\u00a0USD and is now 1,801\u00a0USD.",)


@pytest.mark.parametrize("number", [1794.49, 1793.51])
def test_a_change_below_the_printed_digit_is_drift(number: float) -> None:
    """What no reader can see passes, in standard error and interval too; within the tolerance it is the same."""
    then = value(1794.0, se=10.0, low=1.0, high=2.0)
    now = value(number, se=10.4, low=0.6, high=2.4)
    verdict = only(then, now)
    assert verdict.state == "drift" and len(verdict.differences) == 4
    assert verdict.differences[0] == f"It was 1794 and is now {number}; in print it is the same."
    near = value(1794.0 + 1e-6, se=10.0 + 1e-8, low=1.0 + 1e-9, high=2.0)
    assert only(then, near) == Verdict("one.x", "value", "same")


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ({"se": 632.0}, {"se": 640.0}, "Its standard error was 632\u00a0USD and is now 640\u00a0USD."),
        ({"low": 1.0}, {"low": 2.0}, "The lower end of its interval was 1\u00a0USD and is now 2\u00a0USD."),
        ({"high": 1.0}, {"high": 2.0}, "The upper end of its interval was 1\u00a0USD and is now 2\u00a0USD."),
        ({}, {"se": 2.0}, "Its standard error is 2\u00a0USD and was not recorded before."),
        ({"se": 2.0}, {}, "Its standard error was 2\u00a0USD and is not recorded any more."),
        ({}, {"unit": "EUR"}, "It was 5\u00a0USD and is now 5\u00a0EUR."),
        ({}, {"digits": 1}, "It was 5\u00a0USD and is now 5.0\u00a0USD."),
    ],
)
def test_every_field_of_a_value_is_compared(then: dict[str, object], now: dict[str, object], told: str) -> None:
    """Standard error, interval, unit and precision count as the number does."""
    assert only(value(5.0, **then), value(5.0, **now)).differences == (told,)


def test_new_and_missing_results_are_told() -> None:
    """A result that was never accepted, and one that is not made any more, are no passes."""
    (missing,) = compare(Snapshot(), take(None, value(5.0), ["one.x"], "why"))
    (new,) = compare(value(5.0), take(None, Snapshot(), [], "why"))
    assert (missing.state, missing.differences) == ("missing", ("This value is not made any more; it was 5\u00a0USD.",))
    assert (new.state, new.differences) == ("new", ("This value was never accepted; it is 5\u00a0USD.",))


def test_a_changed_cell_is_told_with_its_row_and_column() -> None:
    """The row is counted from 1 and named by its words."""
    then = table(("ols", 1.0), ("ridge", 2.0), ("lasso", 1402.4))
    assert only(then, table(("ols", 1.3), ("ridge", 2.0), ("lasso", 1398.0))).differences == (
        "Row 3 (lasso), column 'Est': 1,402 became 1,398.",
    )


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (table(("a", 1.0), ("b", 2.0), ("c", 3.0)), ["Row 2 (b) is new."]),
        (table(("c", 3.0)), ["Row 1 (a) is gone."]),
        (table(("a", None), ("c", 3.0)), ["Row 1 (a), column 'Est': 1 became nothing."]),
        (table(("a",), ("c",), columns=(("name", "left"),)), ["The column 'Est' is gone."]),
        (
            table((1.0, "a"), (3.0, "c"), columns=(("est", "right"), ("name", "left"))),
            ["The columns stand in another order."],
        ),
        (
            table(("a", 1.0), ("c", 3.0), columns=(("name", "left"), ("est", "left"))),
            ["Column 'Est': its alignment was 'right' and is now 'left'."],
        ),
    ],
    ids=["row added", "row gone", "cell emptied", "column gone", "columns moved", "alignment"],
)
def test_rows_and_columns_that_come_and_go_are_told(now: Snapshot, told: list[str]) -> None:
    """A row that is put in does not make every row below it differ."""
    assert list(only(table(("a", 1.0), ("c", 3.0)), now).differences) == told


def test_a_spanning_header_is_compared() -> None:
    """What stands above the columns is part of the table."""
    (first, *_) = only(table(("a", 1.0)), table(("a", 1.0), group="All")).differences
    assert first == "Column 'Name': its spanning header was '' and is now 'All'."


def test_many_differences_are_counted_not_listed() -> None:
    """A table that moved as a whole does not flood the terminal."""
    then = table(*((f"r{i}", float(i)) for i in range(40)))
    told = only(then, table(*((f"r{i}", float(i) + 5) for i in range(40)))).differences
    assert len(told) == 13
    assert told[-1] == "28 further cells or rows differ."


def test_a_figure_without_a_record_is_not_compared() -> None:
    """What was not looked at is never called the same."""
    then = Snapshot(figures={"one.f": Drawn("A line.", {"column": "<svg/>"})})
    verdict = only(then, then)
    assert verdict.state == "not compared"
    assert "record" in verdict.differences[0]


def test_an_artist_that_is_not_known_makes_the_drawing_decide() -> None:
    """The same drawing is the same figure; another one, or none, may be anything."""

    def figure(drawing: str) -> Snapshot:
        panel = Panel("a", series=(Series("line", "x", columns={"y": (1.0,)}),), not_compared=("Sculpture",))
        return Snapshot(figures={"one.f": Drawn("", {"column": drawing} if drawing else {}, FigureRecord((panel,)))})

    svg = '<svg xmlns="http://www.w3.org/2000/svg"><g id="text_1"><text>{}</text></g></svg>'
    assert only(figure(svg.format("a")), figure(svg.format("a"))).state == "same"
    for then, now in ((svg.format("a"), svg.format("b")), ("", "")):
        verdict = only(figure(then), figure(now))
        assert verdict.state == "not compared" and "Not compared: Sculpture." in verdict.differences[0]


def test_a_cell_that_prints_the_same_is_drift() -> None:
    """Beyond the tolerance a cell's number is told; whole numbers and words have no more than they print."""
    verdict = only(table(("a", 1.2), ("b", 3)), table(("a", 1.3), ("b", 3)))
    assert verdict.state == "drift"
    assert verdict.differences == ("Row 1 (a), column 'Est': 1.2 became 1.3; in print it is the same.",)
    assert only(table(("a", 1.2)), table(("a", 1.2 + 1e-9))).state == "same"
    assert only(table(("a", 1.2)), table(("a", 1.6))).state == "changed"


def test_an_edited_record_is_not_compared() -> None:
    """A number that someone changed in figures/values.json is not believed."""
    accepted = take(None, value(5.0), ["one.x"], "why")
    forged = type(accepted)(value(6.0), accepted.acceptances, {"one.x": "values.json"})
    (verdict,) = compare(value(6.0), forged)
    assert verdict.state == "not compared"
    assert "figures/values.json" in verdict.differences[0]


def test_results_of_a_notebook_that_failed_are_not_compared() -> None:
    """They are not missing: nobody knows what they would be."""
    verdicts = compare(Snapshot(), take(None, value(5.0), ["one.x"], "why"))
    (verdict,) = without(verdicts, {"one": "Its notebook failed."}, {})
    assert (verdict.state, verdict.differences) == ("not compared", ("Its notebook failed.",))
