"""What a notebook's file says: its code, its parameters, the sweeps and the local modules that it names.

Read as JSON and as syntax trees; nothing is run, and no Jupyter package is imported.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import re
import tokenize
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octavo.errors import NotebookError
from octavo.notebooks import drawable
from octavo.notebooks.parameters import ParametersCell, declared

PARAMETERS_TAG = "parameters"
# That change what runs; papermill puts the parameters in the place of a cell that it injected before.
OBEYED_TAGS = frozenset({PARAMETERS_TAG, "injected-parameters", "raises-exception", "skip-execution"})
AROUND = (["time"], ["timeit"], ["capture"], ["prun"])  # magics of a whole cell that is Python all the same
PYPLOT = ("plt", "pyplot")  # have a `figure` of their own, under these names in every notebook
CELLS = ("code", "markdown", "raw")
SETS_VARIABLES = re.compile(
    r"\benviron\s*(\[[^\]\n]*\]\s*=[^=]|\|=|\.(update|setdefault|pop)\b)|\bputenv\b|^\s*%(set_)?env\s+\w+[ =]",
    re.MULTILINE,
)
SETS_PATH = re.compile(
    r"\bsys\s*\.\s*path\b|\bfrom\s+sys\s+import\b.*\bpath\b|\baddsitedir\b|\bchdir\b|^\s*%?(cd|pushd|popd)\b",
    re.MULTILINE,
)
WAY_OUT = "Mend it there, or write the file with nbformat, as JupyterLab does."


@dataclass(frozen=True)
class Notebook:
    """A notebook as far as its results go.

    ``code`` holds for every cell with code either its syntax tree as text (comments, layout and outputs gone) or, where
    a magic or a shell line stands in it, its text; with it the tags that change what runs. ``parameters`` is what its
    parameters cell declares.
    ``draws`` says whether its own code takes ``octavo.figure``; ``undrawable`` why a figure of its could not be drawn
    again, and the way out. ``sets_variables`` says whether its own code sets variables of the environment, and
    ``sets_path`` whether it sets where modules are looked for.
    ``text`` is a digest of all that its cells say, comments and Markdown too.
    """

    path: Path
    name: str
    code: tuple[str, ...]
    parameters: ParametersCell
    sweeps: tuple[str, ...]
    imports: frozenset[str]
    kernel: str
    language: str
    draws: bool
    undrawable: tuple[tuple[str, str], ...]
    sets_variables: bool
    sets_path: bool
    text: str


def load(path: Path, where: str) -> Notebook:
    """Read the notebook at ``path``; ``where`` is its name for messages.

    Raises NotebookError when it is not JSON, or not a notebook of format 4 that papermill could read.
    """
    data = _json(path, where)
    if fault := _fault(data):
        what, hint = fault
        raise NotebookError(f"This is not a notebook of format 4. {what}".strip(), where=where, hint=hint)
    parsed = [(cell, *_parsed(text_of(cell))) for cell in data["cells"] if cell.get("cell_type") == "code"]
    looked = [(number, _looked(cell, tree)) for number, (cell, tree, _) in enumerate(parsed, 1)]
    numbered = [(number, tree) for number, tree in looked if tree]
    # Behind a cell with the tag papermill puts the parameters in, even if it holds comments alone.
    parsed = [(c, tree, code) for c, tree, code in parsed if not _is_empty(tree) or PARAMETERS_TAG in _tags(c)]
    cells, trees = [cell for cell, _, _ in parsed], [tree for _, tree, _ in parsed]
    metadata = data.get("metadata", {})
    seen = [tree for _, tree in numbered]
    called = {"sweep", *(name for tree in seen for name in _aliases(tree))}
    return Notebook(
        path=path,
        name=where,
        code=tuple(" ".join((code, *sorted(OBEYED_TAGS.intersection(_tags(cell))))) for cell, _, code in parsed),
        parameters=declared(
            [_looked(cell, tree) for cell, tree in zip(cells, trees, strict=True) if PARAMETERS_TAG in _tags(cell)],
        ),
        sweeps=tuple(dict.fromkeys(name for tree in seen for name in _sweeps(tree, called))),
        imports=frozenset(name for tree in seen for name in imported(tree)),
        kernel=metadata.get("kernelspec", {}).get("name", "python3"),
        language=metadata.get("kernelspec", {}).get("language", "python"),
        draws=any(_draws(tree, text_of(cell)) for cell, tree in zip(cells, trees, strict=True)),
        undrawable=drawable.faults(numbered),
        sets_variables=any(sets_variables(text_of(cell)) for cell in cells),
        sets_path=any(sets_path(text_of(cell)) for cell in cells),
        text=_text(data),
    )


def says(path: Path, where: str, text: str) -> bool:
    """Whether the notebook at ``path`` says what one of the digest ``text`` did; its code is not parsed for this."""
    data = _json(path, where)
    return not _fault(data) and _text(data) == text


def _text(data: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(words(data)).encode()).hexdigest()


def _fault(data: Any) -> tuple[str, str] | None:
    """Return what keeps a file from being a notebook of format 4, and the way out; None where it is one.

    Files that other programs wrote are held to what papermill takes for granted, and to what is read here.
    """
    if not isinstance(data, dict) or data.get("nbformat") != 4 or not isinstance(data.get("cells"), list):
        return "", "Open it in JupyterLab and save it again."
    metadata = data.get("metadata")
    kernel = metadata.get("kernelspec", {}) if isinstance(metadata, dict) else {}
    if type(data["nbformat"]) is not int or type(data.get("nbformat_minor")) is not int:
        return "Its `nbformat` and `nbformat_minor` must be whole numbers, such as 4 and 5.", WAY_OUT
    if not isinstance(metadata, dict):
        return "Its `metadata` must be an object, such as {}.", WAY_OUT
    if not isinstance(kernel, dict):
        return "The `kernelspec` of its metadata must be an object.", "Choose a kernel in JupyterLab and save it."
    if not isinstance(metadata.get("papermill", {}), dict):
        return "The `papermill` of its metadata must be an object.", "Take it out."
    for key in ("name", "language"):
        if not isinstance(kernel.get(key, ""), str):
            return f"The `{key}` of its kernelspec must be a text.", "Choose a kernel in JupyterLab and save it."
    cells = ((number, _cell_fault(cell)) for number, cell in enumerate(data["cells"], 1))
    told = next(((f"Cell {number} of all its cells: {fault}", WAY_OUT) for number, fault in cells if fault), None)
    return told or (None if _is_unicode(metadata) else ("Its metadata have half of a letter (a surrogate).", WAY_OUT))


def _cell_fault(cell: Any) -> str:
    """Return what is wrong with the form of a cell, or an empty text."""
    if not isinstance(cell, dict):
        return "it must be an object."
    if cell.get("cell_type") not in CELLS:
        return f"its `cell_type` must be one of: {', '.join(CELLS)}."
    if not isinstance(cell.get("metadata"), dict):
        return "its `metadata` must be an object, such as {}."
    if not _are(str, cell["metadata"].get("tags", [])):
        return "its tags must be a list of texts."
    if not isinstance(cell.get("source"), str) and not _are(str, cell.get("source")):
        return "its `source` must be a text, or a list of texts."
    if not _are(dict, cell.get("outputs", [])):
        return "its `outputs` must be a list of objects."
    if not isinstance(cell.get("attachments", {}), dict):
        return "its `attachments` must be an object."
    if not _is_unicode({**cell, "outputs": []}):
        return "it has half of a letter (a surrogate, \\ud800 to \\udfff)."
    return ""


def _are(kind: type, items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, kind) for item in items)


def _is_unicode(data: Any) -> bool:
    """Whether all texts in what JSON holds can be written as UTF-8; JSON can name halves of letters that cannot."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def has_code(cell: dict[str, Any]) -> bool:
    """Whether a cell does anything when it runs: one of comments alone, or of nothing, does not."""
    return cell.get("cell_type") == "code" and not _is_empty(_tree(text_of(cell)))


