"""``octavo why``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from octavo import planning, project
from octavo import story as stories


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the story as JSON, with digests in full.")
@click.pass_obj
def why(folder: Path, name: str, as_json: bool) -> None:
    """Tell the whole story of NAME: what it was made of, with digests; when it ran, how long, where it is kept.

    NAME is a value, table or figure (compare.att), a notebook, a point or an output. Nothing is run.

    \b
    octavo why compare.att             where a number comes from
    octavo why fit/seed=3              a point of a sweep
    octavo why paper.pdf               an output
    """
    told = stories.story(planning.make_plan(project.read(project.find_root(folder))), name)
    print(json.dumps(told, indent=1, ensure_ascii=False) if as_json else stories.text(told))
