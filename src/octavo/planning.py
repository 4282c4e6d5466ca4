"""The list of tasks: one for each point of a notebook, one for each drawing, one for each output of a document."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from octavo import tools
from octavo.engine import key as keys
from octavo.engine.events import Listener
from octavo.engine.graph import needed
from octavo.engine.shared import Place, Shared
from octavo.engine.store import MARKS, Store
from octavo.engine.task import Task
from octavo.errors import NotebookError, OctavoError, UsageError, nearest, raise_all
from octavo.filenames import files_below
from octavo.model import Scalar
from octavo.notebooks import parameters
from octavo.notebooks.drawing import DrawFigures
from octavo.notebooks.environment import environment, kernel_settings, recorder_files
from octavo.notebooks.execute import RunPoint
from octavo.notebooks.modules import Imported, imported_by
from octavo.notebooks.source import Notebook, load
from octavo.outputs import WriteDocument
from octavo.project import Document, Project, Sweep
from octavo.publish import FAILED
from octavo.sections import CONFIG
from octavo.workers import imports, may_draw, sets_variables

TARGETS = ("notebooks", "figures", "paper", "slides")
OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "paper": ("pdf", "html", "tex", "latex", "docx", "jats"),
    "slides": ("html", "pptx", "pdf"),
}
LATEX = "latex"  # the PDF that LaTeX makes of the output `tex`
FILES = {"paper": "paper", "slides": "deck"}
RESERVED = {*TARGETS, *OUTPUTS, *FILES.values()}
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
        return imports(self.notebooks.values(), self.project.root, (self.project.state, self.project.build))

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
    settings = notebook.path.parent / "matplotlibrc"  # read where matplotlib is imported, which no trace may see
    declared = (*sweep.inputs, *filter(Path.is_file, [settings]))
    return {
        "code": keys.of(notebook.code, project.relative(notebook.path.parent)),
        "data file": keys.of_files(declared, project.root, digest),
        "module": keys.of_files(imported.files, project.root, digest),
        "environment": keys.of(environment(), variables),
        "kernel": keys.of(notebook.kernel, notebook.language, *kernel_settings(notebook.kernel)),
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
        failed = project.build / "notebooks" / f"{name}{FAILED}"
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
        sets_variables=sets_variables(notebook, imported),
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
    beside = files_below(document.source.parent, lambda name: not name.startswith(".") and name != "_build")
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
        "notebooks": keys.of(swept(whole), origins(whole)),  # which there are: their names can be quoted
        "environment": keys.of(environment()),
        "tool": tool,
    }
    action = WriteDocument(root, kind, "content", document, sources=tuple(sources), expected=expected)
    content = f"{stem}.content"
    yield Task(content, parts, action)
    # The content holds the whole of the sources, so an edit that leaves it as it was writes nothing anew. The
    # bibliography and a figure's file are read again by the writers; their digests stay in the outputs' own keys.
    quoted = {name: whole.points[name][0] for name in whole.single()}
    given = {"quoted": quoted, "sweeps": swept(whole), "notebooks": origins(whole), "media": whole.project.media}
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


def swept(whole: Plan) -> tuple[str, ...]:
    return tuple(sweep.name for sweep in whole.project.sweeps if sweep.declared)


def origins(whole: Plan) -> dict[str, str]:
    return {name: notebook_of(whole, name) for name in whole.single()}


def notebook_of(whole: Plan, name: str) -> str:
    by_name = {sweep.name: sweep for sweep in whole.project.sweeps}
    return whole.project.relative(by_name[name].notebook)
