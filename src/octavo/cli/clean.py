"""``octavo clean``."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import click

from octavo import project
from octavo.engine.store import Store
from octavo.errors import UsageError


@click.command()
@click.option("--all", "everything", is_flag=True, help="Remove the store of results too: the next build runs all.")
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON.")
@click.pass_obj
def clean(folder: Path, everything: bool, as_json: bool) -> None:
    """Remove build/. The results stay in the store, so the next build is quick; sources are never touched.

    \b
    octavo clean               build/ alone
    octavo clean --all         the store too, to measure a first build
    """
    found = project.read(project.find_root(folder))
    targets = [found.build, found.state] if everything else [found.build]
    removed = [found.relative(target) for target in targets if target.exists()]
    with Store(found.state, found.root).locked() if removed else nullcontext():
        for target in targets:
            if target.is_symlink():
                raise UsageError(f"'{found.relative(target)}' is a link.", hint="It is yours: remove it by hand.")
            if target.exists():
                shutil.rmtree(target)
    if as_json:
        print(json.dumps({"removed": removed}))
    else:
        print(f"Removed {' and '.join(f'{name}/' for name in removed)}." if removed else "Nothing to remove.")
