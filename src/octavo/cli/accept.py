"""``octavo accept``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from octavo import pipeline, planning, project
from octavo.checks.report import counted
from octavo.errors import UsageError

ENTRIES = 12  # names that are printed one by one


@click.command()
@click.argument("names", nargs=-1)
@click.option("--because", default="", metavar="REASON", help="Why it is right. Required.")
@click.option("--all", "everything", is_flag=True, help="Take over all that differs.")
@click.option("--json", "as_json", is_flag=True, help="Print what was taken over as JSON.")
@click.pass_obj
def accept(folder: Path, names: tuple[str, ...], because: str, everything: bool, as_json: bool) -> None:
    """Take over NAMES as they were last built: values, tables and figures (compare.att), or a notebook's (compare).

    They are written to figures/ with the reason, for `octavo check` to compare with and for git to keep. What is not
    made any more is taken out. Look at build/index.html first; nothing is run here.

    \b
    octavo accept compare.att --because "the sample has 3 more rows"
    octavo accept --all --because "first results"
    """
    reason = " ".join(because.split())
    if not reason:
        raise UsageError("There is no reason.", hint='Say why it is right: octavo accept NAME --because "…".')
    if bool(names) == everything:
        what = "Both names and --all are given." if names else "Nothing is named."
        raise UsageError(what, hint="Name what to accept (octavo check tells the names), or give --all alone.")
    plan = planning.make_plan(project.read(project.find_root(folder)))
    taken = pipeline.accept(plan, names, reason)
    if as_json:
        accepted = [{"name": v.name, "kind": v.kind, "was": v.state} for v in taken]
        print(json.dumps({"accepted": accepted, "because": reason}, indent=1, ensure_ascii=False))
    elif not taken:
        print("Nothing to accept: all of it is as accepted already.")
    else:
        lines = [f"{v.name} ({'taken out' if v.state == 'missing' else v.state})" for v in taken]
        more = [f"and {len(lines) - ENTRIES} more"] if len(lines) > ENTRIES else []
        print("\n".join([*lines[:ENTRIES], *more, f"Accepted {counted(taken)}. Commit figures/ with your change."]))
