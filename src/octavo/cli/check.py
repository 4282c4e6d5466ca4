"""``octavo check``."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from octavo import pipeline, planning, project
from octavo.checks import report as reports
from octavo.checks.rules import RULES
from octavo.cli import progress
from octavo.cli.build import told_once
from octavo.cli.main import errors_json, words
from octavo.engine.task import Outcome
from octavo.errors import CheckError, Problems, RuleError, UsageError, each_of, nearest
from octavo.planning import Plan

WHAT = ("results", "figures", "paper", "bib")


class Share(click.ParamType[float]):
    """A part of a whole, as a percentage: ``10%``."""

    name = "percentage"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the part, above 0 and at most 1."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", str(value))
        if not found or not 0 < float(found[1]) <= 100:
            self.fail(f"'{value}' is not a part of the points: write 10%.", param, ctx)
        return float(found[1]) / 100


@click.command()
@click.argument("what", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.option("--rules", is_flag=True, help="Print the rules and stop.")
@click.option("--from-scratch", is_flag=True, help="Execute all points again, in ordinary kernels, and compare.")
@click.option("--sample", type=Share(), metavar="10%", help="As --from-scratch, for a random part of the points.")
@click.pass_obj
def check(
    folder: Path, what: tuple[str, ...], as_json: bool, rules: bool, from_scratch: bool, sample: float | None
) -> None:
    """Say whether everything is as it was accepted, and the bibliography in order. WHAT: results, figures, paper, bib.

    Without WHAT the whole project is built first. `results` builds the notebooks only, `bib` only reads the paper
    and the deck. `figures` compares the figures alone, and asks of them what a mentor would: can the text be read,
    are the colours told apart? `paper` asks what a venue does: pages, fonts, lines that are too wide, unfinished
    words. Nothing is repaired; `octavo accept` takes over what is right.

    With --from-scratch, or --sample, points are executed once more and compared with the store, not with what was
    accepted: does the same code still give the same results? Neither the store nor build/ is changed by it. They take
    no WHAT.

    \b
    Exit codes: 0 all of it holds · 1 something differs · 3 the build failed ·
    4 something could not be looked at (nothing was accepted yet)
    """
    if rules:
        _show_rules(as_json=as_json)
        return
    _check_line(what, from_scratch=from_scratch, sample=sample is not None)
    plan = planning.make_plan(project.read(project.find_root(folder)))
    if from_scratch or sample:
        _check_again(plan, sample, as_json=as_json)
    with progress.shown(quiet=as_json) as (listen, _):
        outcomes = pipeline.build(plan, targets(plan, what), listen)
    error = told_once(untold(outcomes) if not what or "bib" in what else outcomes)
    report = look(plan, outcomes, what or WHAT)
    code = error.exit_code if error else report.exit_code
    if as_json:
        faults = errors_json(error) if error else []
        found = {**reports.data(report), "passed": code == 0, "exit_code": code, "errors": faults}
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print(reports.text(report))
    if error:
        print(words(error), file=sys.stderr)
    sys.exit(code)


def _check_again(plan: Plan, share: float | None, *, as_json: bool) -> NoReturn:
    """Execute points again, say what they gave, and exit."""
    from octavo.repeat import repeat

    with progress.shown(quiet=as_json) as (listen, _):
        outcomes = pipeline.build(plan, ("notebooks",), listen)
        if failed := told_once(outcomes):
            raise failed
        repeated = repeat(plan, outcomes, share, listen)
    error = told_once({outcome.task.name: outcome for outcome in repeated.failed if outcome.error})
    report = reports.with_repeated(repeated.points, repeated.total, repeated.verdicts)
    code = error.exit_code if error else report.exit_code
    if as_json:
        faults = errors_json(error) if error else []
        found = {**reports.data(report), "points": list(repeated.points), "exit_code": code, "errors": faults}
        print(json.dumps({**found, "passed": code == 0}, indent=1, ensure_ascii=False))
    else:
        print(reports.text(report))
    if error:
        print(words(error), file=sys.stderr)
    sys.exit(code)


def targets(plan: Plan, what: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is built for a check: everything, or the notebooks, or the parsed documents."""
    parsed = tuple(task.name for task in plan.tasks if task.name.endswith(".content"))
    paper = tuple(task.name for task in plan.tasks if task.name in ("paper.content", "paper.pdf", "paper.latex"))
    chosen = {"results": ("notebooks",), "figures": ("notebooks", *parsed), "paper": paper, "bib": parsed}
    return tuple(target for name in what for target in chosen[name]) or (("notebooks",) if what else ())


def untold(outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    """Return outcomes without the faults that a check of the bibliography tells, by their rules."""
    found: dict[str, Outcome] = {}
    for name, outcome in outcomes.items():
        left = [fault for fault in each_of(outcome.error) if not isinstance(fault, RuleError)] if outcome.error else []
        found[name] = replace(outcome, error=Problems(left) if left else None)
    return found


def look(plan: Plan, outcomes: dict[str, Outcome], what: tuple[str, ...]) -> reports.Report:
    """Return what a check of ``what`` finds in a build."""
    report = reports.Report()
    if "results" in what or "figures" in what:
        try:
            verdicts, problem = pipeline.compare(plan, outcomes), ""
            if "results" not in what and verdicts is not None:
                verdicts = tuple(verdict for verdict in verdicts if verdict.kind == "figure")
        except CheckError as error:
            verdicts, problem = None, f"Nothing was compared. {error}"
        report = reports.with_results(report, verdicts, problem)
    if "figures" in what:
        try:
            report = reports.with_figures(report, pipeline.check_figures(plan, outcomes))
        except CheckError as error:
            report = reports.with_unlooked(report, f"The figures were not looked at. {error}")
    if "paper" in what:
        try:
            found = pipeline.check_paper(plan, outcomes)
            report = reports.with_paper(report, found) if found else report
        except CheckError as error:
            report = reports.with_unlooked(report, f"The paper was not looked at. {error}")
    if "bib" in what:
        report = reports.with_bibliographies(report, pipeline.check_bibliography(plan, outcomes), asked=len(what) == 1)
    return report


def _show_rules(*, as_json: bool) -> None:
    if as_json:
        told = [{"id": r.id, "severity": r.severity, "asks": r.asks, "way_out": r.way_out} for r in RULES]
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print("\n".join(f"{rule.id} ({rule.severity}): {rule.asks} {rule.way_out}" for rule in RULES))


def _check_line(what: tuple[str, ...], *, from_scratch: bool, sample: bool) -> None:
    """Raise UsageError for a check that there is not, and for options that do not go together."""
    for name in what:
        if name not in WHAT:
            hint = nearest(name, WHAT) or f"The checks: {', '.join(WHAT)}."
            raise UsageError(f"There is no check '{name}'.", hint=hint)
    if from_scratch and sample:
        told = "`--from-scratch` executes all points again, `--sample` a part of them."
        raise UsageError(told, hint="Take one of the two out.")
    if what and (from_scratch or sample):
        option = "--from-scratch" if from_scratch else "--sample"
        told = f"`{option}` executes points again, and looks at nothing else: not at '{what[0]}'."
        raise UsageError(told, hint=f"Take it out, and look in a command of its own: octavo check {' '.join(what)}")
