"""The list: notebooks, figures, bib, paper, slides, checks, review. Wires the rooms to the engine.

A project becomes tasks (one for each point of a notebook, one for each output of a document); the engine brings them
up to date; what they made is published to ``build/``.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import msgspec

from octavo import landing, tools
from octavo.engine import key as keys
from octavo.engine.cluster import Home
from octavo.engine.events import Listener, Noted
from octavo.engine.graph import needed
from octavo.engine.locks import held
from octavo.engine.room import ELSEWHERE, measure
from octavo.engine.runner import ExecutorMaker, Forecast, forecast, plan
from octavo.engine.runner import build as run_tasks
from octavo.engine.shared import Place, Shared, sharing
from octavo.engine.staleness import outputs_digest
from octavo.engine.store import MARKS, OUT, Store, write_atomically
from octavo.engine.task import Memory, Outcome, Status, Task
from octavo.errors import NotebookError, OctavoError, UsageError, nearest, raise_all
from octavo.filenames import UNDECODABLE
from octavo.model import Record, Result, Results, Scalar, Source, Verdict
from octavo.notebooks import parameters, watch
from octavo.notebooks.attach import attach, show
from octavo.notebooks.drawing import DrawFigures, gathered
from octavo.notebooks.environment import environment, kernel_variables, recorder_files
from octavo.notebooks.execute import RECORD, RunPoint, read_record
from octavo.notebooks.modules import Imported, imported_by
from octavo.notebooks.source import Notebook, load
from octavo.outputs import CONTENT, SET_LOG, WriteDocument
from octavo.project import CONFIG, Document, Project, Sweep
from octavo.publish import Publication
from octavo.publish import whole as whole_file
from octavo.review.landing import Swept
from octavo.workers import cluster, imports, may_draw, workers

TARGETS = ("notebooks", "figures", "paper", "slides")
OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "paper": ("pdf", "html", "tex", "latex", "docx", "jats"),
    "slides": ("html", "pptx", "pdf"),
}
LATEX = "latex"  # the PDF that LaTeX makes of the output `tex`
FILES = {"paper": "paper", "slides": "deck"}
RESERVED = {*TARGETS, *OUTPUTS, *FILES.values()}
EXECUTED = "log/notebook.ipynb"
FOLDERS = "folders.json"  # in .octavo: the folders of the project, so that workers need not open them
DRAWN_WITH = ("environment", "kernel", "tool")  # what a drawing has in common with the run of its point
LONGEST = 200  # bytes of a point's name; a file's name has room for 255, with what stands behind it


@dataclass(frozen=True)
class Plan:
    """Everything that a project's build consists of.

    ``points`` has the tasks of each notebook, in declared order; ``drawn`` those that draw the figures of a point, in
    the order of the media.
    """

    project: Project
    tasks: tuple[Task, ...]
    points: Mapping[str, tuple[str, ...]]
    drawn: Mapping[str, tuple[str, ...]]
    parameters: Mapping[str, Mapping[str, Scalar]]
    notebooks: Mapping[str, Notebook]

    def store(self) -> Store:
        """Return the store of the project's results."""
        return Store(self.project.state, self.project.root)

    def modules(self) -> tuple[str, ...]:
        """Return what workers and kernels import."""
        return imports(self.notebooks.values())

    def shared(self, listen: Listener) -> Shared | None:
        """Return the store that the project shares with other machines, if it has one."""
        declared = self.project.store
        if declared is None:
            return None
        place = Place(declared.address, declared.writes, declared.wait, declared.where)
        return Shared(place, self.store(), listen)

    def jobs(self) -> int:
        """Return how many tasks run at once: as declared, or one for each core that this process may use."""
        return self.project.jobs or cores()

    def with_drawings(self, points: Iterable[str]) -> list[str]:
        """Return tasks of points, each with those that draw its figures."""
        return [name for point in points for name in (point, *self.drawn.get(point, ()))]

    def single(self) -> tuple[str, ...]:
        """Return the notebooks of one point, which the documents can quote."""
        declared = {sweep.name for sweep in self.project.sweeps if sweep.declared}
        return tuple(name for name in self.points if name not in declared)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_plan(project: Project) -> Plan:
    """Turn a project into tasks; nothing is run.

    Raises OctavoError (or Problems) for notebooks that are none, parameters that are not declared, unknown sweeps.
    """
    notebooks, problems = _load(project)
    for sweep in project.sweeps:
        if sweep.name in notebooks:
            problems += _faults(project, sweep, notebooks[sweep.name])
    problems += _unfit_names(project)
    raise_all(problems)
    names = {s.name: tuple(point_name(s.name, p) for p in s.points) for s in project.sweeps}
    parameters = {point_name(s.name, p): p for s in project.sweeps for p in s.points}
    digest = keys.remembering(Store(project.state, project.root).digest)
    points = [task for s in project.sweeps for task in _points(project, s, notebooks[s.name], names, digest)]
    drawings = {task.name: tuple(_drawings(project, task)) for task in points}
    drawn = {name: tuple(task.name for task in tasks) for name, tasks in drawings.items() if tasks}
    notebook_tasks = [task for point in points for task in (point, *drawings[point.name])]
    return with_documents(Plan(project, tuple(notebook_tasks), names, drawn, parameters, notebooks), digest)