def code_of(cell: dict[str, Any]) -> str:
    """Return the code of a cell as a key holds it."""
    return _parsed(text_of(cell))[1]


def _is_empty(tree: ast.Module | None) -> bool:
    return tree is not None and not tree.body


def words(notebook: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Return what the cells of a notebook say, in their order: kind, text, tags."""
    cells = notebook["cells"]
    return [(c.get("cell_type", ""), text_of(c), sorted(c.get("metadata", {}).get("tags", ()))) for c in cells]


def _tree(text: str) -> ast.Module | None:
    """Return a cell's syntax tree, or None where it is not plain Python (magics, shell lines, errors)."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _looked(cell: dict[str, Any], tree: ast.Module | None) -> ast.Module | None:
    """Return the syntax tree of a cell as far as it is looked at: of one with magics, that of the rest."""
    return tree or _tree(_without_magics(text_of(cell)))


def _without_magics(text: str) -> str:
    """Return a cell's text with nothing in place of its magics and shell lines, to look at the rest; a key has all."""
    first, _, rest = text.partition("\n")
    if first.startswith("%%"):
        text = f"\n{rest}" if first[2:].split()[:1] in AROUND else ""
    text = re.sub(r"^([ \t]*)[%!].*$", r"\1pass", text, flags=re.MULTILINE)
    return re.sub(r"^([ \t]*[\w, \t]+=)[ \t]*[%!].*$", r"\1 None", text, flags=re.MULTILINE)


def _parsed(text: str) -> tuple[ast.Module | None, str]:
    """Return a cell's syntax tree, and that as text; where there is none, None and what the cell says."""
    tree = _tree(text)
    try:
        return (tree, ast.dump(tree) + (";" if _is_quiet(text) else "")) if tree else (None, text.strip())
    # A formula of thousands of terms is too deep, a number of thousands of digits too long: its text is its key then.
    except (RecursionError, MemoryError, ValueError):
        return None, text.strip()


def _is_quiet(text: str) -> bool:
    """Whether a cell ends with a semicolon: IPython does not show what its last line is worth."""
    if ";" not in text:
        return False
    beside = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
    said = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in beside]
    return bool(said) and said[-1].string == ";"


