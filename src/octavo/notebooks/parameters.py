"""What the cell with the tag ``parameters`` declares, and whether the points of a sweep fit it: asked before any runs.

A parameter takes what its annotation says; without one, what is of the kind of its default. A whole number is good for
a float; ``True`` is no number. A default of ``None``, or one that is computed, says nothing. A name that is annotated
and has no value (``seed: int``) must be given by the grid.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from octavo.errors import NotebookError, OctavoError, UsageError, nearest
from octavo.model import Scalar

KINDS = {"bool": "True or False", "int": "a whole number", "float": "a number", "str": "a text", "None": "None"}


@dataclass(frozen=True)
class Parameter:
    """A name that the cell sets. ``kinds`` are those of KINDS that it takes, ``choices`` the values; empty: any."""

    name: str
    kinds: tuple[str, ...] = ()
    choices: tuple[Scalar, ...] = ()
    required: bool = False

    def takes(self, value: Scalar) -> bool:
        """Whether a value is of a kind that the parameter takes."""
        if self.choices:
            return any(type(value) is type(choice) and value == choice for choice in self.choices)
        kind = "None" if value is None else type(value).__name__
        return not self.kinds or kind in self.kinds or (kind == "int" and "float" in self.kinds)

    def wants(self) -> str:
        """Return what it takes, in words."""
        return " or ".join(map(repr, self.choices)) or " or ".join(KINDS[kind] for kind in self.kinds)


@dataclass(frozen=True)
class Computed:
    """A line of the cell that sets ``name`` from other names. It runs before the grid's values are put in."""

    name: str
    reads: frozenset[str]
    line: int


@dataclass(frozen=True)
class ParametersCell:
    """The cell with the tag ``parameters``; empty, where there is none. ``others`` is how many more have the tag."""

    parameters: tuple[Parameter, ...] = ()
    computed: tuple[Computed, ...] = ()
    others: int = 0

    def names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)


def declared(trees: Sequence[ast.Module | None]) -> ParametersCell:
    """Return what the cells with the tag declare; papermill heeds the first of them."""
    if not trees or trees[0] is None:
        return ParametersCell(others=max(0, len(trees) - 1))
    found = {parameter.name: parameter for node in trees[0].body for parameter in _parameters(node)}
    computed = tuple(line for node in trees[0].body for line in _computed(node))
    return ParametersCell(tuple(found.values()), computed, len(trees) - 1)


def faults(
    cell: ParametersCell, points: Sequence[Mapping[str, Scalar]], notebook: str, where: str
) -> list[OctavoError]:
    """Return what is wrong between a notebook's parameters and the points of its grid.

    ``where`` is the section of the grid. Each fault is told once, not for each point.
    """
    given = tuple(points[0])
    found: list[OctavoError] = [_unknown(name, cell, notebook, where) for name in given if name not in cell.names()]
    for parameter in cell.parameters:
        if parameter.required and parameter.name not in given:
            what = f"{notebook} needs a value for the parameter '{parameter.name}', and no grid gives one."
            hint = f"Give it in the grid, or a default in the cell: `{parameter.name} = …`."
            found.append(UsageError(what, where=where, hint=hint))
        values = [p[parameter.name] for p in points] if parameter.name in given else []
        if wrong := dict.fromkeys(repr(value) for value in values if not parameter.takes(value)):
            what = f"The grid gives '{parameter.name}' {_listed(list(wrong))}; {notebook} takes {parameter.wants()}."
            hint = "Change the value, or the default (or annotation) in the notebook's parameters cell."
            found.append(UsageError(what, where=where, hint=hint))
    for line in cell.computed:
        if (line.name not in given or line.name in line.reads) and (reads := sorted(line.reads & set(given))):
            what = f"Line {line.line} of the parameters cell computes '{line.name}' from '{reads[0]}'."
            hint = f"It would keep what the default of '{reads[0]}' gives. Move that line into the next cell."
            found.append(NotebookError(what, where=notebook, hint=hint))
    if given and cell.others:
        what = f"{cell.others + 1} cells have the tag 'parameters'; what the grid gives is put behind the first."
        found.append(NotebookError(what, where=notebook, hint="Let one cell have it."))
    return found


