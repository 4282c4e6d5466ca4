"""Read pyproject.toml once into a frozen Project; every path of the project comes from here."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from octavo.errors import OctavoError, UsageError, nearest, raise_all
from octavo.filenames import files_below
from octavo.model import SAVED, Medium, Scalar
from octavo.sections import (
    COMPUTED,
    CONFIG,
    SCHEDULER,
    Bounds,
    Count,
    DeckSection,
    DocumentSection,
    MediumSection,
    OctavoSection,
    PaperSection,
    StoreSection,
    SweepSection,
    read_sections,
    where_of,
)

ADDRESS = "OCTAVO_STORE"
MODE = "OCTAVO_STORE_MODE"
SLIDES = {"light": "slide", "dark": "slide_dark"}  # the medium of a deck's figures, by its theme
WEB = "web"


class Sweep(msgspec.Struct, frozen=True):
    """A notebook with its points: one set of parameters for each run, in declared order.

    ``where`` is the line of pyproject.toml that gives the grid, for messages.
    """

    name: str
    notebook: Path
    points: tuple[dict[str, Scalar], ...]
    declared: bool
    inputs: tuple[Path, ...] = ()
    environment: tuple[str, ...] = ()
    timeout: float = 3600.0
    gpu: bool = False
    retries: int = 1
    retry_errors: bool = False
    where: str = ""


class Document(msgspec.Struct, frozen=True):
    """The paper or the deck: its MyST source, its bibliography.

    A deck has a PowerPoint ``template`` and a ``theme``; a paper a ``venue``, a ``stage``, addresses of its ``own``
    that a review hides, and a ``limit`` of pages.
    """

    source: Path
    bibliography: Path | None
    template: Path | None = None
    theme: Literal["light", "dark"] = "light"
    venue: Literal["article", "ieee", "acm"] = "article"
    stage: Literal["preprint", "review", "camera-ready"] = "preprint"
    citations: Literal["", "author-year", "numeric"] = ""
    own: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def medium(self) -> str:
        """The medium of a deck's figures."""
        return SLIDES[self.theme]

    def files(self) -> tuple[Path, ...]:
        """Return the files that are named."""
        return tuple(path for path in (self.source, self.bibliography, self.template) if path)


class SharedStore(msgspec.Struct, frozen=True):
    """The store that several machines share. ``where`` says what names it, for messages.

    ``trusted``: what others kept there may be run here.
    """

    address: str
    writes: bool
    wait: float
    where: str
    trusted: bool = False


class Project(msgspec.Struct, frozen=True):
    """A project as pyproject.toml declares it. All paths are absolute."""

    root: Path
    title: str
    jobs: int | None
    gpus: int | None
    kernels: Literal["forked", "ordinary"]
    executor: Literal["local", "dask"]
    on: str
    paper: Document | None
    slides: Document | None
    media: tuple[Medium, ...]
    sweeps: tuple[Sweep, ...]
    store: SharedStore | None = None
    tolerances: dict[str, float] = {}
    waivers: dict[str, dict[str, str]] = {}

    @property
    def build(self) -> Path:
        """Everything made; may be deleted at any time."""
        return self.root / "build"

    @property
    def state(self) -> Path:
        """The store of results and what Octavo remembers between builds."""
        return self.root / ".octavo"

    @property
    def accepted(self) -> Path:
        """The accepted values, tables and figures; written by ``octavo accept`` alone."""
        return self.root / "figures"

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the environment variables that runs depend on."""
        return tuple(sorted({name for sweep in self.sweeps for name in sweep.environment}))

    def media_of(self, kind: str, output: str) -> tuple[str, ...]:
        """Return the media whose drawings an output of the ``paper`` or the ``slides`` may show."""
        if kind == "slides":
            return (self.slides.medium,) if self.slides else ()
        apart = {*SLIDES.values()} if output == "html" else {*SLIDES.values(), WEB}
        return tuple(medium.name for medium in self.media if medium.name not in apart)

    def relative(self, path: Path) -> str:
        """Return a path as the user knows it: from the project root, with slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


SLIDE = MediumSection(width=11.5, height=5.2, formats=("svg", "pdf", "png"), smallest=18)
DEFAULT_MEDIA = {"column": MediumSection(width=3.35), "wide": MediumSection(width=7.0), "slide": SLIDE}
# Drawn where a document shows them.
FURTHER_MEDIA = {"web": MediumSection(width=7.5, formats=("svg",), smallest=9), "slide_dark": SLIDE}


