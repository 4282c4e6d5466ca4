"""``octavo status``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from octavo import pipeline, project


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the stale tasks and their reasons as JSON.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of [tool.octavo] and stop.")
@click.pass_obj
def status(folder: Path, targets: tuple[str, ...], as_json: bool, schema: bool) -> None:
    """Say what `octavo build TARGETS` would run, and the first reason for each. Nothing is run.

    \b
    Reasons, in the order in which they are looked for: new · code · parameter ·
    data file · module · environment · kernel · tool · upstream · sweep · missing output
    (and with `octavo build --force`: forced)

    \b
    octavo status              everything
    octavo status slides       what the deck would need
    octavo status --json       the same for another program
    """
    if schema:
        print(json.dumps(project.json_schema(), indent=1))
        return
    show(pipeline.make_plan(project.read(project.find_root(folder))), targets, as_json=as_json)


def show(plan: pipeline.Plan, targets: tuple[str, ...], forced: tuple[str, ...] = (), *, as_json: bool) -> None:
    """Print what would run, and why."""
    chosen = pipeline.select(plan, (*targets, *forced) if targets else ())
    stale = pipeline.stale(plan, targets, forced)
    if as_json:
        print(json.dumps({"total": len(chosen), "stale": stale}, indent=1, ensure_ascii=False))
        return
    for name, reason in stale.items():
        print(f"{name}: {reason}")
    fresh = len(chosen) - len(stale)
    print(f"{len(stale)} would run, {fresh} up to date." if stale else f"All {fresh} results are up to date.")