def with_documents(whole: Plan, digest: keys.FileDigest | None = None) -> Plan:
    """Return a plan with its documents as they are now; notebooks are taken as the plan has them."""
    digest = digest or keys.remembering(Store(whole.project.state, whole.project.root).digest)
    notebooks = [task for task in whole.tasks if not isinstance(task.action, WriteDocument)]
    documents = [task for kind in OUTPUTS for task in _document(whole, kind, digest)]
    return replace(whole, tasks=(*notebooks, *documents))


def point_name(notebook: str, parameters: Mapping[str, Scalar]) -> str:
    """Return the name of a point: the notebook, and for a sweep its parameters (``fit/trim=0.01,seed=3``)."""
    words = ",".join(f"{name}={value}" for name, value in parameters.items())
    return f"{notebook}/{words.replace('/', '_')}" if words else notebook


def select(whole: Plan, targets: Sequence[str]) -> tuple[Task, ...]:
    """Return the tasks of the targets (all of them, if none is named): ``paper``, a notebook's name, a task's.

    Raises UsageError for a name that is none of these.
    """
    return needed(whole.tasks, named(whole, targets)) if targets else whole.tasks


def named(whole: Plan, targets: Sequence[str]) -> list[str]:
    """Return the names of the tasks that targets stand for, without what these depend on. Raises UsageError."""
    wanted: list[str] = []
    tasks = [task.name for task in whole.tasks]
    for target in targets:
        if target in ("notebooks", "figures"):
            wanted += whole.with_drawings(name for names in whole.points.values() for name in names)
        elif target in OUTPUTS:
            wanted += [task.name for task in whole.tasks if task.name.split(".")[0] == FILES[target]]
        elif target in whole.points:
            wanted += whole.with_drawings(whole.points[target])
        elif target in tasks:
            wanted.append(target)
        else:
            known = (*TARGETS, *whole.points, *tasks)
            raise UsageError(
                f"There is no target '{target}'.",
                hint=meant(whole, target)
                or nearest(target, known)
                or f"Known: {', '.join((*TARGETS, *whole.points))}.",
            )
    return wanted


def meant(whole: Plan, name: str) -> str:
    """Return the way out for what is no name, but says a notebook's file or the parameters of a point; else nothing."""
    files = [stem for stem, notebook in whole.notebooks.items() if name in (notebook.name, notebook.path.name)]
    return f"did you mean '{files[0]}'?" if files else parameters.meant(name, whole.parameters)


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
    """Return what a user may want to know of the tasks that ran, each sentence once."""
    said: dict[str, list[str]] = {}
    for name, outcome in outcomes.items():
        for note in outcome.entry.notes if outcome.entry and outcome.status is Status.RAN else ():
            said.setdefault(note, []).append(name)
    return [f"{n[0]}{f' and {len(n) - 1} more' if len(n) > 1 else ''}: {note}." for note, n in said.items()]