def meant(name: str, points: Mapping[str, Mapping[str, Scalar]]) -> str:
    """Return the way out for the ``name`` of a point that there is not: of which point's, by what its parameters say.

    ``points`` has the parameters of all points by their names. Empty, where the name is no sweep's.
    """
    sweep, _, text = name.partition("/")
    own = {point: values for point, values in points.items() if values and point.startswith(f"{sweep}/")}
    if not text or "@" in text or not own:
        return ""
    typed = {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in text.split(","))}
    names = list(next(iter(own.values())))
    for key, value in typed.items():
        values = dict.fromkeys(str(point[key]) for point in own.values() if key in point)
        if not values:
            return nearest(key, names) or f"The parameters of '{sweep}': {', '.join(names)}."
        if not any(_says(value, point[key]) for point in own.values()):
            return f"'{key}' is one of {', '.join(list(values)[:10])}{', …' if len(values) > 10 else ''}."
    fit = [point for point, values in own.items() if all(_says(value, values[key]) for key, value in typed.items())]
    if not fit:
        return "The grid leaves this point out."
    missing = [key for key in names if key not in typed]
    if not missing:
        return f"did you mean '{fit[0]}'?"
    first = dict.fromkeys(str(own[point][missing[0]]) for point in fit)
    return f"It lacks '{missing[0]}', which is one of {', '.join(list(first)[:10])}: '{fit[0]}', say."


def _says(typed: str, value: Scalar) -> bool:
    """Whether what somebody typed is a value: a number in whatever way it is written."""
    try:
        return not isinstance(value, bool) and float(typed) == float(str(value))
    except ValueError:
        return typed == str(value).replace("/", "_")


def _unknown(name: str, cell: ParametersCell, notebook: str, where: str) -> UsageError:
    names = cell.names()
    untagged = "Give the tag 'parameters' to the cell that sets it (JupyterLab: Property Inspector, Cell Tags)."
    if cell.others:
        untagged = "Let one cell alone have the tag 'parameters'."
    otherwise = f"It declares: {', '.join(names)}." if names else untagged
    what = f"The grid sets '{name}', which {notebook} does not declare as a parameter."
    return UsageError(what, where=where, hint=nearest(name, names) or otherwise)


def _listed(values: Sequence[str]) -> str:
    shown = ", ".join(values[:3])
    return f"{shown}, …" if len(values) > 3 else shown


def _parameters(node: ast.stmt) -> Iterator[Parameter]:
    if isinstance(node, ast.Assign):
        kinds = _kinds_of_default(node.value)
        yield from (Parameter(target.id, kinds) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        kinds, choices = _annotation(node.annotation)
        yield Parameter(node.target.id, kinds, choices, node.value is None)


def _kinds_of_default(value: ast.expr) -> tuple[str, ...]:
    try:
        default = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ()
    kind = type(default).__name__
    return (kind,) if kind in KINDS else ()


def _annotation(node: ast.expr) -> tuple[tuple[str, ...], tuple[Scalar, ...]]:
    """Return the kinds and the choices that an annotation allows; what is not known here allows all."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return _annotation(ast.parse(node.value, mode="eval").body)
        except SyntaxError:
            return (), ()
    if isinstance(node, ast.Constant) and node.value is None:
        return ("None",), ()
    name = getattr(node, "id", getattr(node, "attr", ""))
    if isinstance(node, ast.Name | ast.Attribute):
        return ((name,) if name in KINDS else ()), ()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _either([node.left, node.right])
    if isinstance(node, ast.Subscript):
        of = getattr(node.value, "id", getattr(node.value, "attr", ""))
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if of == "Literal":
            return (), tuple(item.value for item in inner if isinstance(item, ast.Constant))  # type: ignore[misc]
        if of in ("Optional", "Union"):
            return _either([*inner, ast.Constant(None)] if of == "Optional" else inner)
    return (), ()


def _either(nodes: Sequence[ast.expr]) -> tuple[tuple[str, ...], tuple[Scalar, ...]]:
    each = [_annotation(node)[0] for node in nodes]
    return (tuple(kind for kinds in each for kind in kinds) if all(each) else ()), ()


def _computed(node: ast.stmt) -> Iterator[Computed]:
    """Yield what a statement sets from other names. What stands in a function is computed when that is called."""
    if isinstance(node, ast.Expr | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return
    inside = list(_now(node))
    reads = frozenset(n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield Computed(node.target.id, reads | {node.target.id}, node.lineno)
        return
    for name in dict.fromkeys(n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)):
        yield Computed(name, reads, node.lineno)


def _now(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and what is below it, the bodies of functions apart."""
    yield node
    if isinstance(node, ast.Lambda):
        return
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _now(child)