def find_root(start: Path) -> Path:
    """Return the nearest folder, from ``start`` upwards, whose pyproject.toml has ``[tool.octavo]``.

    Raises UsageError when there is none.
    """
    for folder in [start, *start.parents]:
        file = folder / CONFIG
        if file.is_file() and "[tool.octavo" in file.read_text(encoding="utf-8", errors="replace"):
            return folder
    raise UsageError(
        f"No {CONFIG} with a [tool.octavo] section in {start} or above it.",
        hint="Go to the folder of your project, or name it with `octavo -C FOLDER …`.",
    )


def read(root: Path) -> Project:
    """Read ``root``/pyproject.toml.

    Raises UsageError (or Problems, several of them) naming the file, the line and the nearest valid name.
    """
    section, text = read_sections(root / CONFIG)
    problems: list[OctavoError] = []
    sweeps = tuple(_sweeps(section, root, text, problems))
    project = Project(
        root=root,
        title=section.title or root.name,
        jobs=section.jobs,
        gpus=section.gpus,
        kernels=section.kernels,
        executor="dask" if section.on else section.executor,
        on=section.on,
        paper=_document(section.paper, "paper", root, text, problems),
        slides=_document(section.slides, "slides", root, text, problems),
        media=tuple(_media(section, root, text, problems)),
        sweeps=sweeps,
        store=_store(section.store, root, text, problems),
        tolerances={n: COMPUTED[t] if isinstance(t, str) else float(t) for n, t in section.tolerances.items()},
        waivers=section.waivers,
    )
    raise_all(problems)
    return project


def running_on(project: Project, address: str | None) -> Project:
    """Return a project whose points run on the Dask scheduler at ``address``, if one is given. Raises UsageError."""
    if address is None:
        return project
    if not SCHEDULER.fullmatch(address):
        raise UsageError(
            f"'{address}' is not the address of a Dask scheduler.",
            hint="Give it as tcp://host:port: --on tcp://node7:8786.",
        )
    return msgspec.structs.replace(project, executor="dask", on=address)


def _store(declared: str | StoreSection, root: Path, text: str, problems: list[OctavoError]) -> SharedStore | None:
    """Return the shared store: what the environment says of address and mode stands before what pyproject.toml does."""
    section = declared if isinstance(declared, StoreSection) else StoreSection(declared)
    mode = os.environ.get(MODE, "") or section.mode
    named = os.environ.get(ADDRESS)
    where = ADDRESS if named is not None else where_of(text, (), "store")
    address = (section.address if named is None else named).strip()
    if mode not in ("read", "read-write"):
        hint = nearest(mode, ("read", "read-write")) or "It is 'read' or 'read-write'."
        problems.append(UsageError(f"'{mode}' is no mode of a store.", where=MODE, hint=hint))
    if not address:
        return None
    scheme, separator, rest = address.partition("://")
    if "::" in address or (not separator and ":" in address.partition("/")[0]):
        hint = "Write a folder, or an address such as s3://bucket/folder."
        problems.append(UsageError(f"'{address}' is no address of a store.", where=where, hint=hint))
    elif "@" in rest.partition("/")[0] and ":" in rest.partition("@")[0]:
        hint = f"Take it out and set FSSPEC_{scheme.upper()}_PASSWORD in the environment instead."
        problems.append(UsageError("The address of the store has a password in it.", where=where, hint=hint))
    elif not separator:
        address = os.path.normpath(root / Path(address).expanduser())
        made = next((name for name in ("build", ".octavo") if Path(address).is_relative_to(root / name)), "")
        if made:
            hint = "`octavo clean` would remove it: put it beside the project."
            problems.append(UsageError(f"The store lies in {made}/.", where=where, hint=hint))
    return SharedStore(address, mode == "read-write", section.wait, where, section.trusted and named is None)


