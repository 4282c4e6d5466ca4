"""What of a notebook counts for its results, and what it says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from octavo.errors import NotebookError
from octavo.notebooks.modules import resolved
from octavo.notebooks.neutral import neutralise
from octavo.notebooks.source import load


def book(path: Path, *cells: str | dict[str, Any], **metadata: object) -> Path:
    """Write a notebook of code cells; a dict is a cell as it stands."""
    made = [c if isinstance(c, dict) else {"cell_type": "code", "source": c, "metadata": {}} for c in cells]
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": made}))
    return path


def code(tmp_path: Path, *cells: str | dict[str, Any]) -> tuple[str, ...]:
    return load(book(tmp_path / "a.ipynb", *cells), "a.ipynb").code


PLAIN = "x = 1\nprint(x)"


@pytest.mark.parametrize(
    "cell",
    [
        "x=1\n\n\nprint( x )  # said\n",
        "# above\nx = 1\nprint(x)\n# below",
        "x = (1)\nprint(\n    x,\n)",
        {"cell_type": "code", "source": ["x = 1\n", "print(x)"], "metadata": {"tags": ["a"]}, "execution_count": 7},
        {"cell_type": "code", "source": PLAIN, "metadata": {}, "outputs": [{"output_type": "stream", "text": "1"}]},
    ],
)
def test_what_cannot_change_a_result_is_not_in_the_code(tmp_path: Path, cell: str | dict[str, Any]) -> None:
    """Comments, layout, outputs, counts and tags leave the code what it was; so does Markdown."""
    assert code(tmp_path, cell) == code(tmp_path, PLAIN)
    assert code(tmp_path, cell, {"cell_type": "markdown", "source": "Text", "metadata": {}}) == code(tmp_path, PLAIN)


def tagged(source: str, *tags: str) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {"tags": [*tags]}}


def test_tags_that_change_what_runs_are_in_the_code(tmp_path: Path) -> None:
    """A cell that is skipped, or behind which the parameters are put, gives another result."""
    plain = code(tmp_path, PLAIN, "y = 2")
    assert code(tmp_path, tagged(PLAIN, "skip-execution"), "y = 2") != plain
    assert code(tmp_path, tagged(PLAIN, "raises-exception"), "y = 2") != plain
    first, second = (
        code(tmp_path, tagged(PLAIN, "parameters"), "y = 2"),
        code(tmp_path, PLAIN, tagged("y = 2", "parameters")),
    )
    assert len({plain, first, second}) == 3
    assert code(tmp_path, PLAIN, "y = 2", tagged("# here they are put", "parameters")) != plain
    assert code(tmp_path, PLAIN, tagged("y = 2", "injected-parameters")) != plain, "papermill replaces that cell"


def test_a_semicolon_hides_what_a_cell_shows(tmp_path: Path) -> None:
    """A figure that a cell shows by its last line is a result; behind `;` nothing is shown."""
    assert (
        code(tmp_path, "fig;") == code(tmp_path, "fig ; # so") != code(tmp_path, "fig") == code(tmp_path, "fig  # so;")
    )


def test_a_package_stands_before_a_module_of_its_name(tmp_path: Path) -> None:
    """Python imports the folder where both are there."""
    (tmp_path / "helper").mkdir()
    for name in ("helper.py", "helper/__init__.py"):
        (tmp_path / name).touch()
    assert resolved(["helper"], (tmp_path,)).files == (tmp_path / "helper/__init__.py",)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 'a'", "x = 'b'"),
        ("'a docstring'", "'another'"),
        ("%time f()", "%time g()"),
        ("!ls data", "!ls data # all"),
        ("%%bash\nls", "%%bash\nls -l"),
        ("x = = 1", "x = = 2"),
    ],
)
def test_what_can_change_a_result_is_in_the_code(tmp_path: Path, one: str, two: str) -> None:
    """Code, constants, magics, shell lines and cells that do not parse all count."""
    assert code(tmp_path, one) != code(tmp_path, two)
    assert code(tmp_path, one, "y") != code(tmp_path, "y", one)


@pytest.mark.parametrize(
    "text", [f"x = 0x{'f' * 4000}", f"x = y{'.a()' * 170}", f"x = y{'.a()' * 2000}", f"x = {'+'.join('y' * 9000)}"]
)
def test_code_of_any_depth_and_length_is_read(tmp_path: Path, text: str) -> None:
    """Python runs a number of thousands of digits and a chain of thousands of calls: both are told from others."""
    chained = f"{text}\nimport octavo\noctavo.figure('f', lambda fig: x)"
    assert code(tmp_path, text) != code(tmp_path, f"{text}\ny") and code(tmp_path, chained) != code(tmp_path, text)


def test_a_notebook_says_what_it_declares_and_reads(tmp_path: Path) -> None:
    """Parameters come from the tagged cell alone, sweeps from literal names, imports from all of the code."""
    tagged = {"cell_type": "code", "source": "a = 1\nb: int = 2\nc, d = 3, 4\n", "metadata": {"tags": ["parameters"]}}
    cells = ("z = 1", tagged, "import lib.sub\nfrom pkg import mod as m\ndef f():\n    import late\nfrom . import rel")
    reads = "octavo.sweep('two')\nsweep('one')\noctavo.sweep('two')\noctavo.sweep(name)\nother('three')"
    found = load(book(tmp_path / "a.ipynb", *cells, reads), "a.ipynb")
    assert found.parameters.names() == ("a", "b")
    assert found.sweeps == ("two", "one")
    assert found.imports == {"lib.sub", "pkg", "pkg.mod", "late"}
    assert (found.kernel, found.language) == ("python3", "python")


def test_sweeps_are_known_by_another_name_too(tmp_path: Path) -> None:
    """Imported under a name of the user's, octavo.sweep still tells what the notebook depends on."""
    cells = (
        "from octavo import sweep as points, value as v",
        "points('one')\nv('two', 2)",
        "import octavo as o\no.sweep('three')",
    )
    assert load(book(tmp_path / "a.ipynb", *cells), "a.ipynb").sweeps == ("one", "three")


