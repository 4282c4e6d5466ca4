"""The whole story of a result: what it is, what it was made of, when, how long it took, and whether it still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from octavo import pipeline, planning, printing
from octavo.engine.forecast import Forecast
from octavo.engine.store import ENTRY, Store
from octavo.engine.task import Memory
from octavo.errors import UsageError, nearest
from octavo.model import Record
from octavo.notebooks.execute import read_record
from octavo.planning import Plan

SHOWN = 12  # characters of a digest that are printed


def story(whole: Plan, name: str) -> dict[str, Any]:
    """Return what is known of ``name``: a result (``compare.att``), a notebook of one point, a point or an output.

    The keys are those of ``octavo why --json``. What was never built has only ``name``, ``task`` and ``would_run``.
    Raises UsageError when nothing has that name.
    """
    task = _task(whole, name)
    if task is None:
        raise _unknown(whole, name)
    store = whole.store()
    seen = pipeline.foreseen(whole, [task])
    memory = _made(store, seen, task)
    if task != name and _without_field(name) not in _results(store, memory, task):
        raise _unknown(whole, name)
    told: dict[str, Any] = {"name": name, "task": task, "would_run": seen.stale.get(task)}
    if task in whole.parameters:
        told["parameters"] = dict(whole.parameters[task])
    if memory is None:
        return told
    folder = store.folder(memory.entry)
    ran = datetime.fromtimestamp(memory.entry.ran or (folder / ENTRY).stat().st_mtime, UTC) if folder else None
    told |= {
        "key": memory.entry.key,
        "made_of": {part: memory.parts[part] for part in sorted(memory.parts)},
        "read": dict(sorted(memory.entry.reads.items())),
        "shared": list(memory.entry.shared),
        "notes": list(memory.entry.notes),
        "results_used": dict(sorted(memory.upstream.items())),
        "files": {file: digest for file, (_, digest) in sorted(memory.entry.outputs.items())},
        "seconds": memory.entry.seconds,
        "ran": ran.strftime("%Y-%m-%d %H:%M:%S UTC") if ran else None,
        "where": whole.project.relative(folder) if folder else None,
        "from": memory.entry.origin or None,
    }
    if folder and task != name:
        told["recorded"] = _recorded(read_record(folder / "out"), name, whole.drawn.get(task, ()))
    return told


def text(told: Mapping[str, Any]) -> str:
    """Return a story as it is printed."""
    lines = [told["name"] + (f" = {told['recorded']}" if told.get("recorded") else "")]
    if told["task"] != told["name"]:
        lines.append(f"  recorded by  {told['task']}")
    lines.append(f"  state        {'would run: ' + told['would_run'] if told['would_run'] else 'up to date'}")
    lines += [f"  parameter    {key} = {value}" for key, value in told.get("parameters", {}).items()]
    if "key" not in told:
        return "\n".join([*lines, "  It has not been built yet."])
    lines.append(f"  ran          {told['ran'] or 'its result is gone from the store'}, {told['seconds']:.1f} s")
    lines.append(f"  where        {told['where'] or '-'}")
    if told["from"]:
        lines.append(f"  fetched      from the shared store {told['from']}")
    lines.append(f"  key          {told['key'][:SHOWN]}")
    for title, group in (("made of", "made_of"), ("read", "read"), ("used", "results_used"), ("gave", "files")):
        lines += [f"  {title:12} {digest[:SHOWN]:{SHOWN}}  {of}" for of, digest in told[group].items()]
    lines += [f"  shared       {file}: opened while other points ran too" for file in told["shared"]]
    lines += [f"  note         {note}" for note in told["notes"]]
    return "\n".join(lines)


def _task(whole: Plan, name: str) -> str | None:
    """Return the task that a name is of, or that recorded it, if anything did; None where there can be none."""
    if any(task.name == name for task in whole.tasks):
        return name
    notebook = name.partition(".")[0]
    return whole.points[notebook][0] if notebook in whole.single() and notebook != name else None


def _unknown(whole: Plan, name: str) -> UsageError:
    """Return the fault of a name that nothing has."""
    notebook = name.partition(".")[0]
    if name in whole.points:
        return UsageError(
            f"'{name}' has {len(whole.points[name])} points.", hint=f"Name one of them: {whole.points[name][0]}"
        )
    hint = planning.meant(whole, name)
    if not hint and notebook in set(whole.points) - set(whole.single()):
        points = whole.points[notebook]
        what = f"'{notebook}' is a sweep: each of its {len(points)} points records results of its own."
        return UsageError(what, hint=f"Name one of them: {points[0]}")
    store, first = whole.store(), [whole.points[single][0] for single in whole.single()]
    seen = pipeline.foreseen(whole, first)
    results = [result for task in first for result in _results(store, _made(store, seen, task), task)]
    page = (whole.project.build / "index.html").is_file()
    otherwise = "build/index.html has the names of all results." if page else f"Known: {', '.join(whole.points)}."
    known = [*(task.name for task in whole.tasks), *results]
    return UsageError(f"Nothing is named '{name}'.", hint=hint or nearest(name, known) or otherwise)


def _made(store: Store, seen: Forecast, task: str) -> Memory | None:
    """Return of what the result of a task was made: of the one that a build would take now, else of the last one.

    These are two where somebody went back to what ran before.
    """
    now = seen.known.get(task)
    if now and now.entry:
        return Memory(dict(now.task.parts), dict(now.upstream), now.entry)
    return store.memory().get(task)


def _results(store: Store, memory: Memory | None, notebook: str) -> list[str]:
    """Return the names of what the run of a notebook recorded."""
    folder: Path | None = store.folder(memory.entry) if memory else None
    record = read_record(folder / "out") if folder else Record()
    return [f"{notebook}.{name}" for kind in (record.values, record.tables, record.figures) for name in kind]


def _without_field(name: str) -> str:
    """Return the name of a result, of which documents also quote a field: ``compare.att`` for ``compare.att.ci``."""
    return ".".join(name.split(".")[:2])


def _recorded(record: Record, full: str, drawn: Sequence[str]) -> str:
    _, name, field = (*full.split(".", 2), "", "")[:3]
    if name in record.values:
        try:
            return printing.value(record.values[name], field)
        except ValueError as error:
            raise UsageError(f"'{full}' cannot be printed: {error}.", hint=f"Name '{_without_field(full)}'.") from error
    if field:
        raise UsageError(f"Nothing is named '{full}'.", hint=f"did you mean '{_without_field(full)}'?")
    if name in record.tables:
        table = record.tables[name]
        return f"a table of {len(table.rows)} rows and {len(table.columns)} columns"
    if record.figures[name].declared:
        return f"a figure, drawn by {', '.join(drawn)}"
    return "a figure, as the notebook saved it"
