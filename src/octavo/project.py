"""Read pyproject.toml once into a frozen Project; every path of the project comes from here.

The sections below ``[tool.octavo]`` are the records of this module: their fields are the keys, their types are
checked strictly, and ``json_schema`` is made from them. An unknown key is an error with the nearest known one.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from octavo.errors import OctavoError, UsageError, nearest, raise_all
from octavo.model import Medium, Scalar

CONFIG = "pyproject.toml"
ADDRESS = "OCTAVO_STORE"
MODE = "OCTAVO_STORE_MODE"
NAME = re.compile("[A-Za-z][A-Za-z0-9_-]*")
SCHEDULER = re.compile(r"(tcp|tls|ws|wss|ucx)://.+:[0-9]+")  # of a Dask scheduler
TYPES = {  # msgspec's names of them
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "array": "a list",
    "object": "a table of keys",
}
Name = Annotated[str, Meta(pattern=f"^{NAME.pattern}$")]
Positive = Annotated[float, Meta(gt=0)]


SLIDES = {"light": "slide", "dark": "slide_dark"}  # the medium of a deck's figures, by its theme
WEB = "web"


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the sections of ``[tool.octavo]``."""


class Count(Section, frozen=True):
    """``{ count = 20 }``: the whole numbers 0 to 19."""

    count: Annotated[int, Meta(ge=1)]


class Bounds(Section, frozen=True):
    """``{ above = 0 }`` or ``{ below = 0.1 }`` in an exclusion; both may be given."""

    above: float | None = None
    below: float | None = None


class SweepSection(Section, frozen=True):
    """``[tool.octavo.sweeps.NAME]``: a notebook and the grid of its points.

    ``inputs`` are files that its runs read (globs from the project root) beside those that are traced;
    ``environment`` are environment variables that it depends on; ``timeout`` is in seconds a cell; with ``gpu`` each
    run has a graphics device for itself. A run whose kernel or worker was lost is tried again ``retries`` times; with
    ``retry_errors``, also one that failed.
    """

    notebook: str
    grid: dict[str, list[bool | int | float | str] | Count] = {}
    exclude: list[dict[str, bool | int | float | str | list[bool | int | float | str] | Bounds]] = []
    inputs: list[str] = []
    environment: list[str] = []
    timeout: Positive = 3600.0
    gpu: bool = False
    retries: Annotated[int, Meta(ge=0)] = 1
    retry_errors: bool = False


class DocumentSection(Section, frozen=True):
    """``[tool.octavo.paper]``: the MyST source and the bibliography."""

    source: str
    bibliography: str = ""


class PaperSection(DocumentSection, frozen=True, forbid_unknown_fields=True):
    """``[tool.octavo.paper]``: as above, with the class that LaTeX sets it in.

    At the ``stage`` of a review authors, thanks and the addresses ``own`` are hidden, and lines are numbered. ``limit``
    is the number of pages that the text may have, without references and appendix. ``citations`` are by author and
    year or by number; where nothing is said, as the venue has them.
    """

    venue: Literal["article", "ieee", "acm"] = "article"
    stage: Literal["preprint", "review", "camera-ready"] = "preprint"
    citations: Literal["author-year", "numeric"] | None = None
    own: list[str] = []
    limit: Annotated[int, Meta(ge=1)] | None = None


class DeckSection(DocumentSection, frozen=True, forbid_unknown_fields=True):
    """``[tool.octavo.slides]``: as the paper's, with the PowerPoint template.

    ``theme`` is the look of the slides; their figures are drawn for the medium ``slide`` or ``slide_dark``.
    """

    template: str = ""
    theme: Literal["light", "dark"] = "light"


# How far numbers move from one processor to the next when nothing is wrong, by how they are computed.
COMPUTED = {"closed form": 1e-9, "iterative": 1e-6, "float32": 1e-3, "monte carlo": 1e-2}
Reason = Annotated[str, Meta(min_length=1)]
Tolerance = Annotated[float, Meta(gt=0, lt=1)] | Literal["closed form", "iterative", "float32", "monte carlo"]


