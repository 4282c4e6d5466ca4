"""What is done with the list of tasks: foretold, brought up to date, published to ``build/``, compared and checked.

It wires the rooms to the engine.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import msgspec

from octavo import landing
from octavo.engine import key as keys
from octavo.engine.cluster import Home
from octavo.engine.events import Listener, Noted
from octavo.engine.forecast import Forecast, forecast, plan
from octavo.engine.locks import held
from octavo.engine.pool import ExecutorMaker
from octavo.engine.room import ELSEWHERE, measure
from octavo.engine.runner import build as run_tasks
from octavo.engine.shared import sharing
from octavo.engine.staleness import outputs_digest
from octavo.engine.store import OUT, Store, write_atomically
from octavo.engine.task import Memory, Outcome, Status, Task
from octavo.errors import OctavoError, UsageError
from octavo.filenames import UNDECODABLE
from octavo.model import Record, Result, Results, Source, Verdict
from octavo.notebooks import watch
from octavo.notebooks.attach import attach, show
from octavo.notebooks.drawing import gathered
from octavo.notebooks.execute import RECORD, read_record
from octavo.outputs import CONTENT, SET_LOG
from octavo.planning import FILES, FOLDERS, Plan, named, notebook_of, select
from octavo.project import Document, Project
from octavo.publish import Publication
from octavo.publish import whole as whole_file
from octavo.review.landing import Swept
from octavo.workers import cluster, workers

EXECUTED = "log/notebook.ipynb"


def stale(whole: Plan, targets: Sequence[str] = (), forced: Sequence[str] = ()) -> dict[str, str]:
    """Return why each stale task of the targets would run; nothing is run."""
    return dict(foreseen(whole, targets, forced).stale)


def foreseen(
    whole: Plan, targets: Sequence[str] = (), forced: Sequence[str] = (), listen: Listener | None = None
) -> Forecast:
    """Return what a build of the targets would do; nothing is run.

    With ``listen`` the shared store is asked, if the project has one: ``listen`` is told where it does not answer.
    Raises UsageError where no package here can reach its address.
    """
    chosen = select(whole, (*targets, *forced) if targets else ())
    shared = whole.shared(listen) if listen else None
    return forecast(chosen, whole.store(), named(whole, forced), shared)


def build(
    whole: Plan, targets: Sequence[str], listen: Listener, *, forced: Sequence[str] = (), fail_fast: bool = False
) -> dict[str, Outcome]:
    """Bring the targets up to date and publish what is new to ``build/``; return what became of each task.

    What ``forced`` names runs in any case; with ``fail_fast`` nothing is begun after a failure.
    """
    store, jobs = whole.store(), whole.jobs()
    with (
        store.in_use(),
        sharing(whole.shared(listen)) as shared,
        place(whole, jobs, listen) as make_executor,
    ):
        chosen = select(whole, (*targets, *forced) if targets else ())

        def begin() -> Executor:
            executor = make_executor()  # what the kernels are forked from goes on with its imports meanwhile
            _find_folders(whole.project)
            threading.Thread(target=landing.prepare, daemon=True).start()
            return executor

        outcomes = run_tasks(
            chosen,
            store,
            make_executor=begin,
            jobs=jobs,
            listen=listen,
            forced=named(whole, forced),
            fail_fast=fail_fast,
            room=ELSEWHERE if whole.project.on else measure(whole.project.gpus),
            shared=shared,
        )
        for note in notes(outcomes):
            listen(Noted(note))
        publish(whole, outcomes, whole_build=len(chosen) == len(whole.tasks))
    return outcomes


def notes(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Return what a user may want to know of the tasks that ran, each sentence once, and of what they hand on."""
    said: dict[str, list[str]] = {}
    for name, outcome in sorted(outcomes.items()):  # not as they ended: the same words each time
        for note in outcome.entry.notes if outcome.entry and outcome.status is Status.RAN else ():
            said.setdefault(note, []).append(name)
    told = [f"{n[0]}{f' and {len(n) - 1} more' if len(n) > 1 else ''}: {note}." for note, n in said.items()]
    return [*told, *handed_on(outcomes)]