def place(whole: Plan, jobs: int, listen: Listener) -> AbstractContextManager[ExecutorMaker]:
    """Return where the tasks of a build run: in processes of this machine, or on the workers of a Dask cluster."""
    project = whole.project
    if project.executor == "local":
        return workers(whole.modules, project.kernels, jobs, listen)
    documents = [path for document in (project.paper, project.slides) if document for path in document.files()]
    sweeps = [path for sweep in project.sweeps for path in (sweep.notebook, *sweep.inputs)]
    styles = [project.root / medium.style for medium in project.media if medium.style]
    variables = sorted({name for sweep in project.sweeps for name in sweep.environment})
    modules = whole.modules() if project.kernels == "forked" else ()
    home = Home(project.root, project.state, (project.build,), (*documents, *sweeps, *styles))
    return cluster(home, modules, variables, project.on, project.jobs, jobs, listen)


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
                    file, text = outcome.folder / source, whole.project.root / _notebook(whole, notebook)
                    made = partial(_attached, file, digest, text, drawn)
                    publication.add_made(target, key, made)
                else:
                    publication.add(outcome.folder / source, target, digest)
    complete = whole_build and all(outcome.done for outcome in outcomes.values())
    if complete:
        of = keys.of(
            {n: (outputs_digest(o.entry), dict(whole.parameters.get(n, {}))) for n, o in outcomes.items() if o.entry}
        )
        publication.add_made("results.json", of, lambda: _results_json(whole, outcomes))
    shown, files = built(whole, outcomes), publication.files(complete)
    publication.add_made("index.html", landing.key(shown, files), lambda: landing.page(shown, files))
    if complete:
        publication.finish()
    publication.remember()


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
        with workers(whole.modules, whole.project.kernels, 1, lambda event: None) as make_executor:
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
            source = Source(_notebook(whole, name), dict(whole.parameters[name]), outcome.entry.key)
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


def _load(project: Project) -> tuple[dict[str, Notebook], list[OctavoError]]:
    notebooks: dict[str, Notebook] = {}
    problems: list[OctavoError] = []
    for sweep in project.sweeps:
        try:
            notebooks[sweep.name] = load(sweep.notebook, project.relative(sweep.notebook))
        except NotebookError as error:
            problems.append(error)
    return notebooks, problems


def _unfit_names(project: Project) -> Iterable[OctavoError]:
    """Yield what is wrong with the names of notebooks and points: results and files are known by them."""
    for sweep in project.sweeps:
        where = project.relative(sweep.notebook)
        if sweep.name in RESERVED or not re.fullmatch(r"[A-Za-z][\w-]*", sweep.name, re.ASCII):
            why = "Octavo's own outputs are called so" if sweep.name in RESERVED else "results are quoted by it"
            rule = "Rename it: a letter first, then letters, digits, - and _."
            hint = rule if sweep.name not in RESERVED else "Rename it."
            yield UsageError(f"'{sweep.name}' cannot name a notebook: {why}.", where=where, hint=hint)
        counts = Counter(point_name(sweep.name, point) for point in sweep.points)
        for name in (name for name, count in counts.items() if count > 1 or len(name.encode()) > LONGEST):
            what = "stands for two points" if counts[name] > 1 else "is too long for the name of a file"
            hint = "Give shorter texts, without commas and equals signs, to its grid."
            hint = hint if len(sweep.name) <= LONGEST else "Rename it: less is enough to know it by."
            yield UsageError(f"'{name[:LONGEST]}' {what}.", where=sweep.where or where, hint=hint)


def _faults(project: Project, sweep: Sweep, notebook: Notebook) -> list[OctavoError]:
    """Return what is wrong between a sweep's section and its notebook."""
    where = sweep.where if sweep.declared else notebook.name
    problems = parameters.faults(notebook.parameters, sweep.points, notebook.name, where)
    known = [other.name for other in project.sweeps]
    for name in notebook.sweeps:
        if name not in known:
            problems.append(
                NotebookError(
                    f"It reads the sweep '{name}', which does not exist.",
                    where=notebook.name,
                    hint=nearest(name, known) or f"Known: {', '.join(known)}.",
                )
            )
    problems += [NotebookError(what, where=notebook.name, hint=hint) for what, hint in notebook.undrawable]
    if notebook.language.lower() != "python":
        problems.append(NotebookError(f"Its language is {notebook.language}; Octavo runs Python.", where=notebook.name))
    return problems


def _common_parts(
    project: Project, sweep: Sweep, notebook: Notebook, imported: Imported, digest: keys.FileDigest
) -> dict[str, str]:
    """Return what the points of a sweep have in common of their keys."""
    variables = [(name, os.environ.get(name)) for name in sweep.environment]
    return {
        "code": keys.of(notebook.code, project.relative(notebook.path.parent)),
        "data file": keys.of_files(sweep.inputs, project.root, digest),
        "module": keys.of_files(imported.files, project.root, digest),
        "environment": keys.of(environment(), variables),
        "kernel": keys.of(notebook.kernel, notebook.language, *kernel_variables(notebook.kernel)),
        "tool": keys.of_files(recorder_files(), Path(__file__).parent, digest),
    }