class MediumSection(Section, frozen=True):
    """``[tool.octavo.media.NAME]``: a place where figures are shown; sizes in inches.

    ``style`` is a style sheet of matplotlib's, on top of Octavo's own; where none is named, ``figures/NAME.mplstyle``
    if there is one. ``smallest`` is the height of type, in points, that is still read there; a venue may ask for more.
    """

    width: Positive
    height: Positive | None = None
    style: str = ""
    formats: tuple[Literal["svg", "pdf", "png"], ...] = ("svg", "pdf")
    smallest: Positive = 6.0


class StoreSection(Section, frozen=True):
    """``[tool.octavo.store]``: a store that several machines share, beside the one of this machine.

    ``address`` is a folder or any address of fsspec; ``wait`` is the seconds that a build waits at its end for what is
    still to be sent. Drawing functions that others kept there are run only if it is ``trusted``.
    """

    address: str
    mode: Literal["read", "read-write"] = "read-write"
    wait: Annotated[float, Meta(ge=0)] = 120.0
    trusted: bool = False


class OctavoSection(Section, frozen=True):
    """``[tool.octavo]``. ``jobs`` is the number of points run at once; without it, one for each core.

    ``gpus`` is the number of graphics devices that sweeps with ``gpu`` may use; without it, all that there are.
    ``kernels`` are forked from a process with their imports loaded, where that can be, or each is started anew.
    ``store`` is an address, or a section that says more of it.
    ``executor`` says where points run: in processes of this machine, or on Dask; ``on`` is the address of a scheduler
    of Dask's, and means ``dask``. ``tolerances`` say how far a number may move and still be the same: for ``default``,
    a result (``compare.att``) or one series of a figure (``compare.overlap:AIPW``), as a part of the number or by how
    it is computed. ``waivers`` let a result pass in spite of a rule, each with the reason why.
    """

    title: str = ""
    gpus: Annotated[int, Meta(ge=1)] | None = None
    jobs: Annotated[int, Meta(ge=1)] | None = None
    kernels: Literal["forked", "ordinary"] = "forked"
    store: str | StoreSection = ""
    executor: Literal["local", "dask"] = "local"
    on: Annotated[str, Meta(pattern=f"^({SCHEDULER.pattern})?$")] = ""
    paper: PaperSection | None = None
    slides: DeckSection | None = None
    media: dict[Name, MediumSection] = {}
    sweeps: dict[Name, SweepSection] = {}
    tolerances: dict[str, Tolerance] = {}
    waivers: dict[str, dict[str, Reason]] = {}


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
    text = _text(root / CONFIG)
    section = _convert(_parse(text), text)
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


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of ``[tool.octavo]``."""
    return msgspec.json.schema(OctavoSection)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("This file is not UTF-8 text.", where=CONFIG, hint="Save it as UTF-8.") from error


def _parse(text: str) -> Mapping[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)|\(at end of document\)", str(error))
        line = found[1] if found and found[1] else str(len(text.splitlines()))
        what = re.sub(r"\s*\(at .*\)$", "", str(error))
        raise UsageError(
            f"This is not valid TOML: {what}.", where=f"{CONFIG}:{line}", hint="Mend that line."
        ) from error
    tool = document.get("tool")
    section: Mapping[str, Any] = tool.get("octavo", {}) if isinstance(tool, dict) else {}
    return section


def _convert(data: Mapping[str, Any], text: str) -> OctavoSection:
    problems = [
        UsageError(
            f"Unknown key '{key}' in [{'.'.join(('tool.octavo', *path))}].",
            where=_where(text, path, key),
            hint=nearest(key, known) or f"Known keys: {', '.join(sorted(known))}.",
        )
        for path, key, known in _unknown(OctavoSection, data, ())
    ]
    for section in ("media", "sweeps"):
        named = data.get(section) if isinstance(data, Mapping) else None
        problems += [
            UsageError(
                f"'{name}' cannot be a name in [tool.octavo.{section}].",
                where=_where(text, (section,), name),
                hint="Use letters, digits, - and _, and begin with a letter.",
            )
            for name in (named if isinstance(named, Mapping) else ())
            if not NAME.fullmatch(name)
        ]
    problems += [
        UsageError(
            f"[tool.octavo] {'.'.join((*path, key))}: {value} is not a finite number.",
            where=_where(text, path, key),
            hint="Write a number, or take the line out.",
        )
        for path, key, value in _not_finite(data, ())
    ]
    raise_all(list(problems))
    try:
        return msgspec.convert(data, OctavoSection)
    except msgspec.ValidationError as error:
        raise _misfit(error, data, text) from error


def _misfit(error: msgspec.ValidationError, data: Mapping[str, Any], text: str) -> UsageError:
    """Say in words what msgspec found, and on which line."""
    what, _, spot = str(error).partition(" - at ")
    path, kind = _followed(spot, data)
    choices = _choices(kind)
    hint = "See `octavo status --schema`."
    if found := re.fullmatch(r"Invalid enum value '?(.*?)'?", what):
        what = f"there is no '{found[1]}' here."
        hint = nearest(found[1], choices) or hint
        hint = f"{hint} It is one of: {', '.join(choices)}." if choices else hint
    elif path == ("on",) and "regex" in what:
        what = "this is not the address of a Dask scheduler."
        hint = 'Write it as "tcp://host:port".'
    else:
        what = f"{_without_jargon(what)}."
    return UsageError(
        f"{' '.join(('[tool.octavo]', '.'.join(path))).strip()}: {what}",
        where=_where(text, path[:-1], path[-1] if path else ""),
        hint=hint,
    )


def _without_jargon(text: str) -> str:
    """Return what msgspec says with its names of types, between backticks, in words."""
    text = text.replace(", got `", ", not `").replace("Object missing required field", "it lacks the key")
    text = f"{text[0].lower()}{text[1:]}"

    def words(found: re.Match[str]) -> str:
        kinds = [kind for kind in found[1].split(" | ") if kind != "null"]
        return " or ".join(TYPES[kind] for kind in kinds) if set(kinds) <= {*TYPES} else f"'{found[1]}'"

    return re.sub(r"`(.+?)`", words, text)


def _followed(spot: str, data: Any) -> tuple[tuple[str, ...], Any]:
    """Return the keys on the way to what msgspec found wrong, and the type that is to stand there.

    Msgspec does not tell which key of a table with free names it is: ``$.media[...].width``.
    """
    path: list[str] = []
    kind: Any = OctavoSection
    for step in re.findall(r"\[\.\.\.\]|\[\d+\]|[\w-]+", spot.strip("`$")):
        arms = _arms(kind)
        if step == "[...]":
            kind = next(typing.get_args(arm)[1] for arm in arms if typing.get_origin(arm) is dict)
            step = next((name for name, item in data.items() if not _fits(item, kind)), "")
        elif step.startswith("["):
            kind = next(typing.get_args(arm)[0] for arm in arms if typing.get_origin(arm) in (list, tuple))
            data = data[int(step[1:-1])]
            continue
        else:
            kind = next(typing.get_type_hints(arm)[step] for arm in arms if _is_section(arm))
        path.append(step)
        data = data.get(step)
    return tuple(path), kind


def _fits(data: object, kind: Any) -> bool:
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError:
        return False
    return True


def _arms(kind: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the one type."""
    return (
        typing.get_args(kind)
        if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union
        else (kind,)
    )