def handed_on(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Return a sentence for each two notebooks of which one left files in the project that the other read.

    Whether it read what the other one wrote this time, before, or in another branch, nobody can say.
    """
    entries = [(name, outcome.entry) for name, outcome in sorted(outcomes.items()) if outcome.entry]
    writers: dict[str, str] = {}
    for name, entry in entries:
        writers |= {file: name for file in entry.writes if file not in writers}
    said: dict[tuple[str, str], set[str]] = {}
    for name, entry in entries if writers else ():
        for file in writers.keys() & entry.reads.keys():
            if (writer := _notebook(writers[file])) != (reader := _notebook(name)):
                said.setdefault((reader, writer), set()).add(file)
    return [
        f"{reader}: it read {min(files)}{f' and {len(files) - 1} more' if len(files) > 1 else ''}, which {writer} "
        f"writes. Octavo does not run them in that order, and writes nothing there when {writer} comes from the store. "
        "Numbers are handed on by octavo.value and octavo.sweep; let data be made by a module that both import, or "
        "before the build."
        for (reader, writer), files in sorted(said.items())
    ]


def _notebook(task: str) -> str:
    """Return the sweep or the notebook of which a task runs a point, or draws the figures."""
    return task.partition("/")[0].partition("@")[0]


def place(whole: Plan, jobs: int, listen: Listener) -> AbstractContextManager[ExecutorMaker]:
    """Return where the tasks of a build run: in processes of this machine, or on the workers of a Dask cluster."""
    project = whole.project
    if project.executor == "local":
        return workers(whole.modules, project.variables, project.kernels, jobs, listen)
    documents = [path for document in (project.paper, project.slides) if document for path in document.files()]
    sweeps = [path for sweep in project.sweeps for path in (sweep.notebook, *sweep.inputs)]
    styles = [project.root / medium.style for medium in project.media if medium.style]
    modules = whole.modules() if project.kernels == "forked" else ()
    home = Home(project.root, project.state, (project.build,), (*documents, *sweeps, *styles))
    return cluster(home, modules, project.variables, project.on, project.jobs, jobs, listen)


def publish(whole: Plan, outcomes: Mapping[str, Outcome], *, whole_build: bool) -> None:
    """Copy what tasks made to ``build/``, where it differs; after a whole build, remove what is made no more."""
    with held(whole.project.state / "publish.lock"):
        _publish(whole, outcomes, whole_build=whole_build)


def _publish(whole: Plan, outcomes: Mapping[str, Outcome], *, whole_build: bool) -> None:
    publication = Publication(whole.project.build, whole.project.state / "published.json")
    for name, outcome in outcomes.items():
        if outcome.folder and outcome.entry:
            for source, target in _published(whole, name, outcome):
                digest = outcome.entry.outputs[source][1]
                if source == EXECUTED:
                    notebook = name.partition("/")[0]
                    drawn = _drawn(whole, name, outcomes)
                    digests = [outputs_digest(one.entry) for one in drawn if one.entry]
                    key = keys.of(digest, whole.notebooks[notebook].text, digests)
                    file, text = outcome.folder / source, whole.project.root / notebook_of(whole, notebook)
                    made = partial(_attached, file, digest, text, drawn)
                    publication.add_made(target, key, made, name)
                else:
                    publication.add(outcome.folder / source, target, digest, name)
    complete = whole_build and all(outcome.done for outcome in outcomes.values())
    if complete:
        of = keys.of(
            {n: (outputs_digest(o.entry), dict(whole.parameters.get(n, {}))) for n, o in outcomes.items() if o.entry}
        )
        publication.add_made("results.json", of, lambda: _results_json(whole, outcomes))
    done = {name for name, outcome in outcomes.items() if outcome.done}
    publication.forget_failed(whole.parameters.keys() - done)
    publication.remove((lambda task: True) if complete else _made_no_more(whole, done))
    shown, files = built(whole, outcomes), publication.files()
    publication.add_made("index.html", landing.key(shown, files), lambda: landing.page(shown, files))
    publication.remember()


def _made_no_more(whole: Plan, done: Collection[str]) -> Callable[[str], bool]:
    """Return of which tasks nothing is shown any more but what they made: of those ``done``, and their notebooks'."""
    planned = {task.name for task in whole.tasks}
    entire = {name for name, points in whole.points.items() if set(whole.with_drawings(points)) <= set(done)}
    return lambda task: task in done or (task not in planned and re.split("[/@]", task)[0] in entire)


def built(whole: Plan, outcomes: Mapping[str, Outcome]) -> landing.Built:
    """Return what was built, for comparing and showing: of notebooks that were not asked for, their last results."""
    tasks = {task.name: task for task in whole.tasks}
    first = {name: whole.points[name][0] for name in whole.single()}
    needed = whole.with_drawings(first.values())
    store = whole.store()
    memory = {} if all(task in outcomes for task in needed) else store.memory()
    known = {task: outcomes.get(task) or _last(store, tasks[task], memory.get(task)) for task in needed}
    absent = {name: _why_absent(known[task]) for name, task in first.items() if not known[task].folder}
    undrawn = _undrawn(whole, known)
    for name in undrawn:
        known[name] = Outcome(tasks[name], Status.HELD)
    missing = {
        name: undrawn[draw] for name, task in first.items() for draw in whole.drawn.get(task, ()) if draw in undrawn
    }
    sweeps = tuple(
        Swept(sweep.name, whole.project.relative(sweep.notebook), len(sweep.points))
        for sweep in whole.project.sweeps
        if sweep.declared
    )
    unfinished = tuple(name for name, outcome in outcomes.items() if not outcome.done)
    digests = {name: outputs_digest(outcome.entry) for name, outcome in known.items() if outcome.entry}
    digests |= {f"{name} key": outcome.entry.key for name, outcome in known.items() if outcome.entry}
    return landing.Built(whole.project, lambda: results(whole, known), digests, absent, missing, sweeps, unfinished)


def _undrawn(whole: Plan, known: Mapping[str, Outcome]) -> dict[str, str]:
    """Return which drawings there are none of, or only older ones than the result of their point, and why."""
    found = {}
    for point, outcome in known.items():
        now = outputs_digest(outcome.entry, kept=True) if outcome.entry else None
        for name in whole.drawn.get(point, ()) if now else ():
            medium = name.rpartition("@")[2]
            if known[name].status is Status.FAILED:
                found[name] = f"It could not be drawn for the medium '{medium}'."
            elif not known[name].folder or known[name].upstream.get(point) != now:
                found[name] = f"It was not drawn for the medium '{medium}': octavo build figures."
    return found


def compare(whole: Plan, outcomes: Mapping[str, Outcome]) -> tuple[Verdict, ...] | None:
    """Return what became of every result, or None when nothing has been accepted yet. Raises CheckError."""
    return landing.compare(built(whole, outcomes))


def accept(whole: Plan, names: Sequence[str], because: str) -> tuple[Verdict, ...]:
    """Take over the results of ``names`` (all that differ, if none is named) as last built; return what was taken.

    Raises UsageError for a name that is no result's, and for results that are stale: nobody has seen what they are.
    """
    store = whole.store()
    with store.locked():
        notebooks = {name.partition(".")[0] for name in names} & set(whole.single()) or set(whole.single())
        targets = sorted(notebooks) or ["notebooks"]
        stale = plan(select(whole, targets), store)
        if stale:
            name, reason = next(iter(stale.items()))
            raise UsageError(
                f"'{name}' is not up to date ({reason}), so there is nothing to accept yet.",
                hint="Run `octavo build`, look at build/index.html, then accept.",
            )
        # Nothing runs: all of it is in the store.
        project = whole.project
        with workers(whole.modules, project.variables, project.kernels, 1, lambda event: None) as make_executor:
            outcomes = run_tasks(
                select(whole, targets), store, make_executor=make_executor, jobs=1, listen=lambda event: None
            )
        taken = landing.accept(built(whole, outcomes), names, because)
        publish(whole, outcomes, whole_build=False)
    return taken


def check_bibliography(whole: Plan, outcomes: Mapping[str, Outcome]) -> tuple[landing.BibliographyCheck, ...]:
    """Return what each bibliography is found to be, with the citations of all the documents that name it."""
    contents: dict[str, dict[str, Path | None]] = {}
    errors: dict[str, OctavoError] = {}
    for kind, stem in FILES.items():
        document: Document | None = getattr(whole.project, kind)
        if document and document.bibliography:
            outcome = outcomes.get(f"{stem}.content")
            content = outcome.folder / OUT / CONTENT if outcome and outcome.folder else None
            named = contents.setdefault(whole.project.relative(document.bibliography), {})
            name = whole.project.relative(document.source)
            named[name] = content
            if outcome and outcome.error:
                errors[name] = outcome.error
    root = whole.project.root
    return tuple(landing.check_bibliography(root, name, named, errors) for name, named in contents.items())


def check_figures(whole: Plan, outcomes: Mapping[str, Outcome]) -> landing.FigureCheck:
    """Return what does not hold of the figures, given where the parsed documents show them. Raises CheckError."""
    from octavo.document import source

    shown: list[source.ShownFigure] = []
    for kind, stem in FILES.items():
        outcome = outcomes.get(f"{stem}.content")
        document: Document | None = getattr(whole.project, kind)
        if document and outcome and outcome.folder:
            usual = document.medium if kind == "slides" else source.COLUMN
            for figure in source.figures(source.load(outcome.folder / OUT / CONTENT)):
                shown.append(msgspec.structs.replace(figure, medium=figure.medium or usual))
    return landing.quality(built(whole, outcomes), shown)


def check_paper(whole: Plan, outcomes: Mapping[str, Outcome]) -> landing.PaperCheck | None:
    """Return what does not hold of the paper; None without a paper."""
    document = whole.project.paper
    if document is None:
        return None
    folders = {
        name: outcomes[name].folder for name in ("paper.content", "paper.pdf", "paper.latex") if name in outcomes
    }
    content, typst, latex = (folders.get(name) for name in ("paper.content", "paper.pdf", "paper.latex"))
    if not content or not typst:
        return landing.PaperCheck(unlooked="The paper was not looked at: it was not written.")
    printed = {"paper.pdf": (typst / OUT / "paper.pdf", typst / SET_LOG)}
    if latex:
        printed["latex/paper.pdf"] = (latex / OUT / "latex" / "paper.pdf", latex / SET_LOG)
    waivers = whole.project.waivers
    checked = landing.check_paper(document, content / OUT / CONTENT, printed, waivers)
    lacking = "" if latex else "What LaTeX makes of it was not looked at: TeX is not installed, or it failed."
    if lacking and document.venue == "article":  # nobody asks for LaTeX
        return msgspec.structs.replace(checked, verdict=f"{checked.verdict} {lacking}")
    return msgspec.structs.replace(checked, unlooked=lacking)


def results(whole: Plan, outcomes: Mapping[str, Outcome]) -> Results:
    """Return what the notebooks of one point recorded, with the folders of their drawings."""
    found: dict[str, Result] = {}
    for name in whole.single():
        outcome = outcomes.get(whole.points[name][0])
        if outcome and outcome.folder and outcome.entry:
            source = Source(notebook_of(whole, name), dict(whole.parameters[name]), outcome.entry.key)
            found[name] = result_of(whole, outcome, outcomes, source)
    return Results(found, tuple(s.name for s in whole.project.sweeps if s.declared), whole.project.media)


def result_of(whole: Plan, point: Outcome, outcomes: Mapping[str, Outcome], source: Source) -> Result:
    """Return what a point recorded, with those drawings of its figures that there are."""
    assert point.folder
    made = _drawn(whole, point.task.name, outcomes)
    drawn = {outcome.folder / OUT: _record(outcome) for outcome in made if outcome.folder}
    return gathered(_record(point), point.folder / OUT, source, drawn)


def _drawn(whole: Plan, point: str, outcomes: Mapping[str, Outcome]) -> list[Outcome]:
    """Return the drawings that there are of a point's figures, in the order of the media."""
    made = [outcomes[name] for name in whole.drawn.get(point, ()) if name in outcomes]
    return [outcome for outcome in made if outcome.folder]


def _find_folders(project: Project) -> None:
    """Find the project's folders before anything runs: to list one while a point runs would look like a read of its."""
    file = project.state / FOLDERS
    known = watch.recall(file)
    found = watch.find(project.root, (project.state, project.build), known)
    # What JSON cannot name, and folders with such names in them, are found anew by each worker.
    found = {path: of for path, of in found.items() if not any(map(UNDECODABLE.search, (path, *of.folders)))}
    if found != known:
        write_atomically(file, msgspec.json.encode(found))
    Store(project.state, project.root).make_marks()


def _published(whole: Plan, name: str, outcome: Outcome) -> Iterable[tuple[str, str]]:
    """Yield the files of a result that are shown in ``build/``: where in the result, and where there."""
    assert outcome.entry
    for file in outcome.entry.outputs:
        if file == EXECUTED:
            yield file, f"notebooks/{name}.ipynb"
        elif file.startswith(f"{OUT}/figures/") and name.partition("@")[0] in whole.points:
            yield file, f"figures/{name.partition('@')[0]}.{Path(file).name}"
        elif name.endswith(".content"):
            continue
        elif name.split(".")[0] in FILES.values() and file.startswith(f"{OUT}/"):
            kind = next(k for k, stem in FILES.items() if stem == name.split(".")[0])
            yield file, f"{kind}/{file.removeprefix(f'{OUT}/')}"


def _attached(executed: Path, digest: str, source: Path, drawn: Sequence[Outcome]) -> bytes:
    """Return an executed notebook with the words of its source, as it is by now, and with the figures that it declares.

    Raises BuildError where one of the files is damaged.
    """
    drawings: dict[str, str] = {}
    for outcome in drawn:
        assert outcome.folder and outcome.entry
        for figure, found in _record(outcome).figures.items():
            for file in (f"{OUT}/{drawing.file}" for drawing in found.drawings if drawing.format == "svg"):
                made = whole_file(outcome.folder / file, outcome.entry.outputs[file][1])
                drawings.setdefault(figure, made.decode())
    ran = show(whole_file(executed, digest), drawings)
    try:
        return attach(ran, source.read_bytes())
    except (OSError, ValueError, TypeError, KeyError):  # the source was moved or broken while the build was at work
        return ran


def _last(store: Store, task: Task, memory: Memory | None) -> Outcome:
    """Return the last result of a task, as far as it is still there; it may be stale."""
    folder = store.whole(memory.entry) if memory else None
    if not folder or not memory:
        return Outcome(task, Status.HELD)
    return Outcome(task, Status.STORED, folder, memory.entry, upstream=memory.upstream)


def _why_absent(outcome: Outcome) -> str:
    if outcome.status is Status.FAILED:
        return "Its notebook failed."
    return f"Its notebook {outcome.reason}." if outcome.reason else "Its notebook has not been built yet."


def _record(outcome: Outcome) -> Record:
    """Return what a run recorded. Raises BuildError where that is not what it was any more."""
    assert outcome.folder and outcome.entry
    file = f"{OUT}/{RECORD}"
    whole_file(outcome.folder / file, outcome.entry.outputs[file][1])
    return read_record(outcome.folder / OUT)


def _results_json(whole: Plan, outcomes: Mapping[str, Outcome]) -> bytes:
    from octavo.model import BuildResults, Point

    def recorded(name: str) -> Record:
        return result_of(whole, outcomes[name], outcomes, Source("", {}, "")).record

    points = {
        notebook: tuple(Point(dict(whole.parameters[name]), recorded(name)) for name in names if outcomes[name].folder)
        for notebook, names in whole.points.items()
    }
    return msgspec.json.format(msgspec.json.encode(BuildResults(points), order="deterministic"), indent=1)