def imported(tree: ast.AST) -> set[str]:
    """Return the dotted names of the modules that the code may import, the relative ones apart."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _json(path: Path, where: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise NotebookError("This notebook is not UTF-8 text.", where=where, hint="Restore it from git.") from error
    except json.JSONDecodeError as error:
        raise NotebookError(
            f"This notebook is not JSON: {error.msg}.",
            where=f"{where}:{error.lineno}",
            hint="A merge may have left marks in it: mend that line, or restore the notebook from git.",
        ) from error
    except RecursionError as error:
        raise NotebookError("This is not a notebook of format 4.", where=where, hint="Restore it from git.") from error


def text_of(cell: dict[str, Any]) -> str:
    """Return what a cell says."""
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _tags(cell: dict[str, Any]) -> tuple[str, ...]:
    return tuple(cell.get("metadata", {}).get("tags", ()))


def _aliases(tree: ast.AST) -> list[str]:
    """Return the names under which the code imports ``octavo.sweep``."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "octavo"]
    return [alias.asname for node in found for alias in node.names if alias.name == "sweep" and alias.asname]


def _draws(tree: ast.Module | None, text: str) -> bool:
    """Whether a cell takes ``figure`` from octavo, under whatever name; of one with magics its words are asked."""
    if tree is None:
        return bool(re.search(r"\bfigure\b", text))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "octavo":
            if {alias.name for alias in node.names} & {"figure", "*"}:
                return True
        elif isinstance(node, ast.Attribute) and node.attr == "figure" and _name(node.value) not in PYPLOT:
            return True
    return False


def sets_variables(text: str) -> bool:
    """Whether code seems to set variables of the environment, by its words: magics have no syntax tree."""
    return bool(SETS_VARIABLES.search(text))


def sets_path(text: str) -> bool:
    """Whether code seems to set where modules are looked for, by its words; its own folder is such a place."""
    return bool(SETS_PATH.search(text))


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _sweeps(tree: ast.AST, called: Set[str]) -> list[str]:
    """Return the literal names in ``octavo.sweep("…")`` and ``sweep("…")``, in the order of the code."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function, given = node.func, [*node.args, *(k.value for k in node.keywords if k.arg == "name")]
            name = getattr(function, "attr", getattr(function, "id", ""))
            argument = given[0].value if given and isinstance(given[0], ast.Constant) else None
            if name in called and isinstance(argument, str):
                found.append(argument)
    return found