def _media(section: OctavoSection, root: Path, text: str, problems: list[OctavoError]) -> Iterator[Medium]:
    wanted = {WEB} if section.paper else set()
    wanted |= {SLIDES[section.slides.theme]} if section.slides else set()
    further = {name: medium for name, medium in FURTHER_MEDIA.items() if name in wanted}
    for name, medium in {**DEFAULT_MEDIA, **further, **section.media}.items():
        usual = f"figures/{name}.mplstyle"
        style = medium.style or (usual if (root / usual).is_file() else "")
        if medium.style and not (root / medium.style).is_file():
            problems.append(
                UsageError(
                    f"The style sheet '{medium.style}' of the medium '{name}' does not exist.",
                    where=where_of(text, ("media", name), "style"),
                    hint="Write the file, or take the line out to draw in Octavo's own style.",
                )
            )
        if name == SAVED:
            what = f"A medium cannot be called '{name}': figures that a notebook saves are."
            problems.append(UsageError(what, where=where_of(text, ("media", name), "width"), hint="Rename it."))
        yield Medium(name, medium.width, style, medium.formats, medium.height, medium.smallest)


def _document(
    section: DocumentSection | None, kind: str, root: Path, text: str, problems: list[OctavoError]
) -> Document | None:
    if section is None:
        return None
    paths = {"source": section.source, "bibliography": section.bibliography}
    if isinstance(section, DeckSection):
        paths["template"] = section.template
    for key, value in paths.items():
        if value and not (root / value).is_file():
            problems.append(
                UsageError(
                    f"The {key} '{value}' of [tool.octavo.{kind}] does not exist.",
                    where=where_of(text, (kind,), key),
                    hint=_nearest_file(root, value),
                )
            )
    optional = {key: _path(root, value) if value else None for key, value in paths.items()}
    document = Document(_path(root, section.source), optional["bibliography"], optional.get("template"))
    if isinstance(section, DeckSection):
        return msgspec.structs.replace(document, theme=section.theme)
    if isinstance(section, PaperSection):
        if section.venue == "ieee" and section.citations == "author-year":
            problems.append(
                UsageError(
                    "The venue 'ieee' cites by number.",
                    where=where_of(text, (kind,), "citations"),
                    hint='Take `citations` out, or write "numeric".',
                )
            )
        given = {name: getattr(section, name) for name in ("venue", "stage", "limit")}
        return msgspec.structs.replace(document, own=tuple(section.own), citations=section.citations or "", **given)
    return document


def _nearest_file(root: Path, value: str) -> str:
    folder = (root / value).parent
    names = [p.relative_to(root).as_posix() for p in folder.iterdir()] if folder.is_dir() else []
    alike = [name for name in names if nearest(Path(value).name, [Path(name).name])]
    return nearest(value, alike) or "Paths are from the project root."


def _path(root: Path, value: str) -> Path:
    """Return the path that pyproject.toml names, without its ``..``: one file has one path."""
    return Path(os.path.normpath(root / value))


def _sweeps(section: OctavoSection, root: Path, text: str, problems: list[OctavoError]) -> Iterator[Sweep]:
    declared = {_path(root, sweep.notebook) for sweep in section.sweeps.values()}
    single = {p.stem: p for p in sorted((root / "notebooks").glob("*.ipynb")) if p not in declared}
    for name, sweep in section.sweeps.items():
        notebook = _path(root, sweep.notebook)
        if not notebook.is_file():
            problems.append(
                UsageError(
                    f"The notebook '{sweep.notebook}' of the sweep '{name}' does not exist.",
                    where=where_of(text, ("sweeps", name), "notebook"),
                    hint=_nearest_file(root, sweep.notebook),
                )
            )
            continue
        yield Sweep(
            name=name,
            notebook=notebook,
            points=tuple(_points(name, sweep, text, problems)),
            declared=bool(sweep.grid),
            inputs=tuple(_inputs(name, sweep, root, text, problems)),
            environment=tuple(sweep.environment),
            timeout=sweep.timeout,
            gpu=sweep.gpu,
            retries=sweep.retries,
            retry_errors=sweep.retry_errors,
            where=where_of(text, ("sweeps", name), "grid"),
        )
    for name, path in single.items():
        if name in section.sweeps:
            problems.append(
                UsageError(
                    f"The sweep '{name}' and the notebook {path.relative_to(root).as_posix()} share one name.",
                    where=where_of(text, ("sweeps",), name),
                    hint="Rename the sweep, or let it run that notebook.",
                )
            )
        yield Sweep(name=name, notebook=path, points=({},), declared=False)


