"""``octavo status``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from octavo import pipeline, planning, project, sections
from octavo.engine.events import Event, Noted
from octavo.engine.forecast import Forecast
from octavo.errors import UsageError
from octavo.planning import Plan


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the stale tasks and their reasons as JSON.")
@click.option("--shared", is_flag=True, help="Ask the shared store too: what it has would not run.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of [tool.octavo] and stop.")
@click.pass_obj
def status(folder: Path, targets: tuple[str, ...], as_json: bool, shared: bool, schema: bool) -> None:
    """Say what `octavo build TARGETS` would run, and the first reason for each. Nothing is run or fetched.

    \b
    Reasons, in the order in which they are looked for: new · code · parameter ·
    data file · module · environment · kernel · tool · upstream · sweep · notebooks ·
    missing output
    (and with `octavo build --force`: forced)

    \b
    octavo status              everything
    octavo status slides       what the deck would need
    octavo status --json       the same for another program
    octavo status --shared     ask the shared store, which takes the network
    """
    if schema:
        print(json.dumps(sections.json_schema(), indent=1))
        return
    show(planning.make_plan(project.read(project.find_root(folder))), targets, as_json=as_json, shared=shared)


def show(
    plan: Plan,
    targets: tuple[str, ...],
    forced: tuple[str, ...] = (),
    *,
    as_json: bool,
    shared: bool = False,
) -> None:
    """Print what would run, and why; with ``shared``, also what would be fetched."""
    if shared and not plan.project.store:
        raise UsageError("This project has no shared store.", hint="Name one: `store = …` in [tool.octavo].")
    chosen = planning.select(plan, (*targets, *forced) if targets else ())
    seen = pipeline.foreseen(plan, targets, forced, _tell if shared else None)
    if as_json:
        told: dict[str, object] = {"total": len(chosen), "stale": seen.stale}
        if plan.project.store:
            told |= {"offered": seen.offered, "fetched": seen.fetched}
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return
    for name, reason in seen.stale.items():
        print(f"{name}: {reason}")
    fresh = len(chosen) - len(seen.stale) - len(seen.offered)
    print(_summary(seen, fresh))
    if seen.stale and plan.project.store and not shared:
        print("The shared store was not asked: `octavo status --shared` asks it.")


def all_of(number: int, one: str, many: str) -> str:
    """Return so many results as the subject of a sentence, with its verb."""
    return f"the one result {one}" if number == 1 else f"all {number} results {many}"


def _summary(seen: Forecast, fresh: int) -> str:
    came = f" ({len(seen.fetched)} of them came from the shared store)" if seen.fetched else ""
    if not seen.stale and not seen.offered:
        return f"{all_of(fresh, 'is', 'are').capitalize()} up to date{came}."
    offered = f"{len(seen.offered)} would be fetched from the shared store, " if seen.offered else ""
    return f"{len(seen.stale)} would run, {offered}{fresh} up to date{came}."


def _tell(event: Event) -> None:
    if isinstance(event, Noted):
        print(event.text, file=sys.stderr)
