"""``octavo store``."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path

import click

from octavo import planning, project
from octavo.cli.main import Named
from octavo.cli.status import all_of
from octavo.engine import upkeep
from octavo.engine.store import Store
from octavo.errors import counted
from octavo.planning import Plan

KEPT = 30  # days for which a result is kept that nothing uses
UNITS = ("B", "kB", "MB", "GB", "TB")


@click.group(cls=Named)
def store() -> None:
    """Look after the store of results in .octavo/.

    \b
    octavo store du            what takes room, and what gc would free
    octavo store verify        read every result: is it still what it was?
    octavo store gc            remove what nothing uses any more

    Each has its own help: octavo store gc --help.
    """


@store.command()
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_obj
def verify(folder: Path, as_json: bool) -> None:
    """Read every result in the store, and say which do not hold any more what was put into them.

    A build reads a result again only where the system tells that its files were touched; a disk that loses bits tells
    nothing. A damaged result is removed, so that the next build makes it anew. Sources and build/ are not touched.
    Builds may go on meanwhile. Exit code 0: all are whole. 1: some were damaged.

    \b
    octavo store verify        after a crash of the machine, or once a month
    """
    found = project.read(project.find_root(folder))
    seen = upkeep.verify(Store(found.state, found.root))
    if as_json:
        damaged = [
            {"task": d.task, "folder": found.relative(d.folder), "files": d.files, "removed": d.removed}
            for d in seen.damaged
        ]
        print(json.dumps({"results": seen.results, "bytes": seen.size, "damaged": damaged}, indent=1))
    else:
        for damage in seen.damaged:
            print(told(damage, found))
        print(summary(seen))
    if seen.damaged:
        raise click.exceptions.Exit(1)


def told(damage: upkeep.Damage, found: project.Project) -> str:
    """Return the line that tells of a damaged result."""
    name = damage.task or f"a result of earlier, {found.relative(damage.folder)}"
    made = "" if damage.removed else "  (not removed: a build is making it anew)"
    return f"damaged  {name}: {', '.join(damage.files)}{made}"


def summary(seen: upkeep.Verified) -> str:
    """Return the last line of ``verify``."""
    if not seen.damaged:
        return f"{all_of(seen.results, 'is', 'are').capitalize()} whole: {size(seen.size)} were read."
    gone = sum(damage.removed for damage in seen.damaged)
    was, gone_was = ("was" if number == 1 else "were" for number in (len(seen.damaged), gone))
    found = f"{len(seen.damaged)} of {counted(seen.results, 'result')} {was} damaged; {gone} {gone_was} removed."
    return f"{found} `octavo build` makes anew what it needs of them."


@store.command()
@click.option("--keep-days", type=click.IntRange(min=0), default=KEPT, show_default=True, metavar="N")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON.")
@click.pass_obj
def gc(folder: Path, keep_days: int, dry_run: bool, as_json: bool) -> None:
    """Remove results that nothing uses any more, and what killed builds left behind.

    A result is used when `octavo build` would take it now, or when it is the last one of a task that is stale. Others
    are kept for N days from when they were made: who goes back to an older version of a notebook finds its results
    there. What was removed can be made again, by running it. Not while a build is at work.

    \b
    octavo store gc --dry-run           what would go
    octavo store gc                     what is older than 30 days
    octavo store gc --keep-days 0       all that nothing uses
    """
    plan = planning.make_plan(project.read(project.find_root(folder)))
    gone = collected(plan, keep_days, dry_run=dry_run)
    if as_json:
        results = [plan.project.relative(path) for path in gone.results]
        leftovers = [plan.project.relative(path) for path in gone.leftovers]
        told = {"results": results, "leftovers": leftovers, "bytes": gone.size, "removed": not dry_run}
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return
    if not gone.results and not gone.leftovers:
        print(f"Nothing to remove: every result is used, or younger than {keep_days} days.")
        return
    left = f" and {counted(len(gone.leftovers), 'leftover')} of killed builds" if gone.leftovers else ""
    number = counted(len(gone.results), "result")
    print(f"{'Would remove' if dry_run else 'Removed'} {number}{left}: {size(gone.size)}.")


def collected(plan: Plan, keep_days: int, *, dry_run: bool) -> upkeep.Collected:
    """Remove what nothing uses, or say what would be removed. Raises BuildError while a build is at work."""
    kept, made, now = plan.store(), plan.project.build, time.time()
    if dry_run:
        in_use = upkeep.used(kept, plan.tasks)
        return upkeep.collect(kept, in_use, made, days=keep_days, now=now, dry=True)
    with kept.locked():
        return upkeep.collect(kept, upkeep.used(kept, plan.tasks), made, days=keep_days, now=now)


@store.command()
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_obj
def du(folder: Path, as_json: bool) -> None:
    """Say how much room the results take, by notebook and document, and how much of it gc would free.

    \b
    octavo store du            a line for each notebook and document
    """
    plan = planning.make_plan(project.read(project.find_root(folder)))
    rows = by_source(upkeep.shares(plan.store(), upkeep.used(plan.store(), plan.tasks)))
    freed = collected(plan, KEPT, dry_run=True).size
    if as_json:
        told = {name or None: {"results": number, "bytes": room} for name, (number, room) in rows.items()}
        unused = told.pop(None, {"results": 0, "bytes": 0})
        print(json.dumps({"used": told, "unused": unused, "freed_by_gc": freed}, indent=1))
        return
    named = [(name or "not used any more", *row) for name, row in rows.items()]
    every = [*named, ("in all", sum(row[1] for row in named), sum(row[2] for row in named))]
    width = max(len(name) for name, _, _ in every)
    for name, number, room in every:
        print(f"{name:<{width}}  {number:>7} {'result ' if number == 1 else 'results'}  {size(room):>8}")
    print(f"`octavo store gc` would free {size(freed)}.")


def by_source(shares: tuple[upkeep.Share, ...]) -> dict[str, tuple[int, int]]:
    """Return results and bytes of each notebook and document; what nothing uses stands under the empty name."""
    found: dict[str, list[upkeep.Share]] = defaultdict(list)
    for share in shares:
        found[share.task.split("/")[0].split("@")[0].split(".")[0]].append(share)
    return {name: (sum(s.results for s in own), sum(s.size for s in own)) for name, own in found.items()}


def size(number: float) -> str:
    """Return bytes as they are printed, in units of a thousand."""
    unit = 0
    while number >= 999.5 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} {UNITS[unit]}" if unit == 0 or number >= 99.5 else f"{number:.1f} {UNITS[unit]}"