def _points(
    project: Project,
    sweep: Sweep,
    notebook: Notebook,
    names: Mapping[str, tuple[str, ...]],
    digest: keys.FileDigest,
) -> Iterable[Task]:
    """Yield the task of every point of a sweep; all that they share is computed once."""
    imported = imported_by(notebook)
    parts = _common_parts(project, sweep, notebook, imported, digest)
    by_name = {other.name: other for other in project.sweeps}
    read = {name: tuple(zip(names[name], by_name[name].points, strict=True)) for name in notebook.sweeps}
    # The order of the points and the kind of their parameters, which the results that they gave do not tell.
    parts["sweep"] = keys.of([(name, [list(p.items()) for _, p in points]) for name, points in read.items()])
    shared = _shared_run(project, sweep, notebook, imported, read)
    for point in sweep.points:
        name = point_name(sweep.name, point)
        called = f"{notebook.name} ({name.partition('/')[2]})" if point else notebook.name
        failed = project.build / "notebooks" / f"{name}.failed.ipynb"
        yield Task(
            name=name,
            parts={**parts, "parameter": keys.of(point, shared.draws)},
            action=replace(shared, name=called, parameters=point, failed=failed),
            after=tuple(task for points in read.values() for task, _ in points),
            device=sweep.gpu,
            retries=sweep.retries,
            retry_errors=sweep.retry_errors,
        )


