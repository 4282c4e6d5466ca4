"""Whether what draws a notebook's figures can be kept, as far as its code tells: asked before anything runs.

A run finds the rest out (octavo.figures.declaration). Here it is told before hours are spent.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
DEPTH = 4  # functions of the notebook that call one another: how far they are followed
NO_FUNCTION = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.DictComp)
READ_INTO = "Read what it needs into a variable before, and draw that."
# What these calls return holds something of the system's, which no other process has.
UNKEPT = {
    "sqlite3.connect": "a connection to a database",
    "duckdb.connect": "a connection to a database",
    "h5py.File": "an open HDF5 file",
    "pd.HDFStore": "an open HDF5 file",
    "threading.Lock": "a lock",
    "threading.RLock": "a lock",
    "threading.Thread": "a thread",
    "subprocess.Popen": "a child process",
    "socket.socket": "a connection",
    "zipfile.ZipFile": "an open archive",
    "tarfile.open": "an open archive",
}


@dataclass
class _Scope:
    """What the cells define: functions by name, what octavo is called, and the variables that cannot be kept."""

    functions: dict[str, Function] = field(default_factory=dict)
    octavo: set[str] = field(default_factory=set)
    figure: set[str] = field(default_factory=set)
    unkept: dict[str, str] = field(default_factory=dict)


def faults(cells: Sequence[tuple[int, ast.Module]]) -> tuple[tuple[str, str], ...]:
    """Return what is wrong with the drawing functions of numbered cells: a sentence each, with the way out."""
    scope = _Scope()
    for _, tree in cells:
        _define(tree, scope)
    found = [
        (f"Cell {number}: {what}", way_out)
        for number, tree in cells
        for name, draw in _declared(tree, scope)
        for what, way_out in _of_drawing(name, draw, scope)
    ]
    return tuple(dict.fromkeys(found))


def _define(tree: ast.Module, scope: _Scope) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            scope.octavo |= {alias.asname or alias.name for alias in node.names if alias.name == "octavo"}
        elif isinstance(node, ast.ImportFrom) and node.module == "octavo":
            scope.figure |= {alias.asname or alias.name for alias in node.names if alias.name == "figure"}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _bind(node.name, "", scope)
            scope.functions[node.name] = node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for name in (n.id for n in ast.walk(target) if isinstance(n, ast.Name)):
                    _bind(name, _what_is_unkept(node.value) if isinstance(target, ast.Name) else "", scope)
                    if isinstance(node.value, ast.Lambda) and isinstance(target, ast.Name):
                        scope.functions[name] = node.value
        elif isinstance(node, ast.With):
            for item in node.items:
                if isinstance(item.optional_vars, ast.Name):
                    closed = _dotted(item.context_expr) == "open"
                    what = "a file that is closed by then" if closed else _what_is_unkept(item.context_expr)
                    _bind(item.optional_vars.id, what, scope)


def _bind(name: str, what: str, scope: _Scope) -> None:
    """Note what a variable holds. One that is given a value twice may hold anything when it is drawn."""
    known = name in scope.functions or name in scope.unkept
    scope.functions.pop(name, None)
    scope.unkept[name] = "" if known else what


def _what_is_unkept(value: ast.expr) -> str:
    if isinstance(value, ast.GeneratorExp):
        return "a generator, which gives its items once"
    called = _dotted(value)
    if called == "open":
        assert isinstance(value, ast.Call)
        mode = (
            ast.literal_eval(value.args[1]) if len(value.args) > 1 and isinstance(value.args[1], ast.Constant) else "r"
        )
        return "an open file" if set(str(mode)) & set("bwax+") else ""
    return UNKEPT.get(called, "")


def _dotted(value: ast.expr) -> str:
    """Return the name of what is called, such as ``np.load``; empty where it is none, however long the chain."""
    if not isinstance(value, ast.Call):
        return ""
    parts, node = list[str](), value.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _declared(tree: ast.Module, scope: _Scope) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names of the figures that a cell declares with a literal name, and what draws each."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not _is_figure(node.func, scope):
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        name, draw = ([*node.args, None, None][i] or given.get(key) for i, key in ((0, "name"), (1, "draw")))
        if isinstance(name, ast.Constant) and draw:
            yield str(name.value), draw


def _is_figure(function: ast.expr, scope: _Scope) -> bool:
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr == "figure" and function.value.id in scope.octavo
    return isinstance(function, ast.Name) and function.id in scope.figure


def _of_drawing(name: str, draw: ast.expr, scope: _Scope) -> Iterator[tuple[str, str]]:
    if isinstance(draw, NO_FUNCTION):
        what = f"'{name}' must be drawn by a function, not by {ast.unparse(draw)[:40]}."
        yield what, "Write one that draws on the figure it is given: def draw(fig): …"
        return
    function = _resolved(draw, scope.functions)
    if function is None:
        return
    if isinstance(function, ast.AsyncFunctionDef):
        yield f"the function that draws '{name}' is async, so nothing would be drawn.", "Write `def` alone."
    elif any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own(function)):
        yield f"the function that draws '{name}' yields, so nothing would be drawn.", "Take `yield` out of it."
    for variable in (n for node in ast.walk(function) if isinstance(node, ast.Global) for n in node.names):
        what = (
            f"the function that draws '{name}' sets the notebook's '{variable}', which is lost when it is drawn again."
        )
        yield what, "Compute that in a cell before, and draw what was computed."
    for variable in _unkept(function, scope, DEPTH):
        yield f"what draws '{name}' uses '{variable}', {scope.unkept[variable]}: it cannot be kept.", READ_INTO


def _resolved(draw: ast.expr, functions: Mapping[str, Function]) -> Function | None:
    """Return the function that an expression stands for: itself, the notebook's, or what one of these returns."""
    if isinstance(draw, ast.Lambda):
        return draw
    if isinstance(draw, ast.Name):
        return functions.get(draw.id)
    if isinstance(draw, ast.Call) and isinstance(draw.func, ast.Name):
        maker = functions.get(draw.func.id)
        if isinstance(maker, ast.FunctionDef):
            inner: dict[str, Function] = {
                node.name: node for node in maker.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            returned = [node.value for node in maker.body if isinstance(node, ast.Return) and node.value]
            return _resolved(returned[-1], inner) if returned else None
    return None


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of functions in it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _own(child)


def _unkept(function: Function, scope: _Scope, depth: int) -> Iterator[str]:
    """Yield the variables of the notebook that a function uses, or one that it calls, and that cannot be kept."""
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    own |= {
        argument.arg for node in ast.walk(function) if isinstance(node, ast.arguments) for argument in _arguments(node)
    }
    for name in dict.fromkeys(node.id for node in names if node.id not in own):
        if scope.unkept.get(name):
            yield name
        elif depth and name in scope.functions and scope.functions[name] is not function:
            yield from _unkept(scope.functions[name], scope, depth - 1)


def _arguments(of: ast.arguments) -> list[ast.arg]:
    single = [argument for argument in (of.vararg, of.kwarg) if argument]
    return [*of.posonlyargs, *of.args, *of.kwonlyargs, *single]
