"""After an edit that runs nothing, the executed notebook shows the new words with the recorded outputs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octavo.notebooks.attach import attach

if TYPE_CHECKING:
    from tests.conftest import Tiny


def cells(project: Tiny, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(project.read(f"build/notebooks/{name}.ipynb"))["cells"]
    return found


def said(project: Tiny, name: str) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(project, name)]


def test_new_words_appear_with_the_recorded_outputs(study: Tiny) -> None:
    """A comment, Markdown and a cell more: nothing runs, all points show them, and outputs stay with their cells."""
    before = {cell["source"][-1]: cell["outputs"] for cell in cells(study, "fit/a=2") if cell.get("outputs")}
    notebook = json.loads(study.read("notebooks/fit.ipynb"))
    notebook["cells"][0]["source"] = "# One point of three"
    notebook["cells"][3]["source"] = "# what it is multiplied by\n" + "\n".join(
        "".join(notebook["cells"][3]["source"]).splitlines()[1:]
    )
    only_words = {"cell_type": "code", "id": "x", "metadata": {}, "source": "# nothing to run", "outputs": []}
    notebook["cells"].insert(2, {**only_words, "execution_count": None})
    study.write({"notebooks/fit.ipynb": json.dumps(notebook)})
    assert json.loads(study.octavo("status", "--json").out)["stale"] == {}
    built = study.octavo("build")
    assert "Nothing to do" in built.out, built
    for a in (1, 2, 3):
        words = said(study, f"fit/a={a}")
        assert words[0] == "# One point of three" and words[4].startswith("import octavo"), words
        assert words[2] == f"# Parameters\na = {a}\n" and words[3] == "# nothing to run"
        assert words[5].startswith("# what it is multiplied by")
    after = {cell["source"][-1]: cell["outputs"] for cell in cells(study, "fit/a=2") if cell.get("outputs")}
    assert after == before != {}


def test_what_is_shown_does_not_depend_on_when_it_ran(study: Tiny) -> None:
    """An edited and an undisturbed build show the same bytes, once the words are the same again."""
    before = study.read("build/notebooks/fit/a=1.ipynb")
    study.replace("notebooks/fit.ipynb", "# One point", "# Another word")
    assert "Nothing to do" in study.octavo("build").out
    assert "# Another word" in study.read("build/notebooks/fit/a=1.ipynb")
    edited = study.read("build/notebooks/fit/a=1.ipynb")
    assert study.octavo("build", "--force", "fit").code == 0
    assert study.read("build/notebooks/fit/a=1.ipynb") == edited, "as if it had been run with these words"
    study.replace("notebooks/fit.ipynb", "# Another word", "# One point")
    assert "Nothing to do" in study.octavo("build").out
    assert study.read("build/notebooks/fit/a=1.ipynb") == before


def test_code_that_changed_meanwhile_is_not_mixed_with_other_outputs() -> None:
    """Where the source has other cells with code by now, the executed notebook stays as it ran."""
    code = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": [{"a": 1}], "execution_count": 1}
    ran = json.dumps({"cells": [code], "metadata": {}}).encode()
    assert attach(ran, json.dumps({"cells": [code, code], "metadata": {}}).encode()) == ran
