"""Keep a figure's drawing function with the data that it draws, so that it can be drawn again without its notebook.

cloudpickle stores functions of a notebook by what they say, and those of modules by name. What is kept holds no path
and no process id: IPython names the code of a cell by a folder of the process.
"""

from __future__ import annotations

import hashlib
import io
import linecache
import pickle
import random
import re
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import cloudpickle

from octavo.errors import BuildError, NotebookError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

Draw = Callable[["MatplotlibFigure"], object]
VERSION = 1
CELL = "cell "  # begins the name of a cell's code, in place of a file
DEPTH = 4  # functions that call functions: how far the one is looked for that uses what cannot be kept


class Declaration(NamedTuple):
    """What is kept: the drawing function with what it uses, the text of its cells by the name of their code.

    ``random`` has the states of Python's and of numpy's global generator, where the drawing takes numbers from them.
    """

    draw: Draw
    sources: dict[str, list[str]]
    random: tuple[object, Mapping[str, Any]] | None


def keep(name: str, draw: Draw, *, with_random: bool = False) -> bytes:
    """Return a drawing function as bytes; ``restore`` makes it of them again, in another process.

    ``with_random`` keeps the states of the global random generators as well. The function itself is not called.
    Raises NotebookError that names what of it cannot be kept.
    """
    pickler = _Pickler()
    states = _states() if with_random else None
    try:
        return _settled(pickler.bytes((VERSION, draw, pickler.sources, states)))
    except Exception as error:  # whatever the classes of its data raise when they are asked for their state
        culprit = next(_culprits(draw, DEPTH), None)
        using = f"it uses {culprit}" if culprit else f"{type(error).__name__}: {error}"
        raise NotebookError(
            f"The drawing of '{name}' cannot be kept for drawing it again: {using}.",
            hint="Read what it needs into a variable before, and draw that.",
        ) from error


def _settled(data: bytes) -> bytes:
    """Give the notebook's own classes ids that follow from what is kept: cloudpickle's are random.

    By its id a class is found again where it is known already, so two of different content must differ in it.
    """
    known = getattr(cloudpickle.cloudpickle, "_DYNAMIC_CLASS_TRACKER_BY_ID", {})
    ids = [found for found in dict.fromkeys(re.findall(rb"[0-9a-f]{32}", data)) if found.decode() in known]
    plain = data
    for one in ids:
        plain = plain.replace(one, b"0" * len(one))
    digest = hashlib.sha256(plain).hexdigest()
    for number, one in enumerate(ids):
        data = data.replace(one, hashlib.sha256(f"{digest} {number}".encode()).hexdigest()[: len(one)].encode())
    return data


def restore(data: bytes, where: str) -> Declaration:
    """Return what was kept. Its cells have their lines in tracebacks again. Raises BuildError where it is damaged."""
    try:
        version, draw, sources, states = pickle.loads(data)
    except Exception as error:  # an import that fails, a class that is another by now, bytes that are none
        raise BuildError(
            f"What was kept of this figure cannot be read: {type(error).__name__}: {error}.",
            where=where,
            hint="Execute its notebook again: octavo build --force NOTEBOOK.",
        ) from error
    if version != VERSION:
        hint = "Execute its notebook again: octavo build --force NOTEBOOK."
        raise BuildError(f"What was kept of this figure is of version {version}.", where=where, hint=hint)
    for name, lines in sources.items():
        linecache.cache[name] = (sum(map(len, lines)), None, lines, name)
    return Declaration(draw, sources, states)


def set_random(states: tuple[Any, Any] | None) -> None:
    """Have the global generators begin where they stood when the notebook declared the figure."""
    import numpy as np

    if states:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _states() -> tuple[object, Mapping[str, Any]]:
    import numpy as np

    return random.getstate(), np.random.get_state(legacy=False)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Names code by its cell, and collects the text of the cells that it comes from."""

    def __init__(self) -> None:
        self.file = io.BytesIO()
        self.sources: dict[str, list[str]] = {}
        # The class in C asks for it once, when it is made.
        self.dispatch_table = cloudpickle.Pickler.dispatch_table.new_child({types.CodeType: self._code})
        super().__init__(self.file, protocol=5)

    def bytes(self, content: object) -> bytes:
        """Return some content as bytes."""
        self.dump(content)
        return self.file.getvalue()

    def _code(self, code: types.CodeType) -> Any:
        lines = linecache.getlines(code.co_filename)
        name = f"{CELL}{PurePath(code.co_filename).stem}"
        if lines:
            self.sources[name] = lines
        return cloudpickle.Pickler.dispatch_table[types.CodeType](code.replace(co_filename=name))


def _culprits(draw: Draw, depth: int) -> Iterator[str]:
    """Yield what a function uses that cannot be kept, in words: its name and what kind of thing it is."""
    for name, used in _used(draw):
        if _can_be_kept(used):
            continue
        if isinstance(used, types.FunctionType) and depth:
            yield from _culprits(used, depth - 1)
        yield f"'{name}', a {type(used).__module__.removesuffix('.builtins')}.{type(used).__qualname__}".replace(
            "a builtins.", "a "
        )


def _used(draw: Draw) -> Iterator[tuple[str, object]]:
    """Yield the names of the notebook's variables that a function reads, with what they are."""
    function = getattr(draw, "__func__", getattr(draw, "func", draw))  # of a method, of functools.partial
    if (own := getattr(draw, "__self__", None)) is not None:
        yield type(own).__name__, own
    yield from getattr(draw, "keywords", {}).items()
    code = getattr(function, "__code__", None)
    if code is None:
        return
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not bound yet
            continue
    for name in _names(code):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _names(code: types.CodeType) -> list[str]:
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return list(dict.fromkeys([*code.co_names, *(name for const in inner for name in _names(const))]))


def _can_be_kept(used: object) -> bool:
    try:
        _Pickler().bytes(used)
    except Exception:  # as in keep
        return False
    return True