def _choices(kind: Any) -> list[str]:
    """Return the texts that a type allows, where it allows only some."""
    return [str(text) for arm in _arms(kind) if typing.get_origin(arm) is Literal for text in typing.get_args(arm)]


def _unknown(kind: Any, data: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    """Walk the data beside the records and yield every key that no record has."""
    if isinstance(data, list) and typing.get_origin(kind) is list:
        for item in data:
            yield from _unknown(typing.get_args(kind)[0], item, path)
    if not isinstance(data, Mapping):
        return
    if typing.get_origin(kind) is not dict:
        kind = next((k for k in typing.get_args(kind) if _is_section(k)), kind)
    if typing.get_origin(kind) is dict:
        for key, item in data.items():
            yield from _unknown(typing.get_args(kind)[1], item, (*path, key))
    elif _is_section(kind):
        known = typing.get_type_hints(kind)
        for key, item in data.items():
            if key in known:
                yield from _unknown(known[key], item, (*path, key))
            else:
                yield path, key, tuple(known)


def _not_finite(data: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, float]]:
    """Yield the keys whose values are infinite or no number; lists, which a grid has, are not looked into."""
    for key, value in data.items() if isinstance(data, Mapping) else ():
        if isinstance(value, float) and not math.isfinite(value):
            yield path, key, value
        yield from _not_finite(value, (*path, key))


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _where(text: str, path: tuple[str, ...], key: str) -> str:
    """Return ``pyproject.toml:LINE`` of a key, as well as a line-by-line look can tell."""
    lines = text.splitlines()
    start = 0
    for depth in range(len(path), -1, -1):
        header = "[" + ".".join(("tool", "octavo", *path[:depth])) + "]"
        found = [i for i, line in enumerate(lines) if line.strip().replace(" ", "") == header]
        if found:
            start = found[0]
            break
    pattern = re.compile(rf"(^|[\s{{,.\[]){re.escape(key)}\s*(=|\]|\.)")
    for number, line in enumerate(lines[start:], start + 1):
        if key and pattern.search(line):
            return f"{CONFIG}:{number}"
    return f"{CONFIG}:{start + 1}"