def _shared_run(
    project: Project,
    sweep: Sweep,
    notebook: Notebook,
    imported: Imported,
    read: Mapping[str, tuple[tuple[str, Mapping[str, Scalar]], ...]],
) -> RunPoint:
    """Return the run of a notebook as all points of its sweep share it; ``read`` are the points that it takes from."""
    return RunPoint(
        notebook=notebook.path,
        name=notebook.name,
        parameters={},
        root=project.root,
        sweeps=read,
        ignored=(project.state, project.build),
        timeout=sweep.timeout,
        threads=max(1, cores() // (project.jobs or cores())),
        failed=project.build / "notebooks",
        kernel=notebook.kernel,
        code=notebook.code,
        text=notebook.text,
        imports=imported.packages,
        inputs=sweep.inputs,
        folders=project.state / FOLDERS,
        marks=project.state / MARKS,
        opened_by_octavo=tuple(_opened_by_octavo(project)),
        draws=may_draw(notebook, imported),
        quoted=not sweep.declared,
    )


def _drawings(project: Project, point: Task) -> Iterable[Task]:
    """Yield the tasks that draw the figures of a point, one for each medium.

    Documents cannot show figures of a sweep's points: these are drawn for the first medium alone, to be looked at.
    """
    run = point.action
    assert isinstance(run, RunPoint)
    media = project.media if run.quoted else project.media[:1]
    for medium in media if run.draws else ():
        of = (medium.name, medium.width, medium.height, medium.formats, medium.style)
        first = medium == media[0]
        given = {field.name: getattr(run, field.name) for field in fields(RunPoint)}
        given |= {"parameters": {}, "sweeps": {}, "draws": False}
        yield Task(
            name=f"{point.name}@{medium.name}",
            parts={**{name: point.parts[name] for name in DRAWN_WITH}, "parameter": keys.of(of, first)},
            action=DrawFigures(**given, point=point.name, medium=medium, first=first),
            after=(point.name,),
            retries=point.retries,
            kept=True,
            trusts=project.store.address if project.store and project.store.trusted else "",
        )


def _opened_by_octavo(project: Project) -> Iterable[Path]:
    """Yield the files, and the folders with all in them, that Octavo and its tools open while points run."""
    yield project.root / CONFIG
    yield from (sweep.notebook for sweep in project.sweeps)
    for document in filter(None, (project.paper, project.slides)):
        beside = document.source.parent
        yield beside if beside != project.root else document.source
        yield from filter(None, (document.bibliography, document.template))


def _sources(project: Project, document: Document) -> list[Path]:
    """Return the files of which a document is made: those beside its source, its bibliography, its template."""
    made = (project.build, project.state)  # where the source lies in the root itself
    beside = (p for p in sorted(document.source.parent.rglob("*")) if p.is_file() and not p.name.startswith("."))
    sources = [p for p in beside if not any(map(p.is_relative_to, made))]
    return [*sources, *(path for path in (document.bibliography, document.template) if path)]


def _document(whole: Plan, kind: str, digest: keys.FileDigest) -> Iterable[Task]:
    """Yield the tasks of the paper or the deck: the parsed content, then each output of it."""
    document: Document | None = getattr(whole.project, kind)
    if document is None:
        return
    root, stem = whole.project.root, FILES[kind]
    sources = _sources(whole.project, document)
    tool = keys.of_files(octavo_files(), Path(__file__).parent, digest)
    expected = keys.of_files(sources, root, digest)
    parts = {
        "code": keys.of(expected, whole.project.relative(document.source)),
        "notebooks": keys.of(_swept(whole), _origins(whole)),  # which there are: their names can be quoted
        "environment": keys.of(environment()),
        "tool": tool,
    }
    action = WriteDocument(root, kind, "content", document, sources=tuple(sources), expected=expected)
    content = f"{stem}.content"
    yield Task(content, parts, action)
    # The content holds the whole of the sources, so an edit that leaves it as it was writes nothing anew. The
    # bibliography and a figure's file are read again by the writers; their digests stay in the outputs' own keys.
    quoted = {name: whole.points[name][0] for name in whole.single()}
    given = {"quoted": quoted, "sweeps": _swept(whole), "notebooks": _origins(whole), "media": whole.project.media}
    action = replace(action, **given)  # type: ignore[arg-type]
    for output in outputs(kind):
        shown = whole.project.media_of(kind, output)
        sizes = [(medium.name, medium.width, medium.height) for medium in whole.project.media if medium.name in shown]
        drawn = {name: _shown_in(whole, kind, output, point) for name, point in quoted.items()}
        own = {
            "parameter": keys.of(
                kind, output, document.theme, document.venue, document.stage, document.citations, document.own, sizes
            )
        }
        if output == LATEX:
            own["environment"] = keys.of(parts["environment"], keys.of_files(tools.tex(), root, digest))
        yield Task(
            f"{stem}.{output}",
            {**parts, **own},
            replace(action, format=output, drawn=drawn),
            (content, *quoted.values(), *(task for tasks in drawn.values() for task in tasks)),
        )


def _shown_in(whole: Plan, kind: str, output: str, point: str) -> tuple[str, ...]:
    """Return the tasks whose drawings an output of a document may show: those for the media of its kind."""
    media = whole.project.media_of(kind, output)
    return tuple(name for name in whole.drawn.get(point, ()) if name.rpartition("@")[2] in media)


def outputs(kind: str) -> tuple[str, ...]:
    """Return the outputs of the ``paper`` or the ``slides`` for which the tools are there: LaTeX's PDF needs TeX."""
    return tuple(output for output in OUTPUTS[kind] if output != LATEX or shutil.which("latexmk"))


def chosen(targets: Sequence[str], to: Sequence[str]) -> tuple[str, ...]:
    """Return targets with ``paper`` replaced by its outputs in the formats ``to``.

    Raises UsageError for a format that there is not, for one whose tools are missing, and where no paper is asked for.
    """
    if "paper" not in targets:
        raise UsageError("`--to` says in which formats the paper is written.", hint="octavo build paper --to pdf,docx")
    known = tuple(name for name in OUTPUTS["paper"] if name != LATEX)
    for name in to:
        if name not in known:
            hint = nearest(name, known) or f"The formats: {', '.join(known)}."
            raise UsageError(f"There is no format '{name}' of the paper.", hint=hint)
    wanted = [*to, *([LATEX] if "tex" in to and LATEX in outputs("paper") else [])]
    return (*(target for target in targets if target != "paper"), *(f"paper.{name}" for name in wanted))


def octavo_files() -> list[Path]:
    """Return the files of this package that take part in writing a document."""
    package = Path(__file__).parent
    rooms = ("bib", "document", "paper", "slides")
    files = [p for room in rooms for p in sorted((package / room).rglob("*")) if p.is_file()]
    return [p for p in files if p.suffix != ".pyc"] + [
        package / name
        for name in ("assets.py", "model.py", "notebooks/drawing.py", "outputs.py", "printing.py", "svg.py", "tools.py")
    ]


def _swept(whole: Plan) -> tuple[str, ...]:
    return tuple(sweep.name for sweep in whole.project.sweeps if sweep.declared)


def _origins(whole: Plan) -> dict[str, str]:
    return {name: _notebook(whole, name) for name in whole.single()}


def _notebook(whole: Plan, name: str) -> str:
    by_name = {sweep.name: sweep for sweep in whole.project.sweeps}
    return whole.project.relative(by_name[name].notebook)


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
    """Return the last result of a task, as far as it is still there."""
    found = store.find(memory.entry.key, keys.of_file) if memory else None
    if not found or not memory:
        return Outcome(task, Status.HELD)
    return Outcome(task, Status.STORED, *found, upstream=memory.upstream)


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
