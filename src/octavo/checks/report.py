"""What `octavo check` says: each difference in words, one line of verdict, and the exit code that goes with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

from msgspec.structs import replace

from octavo.checks.rules import findings as verdict_findings
from octavo.errors import CheckError
from octavo.model import Finding, Frozen, Verdict

PASSED, FOUND, NOT_LOOKED = 0, 1, CheckError.exit_code
NOTHING_ACCEPTED = (
    "Nothing has been accepted yet, so nothing was compared. "
    'Look at build/index.html, then: octavo accept --all --because "…".'
)
NO_BIBLIOGRAPHY = "No bibliography was checked: neither the paper nor the deck names one in pyproject.toml."
STATES = ("changed", "new", "missing", "not compared", "drift")
WORDS = {"drift": "drifted"}  # in a sentence
KINDS: tuple[Literal["value", "table", "figure"], ...] = ("value", "table", "figure")


class Report(Frozen, frozen=True):
    """All that a check saw. ``verdicts`` and ``findings`` are None where it was not asked to look.

    ``figures`` is what was found of the ``drawn`` figures; ``waived`` tells what was found and is let pass.
    ``unlooked`` are sentences about what it was asked to look at and could not. ``cited`` counts the keys that the
    documents cite, ``entries`` those of the bibliography.
    """

    verdicts: tuple[Verdict, ...] | None = None
    findings: tuple[Finding, ...] | None = None
    figures: tuple[Finding, ...] | None = None
    paper: tuple[Finding, ...] = ()
    paper_verdict: str = ""  # empty where the paper was not looked at
    drawn: int = 0
    bare: int = 0  # of them without an SVG
    waived: tuple[str, ...] = ()
    unlooked: tuple[str, ...] = ()
    entries: int = 0
    cited: int = 0
    repeated: str = ""  # what was executed again; then the comparison is with the store

    @property
    def exit_code(self) -> int:
        """0 when everything asked holds, 1 when something does not, 4 when something was not looked at."""
        states = {v.state for v in self.verdicts or () if not v.waived}
        found = (*(self.findings or ()), *(self.figures or ()), *self.paper)
        if states & {"changed", "new", "missing"} or any(f.severity == "error" for f in found):
            return FOUND
        return NOT_LOOKED if "not compared" in states or self.unlooked else PASSED


class Bibliography(Protocol):
    """What was found of one bibliography; see octavo.landing.BibliographyCheck."""

    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def entries(self) -> int: ...
    @property
    def cited(self) -> int: ...
    @property
    def unread(self) -> tuple[str, ...]: ...


def with_results(report: Report, verdicts: tuple[Verdict, ...] | None, problem: str) -> Report:
    """Return a report with a comparison; None when there was nothing to compare with, or ``problem`` says why."""
    if verdicts is not None:
        return replace(report, verdicts=verdicts)
    return replace(report, unlooked=(*report.unlooked, problem or NOTHING_ACCEPTED))


def with_unlooked(report: Report, why: str) -> Report:
    """Return a report with something more that could not be looked at."""
    return (
        report
        if why.partition(". ")[2] in " ".join(report.unlooked)
        else replace(report, unlooked=(*report.unlooked, why))
    )


class Figures(Protocol):
    """What was found of the figures; see octavo.landing.FigureCheck."""

    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def figures(self) -> int: ...
    @property
    def waived(self) -> tuple[str, ...]: ...
    @property
    def bare(self) -> int: ...


def with_figures(report: Report, checked: Figures) -> Report:
    """Return a report with what was found of the figures."""
    waived = (*report.waived, *checked.waived)
    return replace(report, figures=checked.findings, drawn=checked.figures, bare=checked.bare, waived=waived)


class Paper(Protocol):
    """What was found of the paper; see octavo.landing.PaperCheck."""

    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def verdict(self) -> str: ...
    @property
    def waived(self) -> tuple[str, ...]: ...
    @property
    def unlooked(self) -> str: ...


def with_paper(report: Report, checked: Paper) -> Report:
    """Return a report with what was found of the paper, and what of it was not looked at."""
    missed = (checked.unlooked,) if checked.unlooked else ()
    waived = (*report.waived, *checked.waived)
    unlooked = (*report.unlooked, *missed)
    return replace(report, paper=checked.findings, paper_verdict=checked.verdict, waived=waived, unlooked=unlooked)


def with_bibliographies(report: Report, checked: Sequence[Bibliography], *, asked: bool) -> Report:
    """Return a report with the bibliographies; that there is none counts only where it was ``asked`` for by name."""
    if not checked:
        return replace(report, unlooked=(*report.unlooked, NO_BIBLIOGRAPHY)) if asked else report
    unread = sorted({document for each in checked for document in each.unread})
    missed = (f"Citations were not checked: {_listed(unread)} could not be read.",) if unread else ()
    return replace(
        report,
        findings=tuple(finding for each in checked for finding in each.findings),
        unlooked=(*report.unlooked, *missed),
        entries=sum(each.entries for each in checked),
        cited=sum(each.cited for each in checked),
    )


def with_repeated(points: Sequence[str], total: int, verdicts: tuple[Verdict, ...]) -> Report:
    """Return the report of ``points``, of ``total``, that were executed again and compared with the store."""
    which = "all" if len(points) == total else f"{len(points)} of {total}"
    named = "" if len(points) == total else f": {_listed(points)}"
    return Report(verdicts=verdicts, repeated=f"Executed again, in ordinary kernels: {which} points{named}.")


def text(report: Report) -> str:
    """Return a report as lines of text; the verdict stands last."""
    found = (*(report.figures or ()), *report.paper, *(report.findings or ()))
    lines = [
        *_differences(report.verdicts or ()),
        *(_finding(f) for f in found),
        *map("waived: {}".format, report.waived),
    ]
    if report.repeated:
        lines.append(report.repeated)
    elif report.verdicts and any(v.state in ("changed", "new", "missing") for v in report.verdicts):
        lines.append('What is right: octavo accept NAME --because "…". All of it side by side: build/index.html.')
    return "\n".join([*lines, verdict(report)])


def verdict(report: Report) -> str:
    """Return the verdict, a sentence for each thing looked at."""
    sentences = [] if report.verdicts is None else [summary(report.verdicts)]
    if report.repeated:
        sentences = [sentence.replace("as accepted", "as in the store") for sentence in sentences]
        sentences = [sentence.replace("Not as in the store", "It does not reproduce") for sentence in sentences]
    if report.figures is not None and report.drawn:
        sentences.append(_figures_verdict(report))
    if report.paper_verdict:
        sentences.append(report.paper_verdict)
    if report.findings is not None:
        sentences.append(_bib_verdict(report))
    return " ".join([*sentences, *report.unlooked])


def data(report: Report) -> dict[str, Any]:
    """Return a report for ``--json``."""
    import msgspec

    verdicts = report.verdicts
    states = ("same", *STATES)
    found = (*verdict_findings(verdicts or ()), *(report.figures or ()), *report.paper, *(report.findings or ()))
    return {
        "passed": report.exit_code == PASSED,
        "exit_code": report.exit_code,
        "verdict": verdict(report),
        "counts": {state: sum(v.state == state for v in verdicts) for state in states}
        if verdicts is not None
        else None,
        "results": msgspec.to_builtins(verdicts),
        "findings": msgspec.to_builtins(found),
        "not_checked": list(report.unlooked),
        "waived": list(report.waived),
    }


def counted(verdicts: Iterable[Verdict]) -> str:
    """Return how many results of each kind there are: ``68 values, 4 tables and 9 figures``."""
    kinds = [v.kind for v in verdicts]
    parts = [f"{n} {kind if n == 1 else kind + 's'}" for kind in KINDS if (n := kinds.count(kind))]
    return _listed(parts)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return what a comparison came to in one line."""
    if not verdicts:
        return "Nothing to compare: no notebook recorded a value, a table or a figure, and none was accepted."
    drifted = [v for v in verdicts if v.state == "drift"]
    if all(v.state in ("same", "drift") for v in verdicts):
        aside = f" ({counted(drifted)} by less than can be seen in print otherwise)" if drifted else ""
        return f"Nothing changed: {counted(verdicts)} {'is' if len(verdicts) == 1 else 'are'} as accepted{aside}."
    parts = [
        f"{counted(found)} {WORDS.get(state, state)}"
        for state in STATES
        if (found := [v for v in verdicts if v.state == state])
    ]
    same = sum(v.state == "same" for v in verdicts)
    rest = f"{same} of {_number(len(verdicts), 'result is', 'results are')} as accepted."
    return f"Not as accepted: {'; '.join(parts)}. {rest}"


