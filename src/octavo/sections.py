"""The sections of ``[tool.octavo]`` in pyproject.toml as records, and the strict reading of them.

The fields of the records are the keys, their types are checked strictly, and ``json_schema`` is made from them. An
unknown key is an error with the nearest known one.
"""

from __future__ import annotations

import math
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from octavo.errors import UsageError, nearest, raise_all

CONFIG = "pyproject.toml"
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


def read_sections(file: Path) -> tuple[OctavoSection, str]:
    """Return what ``[tool.octavo]`` of a file says, and the file's text, in which ``where_of`` finds the lines.

    Raises UsageError (or Problems, several of them) naming the line and the nearest valid name.
    """
    text = _text(file)
    return _convert(_parse(text), text), text


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
            where=where_of(text, path, key),
            hint=nearest(key, known) or f"Known keys: {', '.join(sorted(known))}.",
        )
        for path, key, known in _unknown(OctavoSection, data, ())
    ]
    for section in ("media", "sweeps"):
        named = data.get(section) if isinstance(data, Mapping) else None
        problems += [
            UsageError(
                f"'{name}' cannot be a name in [tool.octavo.{section}].",
                where=where_of(text, (section,), name),
                hint="Use letters, digits, - and _, and begin with a letter.",
            )
            for name in (named if isinstance(named, Mapping) else ())
            if not NAME.fullmatch(name)
        ]
    problems += [
        UsageError(
            f"[tool.octavo] {'.'.join((*path, key))}: {value} is not a finite number.",
            where=where_of(text, path, key),
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
        where=where_of(text, path[:-1], path[-1] if path else ""),
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


def where_of(text: str, path: tuple[str, ...], key: str) -> str:
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