def test_magics_hide_nothing_of_what_a_cell_declares(tmp_path: Path) -> None:
    """Beside magics and shell lines, parameters, sweeps and figures are seen; the key holds the text, as before."""
    tagged = {"cell_type": "code", "source": "%matplotlib inline\na = 0", "metadata": {"tags": ["parameters"]}}
    cells = (
        "%matplotlib inline\nimport octavo as o\no.sweep('one')",
        "%%time\nif True:\n    !ls\nfiles = !ls\no.sweep(name='two')",
        "%%bash\nsweep('three')",
        "%matplotlib inline\no.figure('f', print('x'))\no.figure('g', [1])",
    )
    found = load(book(tmp_path / "a.ipynb", tagged, *cells), "a.ipynb")
    assert (found.parameters.names(), found.sweeps, found.draws) == (("a",), ("one", "two"), True)
    assert found.code == (f"{tagged['source']} parameters", *cells)
    assert [what for what, _ in found.undrawable] == ["Cell 5: 'g' must be drawn by a function, not by [1]."]


@pytest.mark.parametrize("text", ["[]", "{}", '{"nbformat": 4}', '{"nbformat": 4, "cells": {}}', '"x"', "3"])
def test_json_that_is_no_notebook(tmp_path: Path, text: str) -> None:
    """JSON of another kind is refused in words."""
    (tmp_path / "a.ipynb").write_text(text)
    with pytest.raises(NotebookError, match=r"a.ipynb: This is not a notebook of format 4"):
        load(tmp_path / "a.ipynb", "a.ipynb")


CELL: dict[str, Any] = {"cell_type": "code", "source": "x = 1", "metadata": {}}
BOOK: dict[str, Any] = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [CELL]}


def without(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (without(BOOK, "nbformat_minor"), "Its `nbformat` and `nbformat_minor` must be whole"),
        (without(BOOK, "metadata"), "Its `metadata` must be an object"),
        ({**BOOK, "metadata": {"kernelspec": None}}, "The `kernelspec` of its metadata"),
        ({**BOOK, "metadata": {"kernelspec": {"name": None}}}, "The `name` of its kernelspec must be a text"),
        ({**BOOK, "metadata": {"kernelspec": {"name": 3}}}, "The `name` of its kernelspec must be a text"),
        ({**BOOK, "metadata": {"kernelspec": {"language": None}}}, "The `language` of its kernelspec must be a text"),
        ({**BOOK, "metadata": {"papermill": None}}, "The `papermill` of its metadata must be an object"),
        ({**BOOK, "nbformat": 4.0}, "Its `nbformat` and `nbformat_minor` must be whole"),
        ({**BOOK, "metadata": {"title": "\ud800"}}, "Its metadata have half of a letter"),
        ({**BOOK, "cells": [CELL, 1]}, "Cell 2 of all its cells: it must be an object"),
        ({**BOOK, "cells": [CELL, without(CELL, "metadata")]}, "Cell 2 of all its cells: its `metadata`"),
        ({**BOOK, "cells": [without(CELL, "cell_type")]}, "Cell 1 of all its cells: its `cell_type`"),
        ({**BOOK, "cells": [without(CELL, "source")]}, "Cell 1 of all its cells: its `source`"),
        ({**BOOK, "cells": [{**CELL, "source": None}]}, "Cell 1 of all its cells: its `source`"),
        ({**BOOK, "cells": [{**CELL, "source": [1, 2]}]}, "Cell 1 of all its cells: its `source`"),
        ({**BOOK, "cells": [{**CELL, "source": "'\ud800'"}]}, "Cell 1 of all its cells: it has half of a letter"),
        ({**BOOK, "cells": [{**CELL, "outputs": None}]}, "Cell 1 of all its cells: its `outputs`"),
        ({**BOOK, "cells": [{**CELL, "attachments": None}]}, "Cell 1 of all its cells: its `attachments`"),
        ({**BOOK, "cells": [{**CELL, "metadata": {"tags": ["a", 1]}}]}, "Cell 1 of all its cells: its tags"),
    ],
)
def test_a_notebook_of_another_hand_is_refused_in_words(tmp_path: Path, changed: object, told: str) -> None:
    """What papermill or a key could not take is told with the notebook, the cell, and the way out."""
    (tmp_path / "a.ipynb").write_text(json.dumps(changed))
    with pytest.raises(NotebookError) as caught:
        load(tmp_path / "a.ipynb", "notebooks/a.ipynb")
    assert (
        str(caught.value).startswith(f"notebooks/a.ipynb: This is not a notebook of format 4. {told}")
        and caught.value.hint
    )