def _figures_verdict(report: Report) -> str:
    found = report.figures or ()
    errors = sum(f.severity == "error" for f in found)
    aside = f" ({_number(len(found) - errors, 'warning')})" if len(found) > errors else ""
    unseen = f"; {report.bare} of them not looked at for text and lines: they have no SVG" if report.bare else ""
    if errors:
        return f"The figures have {_number(errors, 'error')}{aside}{unseen}."
    holds = "The figure holds" if report.drawn == 1 else f"All {report.drawn} figures hold"
    return f"{holds} what is asked of figures{aside}{unseen}."


def _bib_verdict(report: Report) -> str:
    found = report.findings or ()
    errors = sum(f.severity == "error" for f in found)
    warnings = len(found) - errors
    aside = f" ({_number(warnings, 'warning')})" if warnings else ""
    if errors:
        return f"The bibliography has {_number(errors, 'error')}{aside}."
    holds = f"The bibliography holds: {_number(report.entries, 'entry', 'entries')}, {report.cited} cited{aside}."
    return holds


def _differences(verdicts: Iterable[Verdict]) -> Iterable[str]:
    for verdict in verdicts:
        if verdict.state != "same" or verdict.differences:
            aside = f" (waived: {verdict.waived})" if verdict.waived else ""
            yield f"{verdict.state}: {verdict.kind} {verdict.name}{aside}"
            yield from (f"  {sentence}" for sentence in verdict.differences)


def _finding(finding: Finding) -> str:
    place = f"{finding.place}: " if finding.place else ""
    hint = f"\n  {finding.hint}" if finding.hint else ""
    return f"{finding.severity}: {place}{finding.message} [{finding.rule}]{hint}"


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
