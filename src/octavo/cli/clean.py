"""``octavo clean``."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import nullcontext, suppress
from pathlib import Path

import click

from octavo import project
from octavo.engine.store import Store
from octavo.errors import UsageError

REMOVED = ".removed-"  # in the name of a store while it is being removed


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
    for target in targets:
        if target.is_symlink():
            raise UsageError(f"'{found.relative(target)}' is a link.", hint="It is yours: remove it by hand.")
    with Store(found.state, found.root).locked() if removed else nullcontext():
        if found.build.exists():
            shutil.rmtree(found.build)
        if everything and found.state.exists():
            found.state.rename(found.state.with_name(f"{found.state.name}{REMOVED}{os.urandom(4).hex()}"))
    if everything:  # outside of the lock, which is gone with it: a build that begins meanwhile has a store of its own
        for aside in found.root.glob(f"{found.state.name}{REMOVED}*"):  # a killed `clean` may have left one as well
            _remove(aside)
    if as_json:
        print(json.dumps({"removed": removed}))
    else:
        print(f"Removed {' and '.join(f'{name}/' for name in removed)}." if removed else "Nothing to remove.")


def _remove(folder: Path) -> None:
    """Remove a folder, at which another `clean` may be as well."""
    while folder.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
