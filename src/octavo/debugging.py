"""What ``octavo debug`` makes ready: a point's notebook, the results that it reads, the surroundings of its run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from octavo import pipeline, planning
from octavo.engine.store import OUT, write_atomically
from octavo.errors import UsageError, nearest
from octavo.model import RESULTS, RUN, BuildResults, Point, Scalar
from octavo.notebooks import debugging
from octavo.notebooks.execute import RunPoint, read_record
from octavo.notebooks.trace import MARKS, TRACE
from octavo.planning import Plan


@dataclass(frozen=True)
class Session:
    """A point made ready: its notebook, and the ``folder`` and the ``environment`` in which to open it.

    ``failed`` says whether the notebook is what a failed run left. ``kept`` is where an earlier session's notebook
    went, if somebody had changed its code. ``missing`` are the sweeps that cannot be read yet, because points of
    theirs are not up to date.
    """

    name: str
    notebook: Path
    parameters: Mapping[str, Scalar]
    failed: bool
    kept: Path | None
    missing: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


def prepare(whole: Plan, name: str) -> Session:
    """Write the notebook of the point ``name``, and what it reads of sweeps, into ``build/debug/``; run nothing.

    Raises UsageError for a name that is no point's.
    """
    run = _run(whole, name)
    target = whole.project.build / "debug" / f"{run.task}.ipynb"
    results = target.with_suffix(".results.json")
    book = debugging.compose(run.action.notebook, run.action.failed, target, results, run.action.parameters)
    kept = _keep(target, book)
    write_atomically(target, book)
    found, missing = _sweeps(whole, run.action)
    write_atomically(results, msgspec.json.encode(BuildResults(found), order="deterministic"))
    return Session(
        name=run.task,
        notebook=target,
        parameters=run.action.parameters,
        failed=debugging.ran(run.action.failed, run.action.notebook),
        kept=kept,
        missing=missing,
        folder=run.action.notebook.parent,
        environment=_environment(whole, run.action),
    )


@dataclass(frozen=True)
class _Run:
    task: str
    action: RunPoint


def _run(whole: Plan, name: str) -> _Run:
    actions = {task.name: task.action for task in whole.tasks if type(task.action) is RunPoint}
    points = whole.points.get(name, ())
    if name not in actions and len(points) == 1:
        name = points[0]
    if action := actions.get(name):
        return _Run(name, action)
    if points:
        failed = [point for point in points if actions[point].failed.exists()]
        raise UsageError(
            f"'{name}' has {len(points)} points.", hint=f"Name one of them: octavo debug {(failed or points)[0]}"
        )
    if name in {task.name for task in whole.tasks} | set(planning.TARGETS):
        raise UsageError(f"'{name}' is no point of a notebook.", hint=f"The notebooks: {', '.join(whole.points)}.")
    known = (*whole.points, *actions)
    hint = planning.meant(whole, name) or nearest(name, known)
    raise UsageError(f"There is no point '{name}'.", hint=hint or f"The notebooks: {', '.join(whole.points)}.")


def _keep(target: Path, book: bytes) -> Path | None:
    """Move an earlier notebook aside, if somebody worked on it and its code is not the same. Return where it went."""
    try:
        before = target.read_bytes()
        changed = debugging.worked_on(before) and debugging.code(before) != debugging.code(book)
    except OSError:
        return None
    except (ValueError, KeyError, TypeError):
        changed = True  # it is no notebook any more
    if not changed:
        return None
    taken = (target.with_suffix(f".{number}.ipynb") for number in range(1, 1000))
    place = next(path for path in taken if not path.exists())
    return target.rename(place)


def _sweeps(whole: Plan, action: RunPoint) -> tuple[dict[str, tuple[Point, ...]], tuple[str, ...]]:
    """Return what the sweeps that a notebook reads recorded, and the names of those that are not up to date."""
    found: dict[str, tuple[Point, ...]] = {}
    for sweep, points in action.sweeps.items():
        now = pipeline.foreseen(whole, [task for task, _ in points]).known
        folders = [(now[task].folder if task in now else None, parameters) for task, parameters in points]
        if all(folder for folder, _ in folders):
            found[sweep] = tuple(Point(dict(p), read_record(folder / OUT)) for folder, p in folders if folder)
    return found, tuple(sweep for sweep in action.sweeps if sweep not in found)


def _environment(whole: Plan, action: RunPoint) -> dict[str, str]:
    """Return the environment of the point's run, in which values are shown and not recorded."""
    own = {k: v for k, v in os.environ.items() if k not in (RUN, TRACE, MARKS, RESULTS)}
    kernels = {"JUPYTER_DEFAULT_PROVISIONER_NAME": "octavo"} if whole.project.kernels == "forked" else {}
    return {**kernels, **own, **action.environment()}
