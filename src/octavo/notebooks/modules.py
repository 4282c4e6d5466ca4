"""What a notebook imports, local modules at any depth and packages: found in the sources, before anything runs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from octavo.notebooks.source import Notebook, imported


@dataclass(frozen=True)
class Imported:
    """What imports lead to: the files of local modules, at any depth, sorted, and what all name that is elsewhere.

    ``local`` are the first names of the local ones.
    """

    files: tuple[Path, ...]
    foreign: frozenset[str]
    local: frozenset[str]

    @property
    def packages(self) -> frozenset[str]:
        """The names of the packages that are elsewhere."""
        return frozenset(name.partition(".")[0] for name in self.foreign)


def imported_by(notebook: Notebook) -> Imported:
    """Return what a notebook imports, as far as its sources tell.

    What is imported by a computed name is not found here; the trace of a run records it afterwards.
    """
    return resolved(notebook.imports, (notebook.path.parent,))


def resolved(names: Iterable[str], folders: tuple[Path, ...]) -> Imported:
    """Return what imports of ``names`` lead to, where modules below ``folders`` are local."""
    named, files = set(names), dict[Path, None]()
    todo, seen = list(named), set[str]()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        todo += [name.rpartition(".")[0]] if "." in name else []
        for file in _files(name, folders):
            if file not in files:
                files[file] = None
                found = set(_imports(file, name))
                named |= found
                todo += found
    tops = {name: name.split(".")[0] for name in named if name}
    local = frozenset(top for top in tops.values() if any(_files(top, folders)))
    foreign = frozenset(name for name, top in tops.items() if top not in local)
    return Imported(tuple(sorted(files)), foreign, local)


def _files(name: str, folders: tuple[Path, ...]) -> Iterator[Path]:
    for folder in folders:
        base = folder.joinpath(*name.split("."))
        for file in (base / "__init__.py", base.with_name(f"{base.name}.py")):  # as Python looks for them
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