def test_json_without_a_bottom_is_no_notebook(tmp_path: Path) -> None:
    """What is too deep to be read is refused in words."""
    (tmp_path / "a.ipynb").write_text("[" * 100_000)
    with pytest.raises(NotebookError, match=r"a.ipynb: This is not a notebook of format 4"):
        load(tmp_path / "a.ipynb", "a.ipynb")


def test_a_notebook_without_outputs_counts_and_ids_is_read(tmp_path: Path) -> None:
    """What runs need not is not asked for: outputs, counts, ids, a kernel's name; outputs may hold anything."""
    said = {"output_type": "stream", "name": "stdout", "text": "\ud800"}
    (tmp_path / "a.ipynb").write_text(json.dumps({**BOOK, "cells": [CELL, {**CELL, "outputs": [said], "id": None}]}))
    assert load(tmp_path / "a.ipynb", "a.ipynb").kernel == "python3"


def test_local_modules_are_found_at_any_depth(tmp_path: Path) -> None:
    """Modules, packages, what they import relatively and absolutely; circles end; what is installed is left out."""
    for name, text in {
        "lib.py": "import deep.inner\nimport numpy\nimport lib",
        "deep/__init__.py": "from . import side",
        "deep/inner.py": "from .other import f\nfrom .. import nothing",
        "deep/other.py": "import lib",
        "deep/side.py": "syntax error here",
        "unused.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = resolved(["lib", "os.path"], (tmp_path,))
    names = [path.relative_to(tmp_path).as_posix() for path in found.files]
    assert names == ["deep/__init__.py", "deep/inner.py", "deep/other.py", "deep/side.py", "lib.py"]
    assert found.packages == {"nothing", "numpy", "os"}


def test_an_executed_notebook_says_nothing_of_the_machine(tmp_path: Path) -> None:
    """Paths start from the project or from what they belong to; times, addresses, process numbers and ids are gone."""
    root = tmp_path / "study"
    text = (
        f"{root}/lib/a.py:3: {tmp_path}/study-b {root}\n{Path.home()}/x /tmp/ipykernel_123/99.py <f at 0x7f0012345678>"
    )
    cell = {
        "cell_type": "code",
        "id": "a1b2",
        "source": str(root),
        "metadata": {"papermill": {"start_time": "now"}, "execution": {"shell": "now"}, "tags": ["kept"]},
        "outputs": [
            {"output_type": "stream", "name": "stdout", "text": text},
            {"output_type": "display_data", "data": {"image/png": str(root)}},
        ],
    }
    path = book(tmp_path / "a.ipynb", cell, papermill={"input_path": str(root)})
    neutralise(path, root)
    done = json.loads(path.read_text())
    assert done["metadata"] == {} and done["cells"][0]["metadata"] == {"tags": ["kept"]}
    assert done["cells"][0]["id"] == "cell-1"
    assert done["cells"][0]["outputs"][0]["text"] == (
        f"lib/a.py:3: {tmp_path}/study-b .\n~/x ipykernel/99.py <f at 0x…>"
    )
    assert done["cells"][0]["source"] == str(root), "the user's own words stay"


@pytest.mark.parametrize("home", ["/", "/hut/me"])
def test_a_slash_is_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    """What a cell printed stays as it is where the home of the user is `/`, or its path is a part of another."""
    monkeypatch.setenv("HOME", home)
    said = "1 / 2, / and b/hut/me/x"
    cell = {"cell_type": "code", "source": "", "metadata": {}, "outputs": [{"output_type": "stream", "text": said}]}
    cell["outputs"][0]["name"] = "stdout"  # type: ignore[index]
    neutralise(book(tmp_path / "a.ipynb", cell), tmp_path)
    assert json.loads((tmp_path / "a.ipynb").read_text())["cells"][0]["outputs"][0]["text"] in (said, [said])