def _store(declared: str | StoreSection, root: Path, text: str, problems: list[OctavoError]) -> SharedStore | None:
    """Return the shared store: what the environment says of address and mode stands before what pyproject.toml does."""
    section = declared if isinstance(declared, StoreSection) else StoreSection(declared)
    mode = os.environ.get(MODE, "") or section.mode
    named = os.environ.get(ADDRESS)
    where = ADDRESS if named is not None else _where(text, (), "store")
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
                    where=_where(text, ("media", name), "style"),
                    hint="Write the file, or take the line out to draw in Octavo's own style.",
                )
            )
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
                    where=_where(text, (kind,), key),
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
                    where=_where(text, (kind,), "citations"),
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
                    where=_where(text, ("sweeps", name), "notebook"),
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
            where=_where(text, ("sweeps", name), "grid"),
        )
    for name, path in single.items():
        if name in section.sweeps:
            problems.append(
                UsageError(
                    f"The sweep '{name}' and the notebook {path.relative_to(root).as_posix()} share one name.",
                    where=_where(text, ("sweeps",), name),
                    hint="Rename the sweep, or let it run that notebook.",
                )
            )
        yield Sweep(name=name, notebook=path, points=({},), declared=False)


def _inputs(name: str, sweep: SweepSection, root: Path, text: str, problems: list[OctavoError]) -> Iterator[Path]:
    """Yield the files that the globs of ``inputs`` name; a folder stands for all that is in it."""
    for glob in sweep.inputs:
        found, hint = _globbed(root, glob)
        files = [f for p in found for f in (sorted(p.rglob("*")) if p.is_dir() else [p]) if f.is_file()]
        if not files:
            problems.append(
                UsageError(
                    f"The input '{glob}' of the sweep '{name}' names no file.",
                    where=_where(text, ("sweeps", name), "inputs"),
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
    problems += _axis_faults(name, sweep, _where(text, ("sweeps", name), "grid"))
    where = _where(text, ("sweeps", name), "exclude")
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
        grid = _where(text, ("sweeps", name), "exclude" if sweep.exclude else "grid")
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
