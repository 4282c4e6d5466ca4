"""``octavo build``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click

from octavo import pipeline, planning, project
from octavo.cli import progress
from octavo.cli.main import errors_json, words
from octavo.cli.status import all_of, show
from octavo.engine.graph import ordered
from octavo.engine.task import Outcome, Status
from octavo.errors import BuildError, OctavoError, Problems, Repeated, each_of
from octavo.planning import Plan


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--to", metavar="FORMATS", help="Of the paper: pdf, html, tex, docx, jats, with commas; all without it.")
@click.option("--force", multiple=True, metavar="NAME", help="Run NAME in any case: a notebook, a sweep or a task.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and why; run nothing.")
@click.option("--fail-fast/--keep-going", help="After a failure begin nothing more, or go on (the default).")
@click.option("--on", metavar="ADDRESS", help="Run on the workers of the Dask scheduler at ADDRESS (tcp://host:port).")
@click.option("--json", "as_json", is_flag=True, help="Print what became of every task as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@click.pass_obj
def build(
    folder: Path,
    targets: tuple[str, ...],
    to: str | None,
    force: tuple[str, ...],
    dry_run: bool,
    fail_fast: bool,
    on: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Bring TARGETS up to date: all, or any of notebooks, figures, paper, slides, or a notebook's name.

    Only what changed runs again; the rest comes from the store in .octavo/. What is made appears in build/. A point
    that fails does not stop the others; the last good outputs stay in place.

    \b
    octavo build               everything
    octavo build paper         the paper and what it needs
    octavo build paper --to pdf,docx
    octavo build estimate      the points of one sweep
    octavo build --force compare
    octavo build --on tcp://10.0.0.7:8786    points run on a Dask cluster
    """
    begun = time.monotonic()
    plan = planning.make_plan(project.running_on(project.read(project.find_root(folder)), on))
    if to is not None:
        targets = planning.chosen(targets, [name.strip() for name in to.split(",")])
    if dry_run:
        show(plan, targets, force, as_json=as_json)
        return
    with progress.shown(quiet=quiet or as_json) as (listen, counts):
        outcomes = pipeline.build(plan, targets, listen, forced=force, fail_fast=fail_fast)
    error = told_once(outcomes)
    if as_json:
        show_json(outcomes, error)
    if error:
        raise error
    if not quiet and not as_json:
        print(told(counts, time.monotonic() - begun, plan))


def show_json(outcomes: dict[str, Outcome], error: OctavoError | None) -> None:
    """Print how a build ended as JSON; leave with the error's exit code where there is one."""
    errors = errors_json(error) if error else []
    told_all = {**summary(outcomes), "notes": pipeline.notes(outcomes), "errors": errors}
    print(json.dumps(told_all, indent=1, ensure_ascii=False))
    if error:
        print(words(error), file=sys.stderr)
        raise click.exceptions.Exit(error.exit_code)


def told(counts: progress.Counts, seconds: float, plan: Plan) -> str:
    """Return the last line of a build."""
    ran, stored = counts.ended[Status.RAN], counts.ended[Status.STORED]
    if not ran and not counts.fetched:
        return f"Nothing to do: {all_of(stored, 'is', 'are')} up to date. See build/index.html."
    fetched = f", {counts.fetched} of them fetched from the shared one" if counts.fetched else ""
    return f"Built in {seconds:.0f} s: {ran} ran, {stored} from the store{fetched}. See build/index.html."


def summary(outcomes: dict[str, Outcome]) -> dict[str, object]:
    """Return a build for ``--json``."""
    tasks = [
        {
            "name": name,
            "status": outcome.status.value,
            "reason": outcome.reason,
            "seconds": round(outcome.seconds, 3),
            "tries": outcome.tries,
            "key": outcome.entry.key if outcome.entry else None,
            "from": outcome.entry.origin if outcome.entry else "",
            "errors": errors_json(outcome.error) if outcome.error else [],
        }
        for name, outcome in outcomes.items()
    ]
    counts = {status.value: sum(o.status is status for o in outcomes.values()) for status in Status}
    fetched = sum(o.fetched for o in outcomes.values())
    return {"counts": counts, "fetched": fetched, "tasks": tasks, "notes": pipeline.notes(outcomes)}


def told_once(outcomes: Mapping[str, Outcome]) -> OctavoError | None:
    """Return what went wrong in a build, each fault once: of the points that share one, with their names."""
    same: dict[str, dict[str, tuple[str, OctavoError]]] = {}
    for name, error in ((name, outcome.error) for name, outcome in outcomes.items() if outcome.error):
        for problem in each_of(error):
            same.setdefault(_alike(problem), {}).setdefault(str(problem), (name, problem))
    problems = [*(_once(list(found.values())) for found in same.values()), *_held(outcomes)]
    return Problems(problems) if problems else None


def _alike(problem: OctavoError) -> str:
    """Return what the faults of a notebook's points have in common, where they are one."""
    notebook, parameters, _ = problem.where.partition(".ipynb (")
    return f"{notebook}: {problem.what}" if parameters else str(problem)


def _once(found: list[tuple[str, OctavoError]]) -> OctavoError:
    problems = [problem for _, problem in found]
    return Repeated(problems, [name for name, _ in found[1:]]) if len(found) > 1 else problems[0]


def _held(outcomes: Mapping[str, Outcome]) -> list[OctavoError]:
    """Return a word on what was not made: for want of what failed, and what was not begun after that."""
    waiting: set[str] = {name for name, outcome in outcomes.items() if outcome.status is Status.FAILED}
    failed = len(waiting)
    for task in ordered([outcome.task for outcome in outcomes.values()]):
        if outcomes[task.name].status is Status.HELD and waiting.intersection(task.after):
            waiting.add(task.name)
    wait = len(waiting) - failed
    unbegun = sum(outcome.status is Status.HELD for outcome in outcomes.values()) - wait
    counts = [(wait, "wait for these"), (unbegun, "were not begun")]
    words = ", ".join(f"{number} further result(s) {what}" for number, what in counts if number)
    return [BuildError(f"{words}; what was built before is still in build/.")] if words else []
