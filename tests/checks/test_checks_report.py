"""What a check says, and the exit code that goes with it: 0 only when all of it is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from octavo.checks.report import Report, data, text, verdict, with_bibliographies, with_results
from octavo.checks.rules import RULES, findings
from octavo.landing import BibliographyCheck
from octavo.model import Finding, Place, Verdict

PACKAGE = Path(__file__).parents[2] / "src" / "octavo"
SAME = tuple(Verdict(f"a.v{i}", "value", "same") for i in range(68))
TABLES = tuple(Verdict(f"a.t{i}", "table", "same") for i in range(4))
FIGURES = (Verdict("a.f", "figure", "same"),)
CHANGED = Verdict("a.x", "value", "changed", ("It was 1 and is now 2.",))
BLIND = Verdict("a.f", "figure", "not compared", ("It has no SVG.",))
ERROR = Finding("bib-key-unique", "error", "The key 'a' is used twice.", Place("bib/r.bib", 3), "Rename one.")
WARNING = Finding("bib-entry-used", "warning", "'b' is never cited.", Place("bib/r.bib", 9))


def test_the_verdict_counts_what_is_as_accepted() -> None:
    """One line says how much was looked at."""
    report = Report(verdicts=(*SAME, *TABLES, *FIGURES))
    assert text(report) == "Nothing changed: 68 values, 4 tables and 1 figure are as accepted."
    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (Report(verdicts=()), 0),
        (Report(verdicts=(CHANGED, *SAME)), 1),
        (Report(verdicts=(Verdict("a.x", "value", "new"),)), 1),
        (Report(verdicts=(Verdict("a.x", "value", "missing"),)), 1),
        (Report(verdicts=(BLIND, *SAME)), 4),
        (Report(verdicts=(BLIND, CHANGED)), 1),
        (Report(unlooked=("Nothing has been accepted yet.",)), 4),
        (Report(verdicts=SAME, findings=(ERROR,)), 1),
        (Report(verdicts=SAME, findings=(WARNING,)), 0),
        (Report(findings=(WARNING,), unlooked=("Citations were not checked.",)), 4),
    ],
)
def test_the_exit_code_is_0_only_when_it_is_so(report: Report, code: int) -> None:
    """1 for what differs, 4 for what was not looked at; a warning fails nothing."""
    assert report.exit_code == code
    assert data(report)["passed"] is (code == 0)


def test_what_drifted_is_counted_as_that() -> None:
    """Beside what changed, in a sentence."""
    said = verdict(Report(verdicts=(CHANGED, Verdict("a.y", "value", "drift"))))
    assert said == "Not as accepted: 1 value changed; 1 value drifted. 0 of 2 results are as accepted."


def test_each_difference_is_told_before_the_verdict() -> None:
    """The name, the words, the place, the way out; the verdict stands last."""
    said = text(Report(verdicts=(CHANGED, *SAME), findings=(ERROR, WARNING), entries=2, cited=1))
    assert said.splitlines() == [
        "changed: value a.x",
        "  It was 1 and is now 2.",
        "error: bib/r.bib:3: The key 'a' is used twice. [bib-key-unique]",
        "  Rename one.",
        "warning: bib/r.bib:9: 'b' is never cited. [bib-entry-used]",
        'What is right: octavo accept NAME --because "…". All of it side by side: build/index.html.',
        "Not as accepted: 1 value changed. 68 of 69 results are as accepted. The bibliography has 1 error (1 warning).",
    ]


def test_what_was_not_looked_at_is_said() -> None:
    """No comparison, no bibliography, no parsed paper: each is a sentence of the verdict."""
    assert "accept --all" in verdict(with_results(Report(), None, ""))
    assert verdict(with_results(Report(), None, "Nothing was compared.")) == "Nothing was compared."
    assert "No bibliography was checked" in verdict(with_bibliographies(Report(), (), asked=True))
    unread = BibliographyCheck((), 3, 0, ("paper/paper.md",))
    assert "Citations were not checked: paper/paper.md" in verdict(
        with_bibliographies(Report(), (unread,), asked=False)
    )


def test_the_json_holds_every_result_and_every_finding() -> None:
    """CI reads the same as the terminal shows."""
    found = json.loads(json.dumps(data(Report(verdicts=(CHANGED, *FIGURES), findings=(WARNING,)))))
    assert found["counts"] == {"same": 1, "changed": 1, "new": 0, "missing": 0, "not compared": 0, "drift": 0}
    assert [r["name"] for r in found["results"]] == ["a.x", "a.f"]
    assert [f["rule"] for f in found["findings"]] == ["value-as-accepted", "bib-entry-used"]


def test_every_rule_stands_in_the_table_once() -> None:
    """What the rooms ask and what the table tells are the same rules, with the same severity."""
    code = "".join((PACKAGE / "bib" / name).read_text(encoding="utf-8") for name in ("rules.py", "load.py", "tex.py"))
    asked = set(re.findall(r'"(bib-[a-z-]+)"', code))
    told = [rule.id for rule in RULES]
    assert len(set(told)) == len(told)
    assert {rule for rule in told if rule.startswith("bib-")} == asked
    assert {f.rule for f in findings((CHANGED, BLIND, Verdict("a.t", "table", "new")))} <= set(told)
