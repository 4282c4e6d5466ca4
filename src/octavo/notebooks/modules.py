"""The local modules that a notebook imports, at any depth: found in the sources, before anything runs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from octavo.notebooks.source import imported


def local_modules(names: Iterable[str], folders: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the files below ``folders`` that these imports lead to, sorted.

    What is imported by a computed name is not found here; the trace of a run records it afterwards.
    """
    todo, files = list(names), dict[Path, None]()
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        todo += [name.rpartition(".")[0]] if "." in name else []
        for file in _files(name, folders):
            if file not in files:
                files[file] = None
                todo += _imports(file, name)
    return tuple(sorted(files))


def foreign_imports(names: Iterable[str], folders: tuple[Path, ...]) -> frozenset[str]:
    """Return what these imports, and those of the local modules that they lead to, name outside ``folders``."""
    names = set(names)
    for file in local_modules(names, folders):
        names |= set(_imports(file, ""))
    return frozenset(name for name in names if name and not any(_files(name.split(".")[0], folders)))


def _files(name: str, folders: tuple[Path, ...]) -> Iterator[Path]:
    for folder in folders:
        base = folder.joinpath(*name.split("."))
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                yield file
                return


def _imports(file: Path, name: str) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return  # the run itself will say so, with the line
    yield from imported(tree)
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            stem = [*base, *(node.module.split(".") if node.module else [])]
            yield from (".".join([*stem, alias.name]) for alias in node.names)
            yield ".".join(stem)
