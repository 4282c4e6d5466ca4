"""``octavo debug``."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import click

from octavo import debugging, planning, project
from octavo.cli.main import errors_json, words
from octavo.errors import BuildError, CheckError, OctavoError
from octavo.planning import Plan


@click.command()
@click.argument("point")
@click.option("--no-open", is_flag=True, help="Write the notebook and print its path; open nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.pass_obj
def debug(folder: Path, point: str, no_open: bool, as_json: bool) -> None:
    """Open POINT in JupyterLab with its parameters set: as far as it ran, if it failed; else as it would begin.

    What is opened is a copy in build/debug/. Your notebook is not touched: carry over by hand what you find. Imports
    and files are found as in the build. Values are shown, not recorded.

    \b
    octavo debug fit/seed=3            a point of a sweep
    octavo debug compare               a notebook that runs once
    octavo debug compare --no-open     write the copy, for another editor
    """
    plan = planning.make_plan(project.read(project.find_root(folder)))
    session = debugging.prepare(plan, point)
    fault = None if no_open else lab_is_missing(plan.project.relative(session.notebook))
    print(told_json(session, plan, fault) if as_json else told(session, plan), flush=True)
    if not no_open and not fault:
        fault = open_in_lab(session, plan)
    if fault:  # not raised: one JSON has been printed
        print(words(fault), file=sys.stderr)
        raise click.exceptions.Exit(fault.exit_code)


def told(session: debugging.Session, plan: Plan) -> str:
    """Return what was made ready, as it is printed."""
    relative = plan.project.relative
    lines = [relative(session.notebook)]
    lines.append("  as far as its last run came, with the error" if session.failed else "  as it begins")
    lines += [f"  parameter    {name} = {value}" for name, value in session.parameters.items()]
    if session.kept:
        lines.append(f"  Your changed copy of an earlier session is kept: {relative(session.kept)}")
    for sweep in session.missing:
        lines.append(f"  It cannot read '{sweep}' yet, which is not up to date: octavo build {sweep}")
    return "\n".join(lines)


def told_json(session: debugging.Session, plan: Plan, fault: OctavoError | None) -> str:
    """Return what was made ready, for ``--json``, and what hinders that it is opened."""
    relative = plan.project.relative
    made = {
        "point": session.name,
        "notebook": relative(session.notebook),
        "folder": relative(session.folder),
        "parameters": dict(session.parameters),
        "failed": session.failed,
        "kept": relative(session.kept) if session.kept else None,
        "missing": list(session.missing),
        "errors": errors_json(fault) if fault else [],
    }
    return json.dumps(made, indent=1, ensure_ascii=False)


def lab_is_missing(name: str) -> OctavoError | None:
    """Return what to say where there is no JupyterLab to open the notebook ``name``."""
    if importlib.util.find_spec("jupyterlab") is not None:
        return None
    return CheckError(
        "JupyterLab is not installed in this environment.",
        hint=f"Install it: {Path(sys.executable).name} -m pip install jupyterlab\n"
        f"  Or open {name} in another editor, with this environment's kernel.",
    )


def open_in_lab(session: debugging.Session, plan: Plan) -> OctavoError | None:
    """Run JupyterLab on the notebook until the user ends it; return what to say where it failed."""
    command = [sys.executable, "-m", "jupyterlab", str(session.notebook), f"--ServerApp.root_dir={plan.project.root}"]
    code = subprocess.run(command, cwd=session.folder, env=dict(session.environment), check=False).returncode
    if not code:
        return None
    name = plan.project.relative(session.notebook)
    return BuildError(f"JupyterLab ended with exit code {code}.", where=name, hint="Its own words stand above.")