def _inputs(name: str, sweep: SweepSection, root: Path, text: str, problems: list[OctavoError]) -> Iterator[Path]:
    """Yield the files that the globs of ``inputs`` name; a folder stands for all that is in it."""
    made = (root / "build", root / ".octavo")
    for glob in sweep.inputs:
        found, hint = _globbed(root, glob)
        named = [p for p in found if not any(map(p.is_relative_to, made))]
        files = [f for p in named for f in (files_below(p) if p.is_dir() else [p]) if f.is_file()]
        if not files:
            problems.append(
                UsageError(
                    f"The input '{glob}' of the sweep '{name}' names no file.",
                    where=where_of(text, ("sweeps", name), "inputs"),
                    hint=hint or _nearest_file(root, glob),
                )
            )
        yield from files


def _globbed(root: Path, glob: str) -> tuple[list[Path], str]:
    """Return what a glob from the root names, and the way out where it is no glob that can be asked."""
    if not glob or Path(glob).is_absolute():
        return [], "Paths are from the project root."
    if not Path(glob).parts:  # the root itself, with build/ and .octavo/ in it
        return [], "Name files or folders in the project: data, or data/*.csv."
    try:
        return sorted(root.glob(glob)), ""
    except ValueError:  # of pathlib, for the one pattern that it refuses
        return [], "Two asterisks stand for folders, alone between slashes: data/**/*.csv."


def _axis_faults(name: str, sweep: SweepSection, where: str) -> Iterator[OctavoError]:
    """Yield what is wrong with single values: a point is known by their text, and JSON has no infinity."""
    for key, axis in sweep.grid.items():
        seen: set[str] = set()
        for value in [] if isinstance(axis, Count) else axis:
            if isinstance(value, float) and not math.isfinite(value):
                yield UsageError(
                    f"The grid of the sweep '{name}' gives '{key}' the value {value}, which is not finite.",
                    where=where,
                    hint="Give a text instead, 'none' say, and let the notebook take it.",
                )
            if "\0" in str(value):
                yield UsageError(
                    f"The grid of the sweep '{name}' gives '{key}' a text with the sign NUL in it.",
                    where=where,
                    hint="Take it out: no file's name can have it.",
                )
            if (text := str(value).replace("/", "_")) in seen:
                yield UsageError(
                    f"The grid of the sweep '{name}' gives '{key}' the value {value} twice.",
                    where=where,
                    hint="Take one of them out. Values need different texts: 1 and '1' are one name.",
                )
            seen.add(text)


def _points(name: str, sweep: SweepSection, text: str, problems: list[OctavoError]) -> Iterator[dict[str, Scalar]]:
    """Yield the points of the grid that no exclusion matches; the last parameter runs fastest."""
    axes = [list(range(axis.count)) if isinstance(axis, Count) else list(axis) for axis in sweep.grid.values()]
    matched = [False] * len(sweep.exclude)
    problems += _axis_faults(name, sweep, where_of(text, ("sweeps", name), "grid"))
    where = where_of(text, ("sweeps", name), "exclude")
    for rule in sweep.exclude:
        for key in rule:
            if key not in sweep.grid:
                problems.append(
                    UsageError(
                        f"An exclusion of the sweep '{name}' names '{key}', which is not in its grid.",
                        where=where,
                        hint=nearest(key, sweep.grid),
                    )
                )
    kept = 0
    for combination in itertools.product(*axes):
        point: dict[str, Scalar] = dict(zip(sweep.grid, combination, strict=True))
        hits = [all(_matches(point.get(k), want) for k, want in rule.items()) for rule in sweep.exclude]
        matched = [a or b for a, b in zip(matched, hits, strict=True)]
        if not any(hits):
            kept += 1
            yield point
    for rule, hit in zip(sweep.exclude, matched, strict=True):
        if not hit:
            problems.append(
                UsageError(
                    f"An exclusion of the sweep '{name}' matches no point: {msgspec.to_builtins(rule)}.",
                    where=where,
                    hint="Compare its values with the grid's, or take it out.",
                )
            )
    if not kept:
        hint = "Exclude less of its grid." if sweep.exclude else "Give every parameter of its grid a value."
        grid = where_of(text, ("sweeps", name), "exclude" if sweep.exclude else "grid")
        problems.append(UsageError(f"The sweep '{name}' has no point left.", where=grid, hint=hint))


def _matches(value: Scalar, want: object) -> bool:
    if isinstance(want, Bounds):
        if not isinstance(value, int | float):
            return False
        return (want.above is None or value > want.above) and (want.below is None or value < want.below)
    if isinstance(want, list):
        return any(_matches(value, item) for item in want)
    return (type(value) is type(want) and value == want) or (_number(value) and _number(want) and value == want)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
