"""`octavo debug`: a point opened by hand, as its run had it."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient

if TYPE_CHECKING:
    from tests.conftest import Tiny

FAILING = "assert a != 2, 'no two'\noctavo.value('twice', helper.twice(a) * n)"
LAB = """
import json, os, sys
from pathlib import Path
names = ("PYTHONHASHSEED", "OMP_NUM_THREADS", "OCTAVO_RUN", "JUPYTER_DEFAULT_PROVISIONER_NAME")
told = {"asked": sys.argv[1:], "folder": os.getcwd(), **{name: os.environ.get(name) for name in names}}
Path(os.environ["TOLD"]).write_text(json.dumps(told))
sys.exit(int(os.environ.get("CODE", "0")))
"""


def run_by_hand(path: Path) -> list[str]:
    """Run a notebook where it lies, as JupyterLab does; return what its cells print."""
    book = nbformat.read(path, as_version=4)
    NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    return ["".join(o.get("text", "") for o in cell.outputs).strip() for cell in cells]


def cells(project: Tiny, name: str) -> list[dict[str, Any]]:
    """Return the cells of a notebook in ``build/debug/``."""
    return list(json.loads(project.read(f"build/debug/{name}.ipynb"))["cells"])


def test_a_point_runs_by_hand_as_in_the_build(study: Tiny) -> None:
    """Parameters are set, imports and data are found; values are shown and not recorded; sources are not touched."""
    before = {name: state for name, state in study.files().items() if not name.startswith((".octavo", "build/debug"))}
    said = study.octavo("debug", "fit/a=2", "--no-open")
    assert (said.code, said.err) == (0, "")
    assert said.out == "build/debug/fit/a=2.ipynb\n  as it begins\n  parameter    a = 2\n"
    assert run_by_hand(study.root / "build/debug/fit/a=2.ipynb")[-1] == "twice = 28"
    after = study.files()
    assert {name: after[name] for name in before} == before
    assert str(study.root) not in study.read("build/debug/fit/a=2.ipynb"), "no path of this machine"
    first = study.read("build/debug/fit/a=2.ipynb")
    assert study.octavo("debug", "fit/a=2", "--no-open").code == 0
    assert study.read("build/debug/fit/a=2.ipynb") == first, "the same again"


def test_a_failed_point_opens_with_its_error(study: Tiny) -> None:
    """As far as it ran, while the source is what failed; once that was edited, the source."""
    study.replace("notebooks/fit.ipynb", "octavo.value('twice', helper.twice(a) * n)", FAILING.replace("\n", "\\n"))
    assert study.octavo("build").code == 3
    said = study.octavo("debug", "fit/a=2", "--no-open", "--json")
    told = json.loads(said.out)
    assert told == {
        "point": "fit/a=2",
        "notebook": "build/debug/fit/a=2.ipynb",
        "folder": "notebooks",
        "parameters": {"a": 2},
        "failed": True,
        "kept": None,
        "missing": [],
        "errors": [],
    }
    outputs = [output for cell in cells(study, "fit/a=2") for output in cell.get("outputs", ())]
    assert [output["ename"] for output in outputs if output["output_type"] == "error"] == ["AssertionError"]
    study.replace("notebooks/fit.ipynb", "a != 2", "a != 5")
    assert "as it begins" in study.octavo("debug", "fit/a=2", "--no-open").out
    assert not any(cell.get("outputs") for cell in cells(study, "fit/a=2"))
    assert run_by_hand(study.root / "build/debug/fit/a=2.ipynb")[-1] == "twice = 28"


def test_sweeps_are_those_of_now(study: Tiny) -> None:
    """`octavo.sweep` reads the points as they are in the store, without a whole build; or it says what to do."""
    (study.root / "build" / "results.json").unlink()
    said = study.octavo("debug", "all", "--no-open")
    assert said.code == 0 and "cannot read" not in said.out
    assert "sum = 84" in run_by_hand(study.root / "build/debug/all.ipynb")[2]
    study.replace("pyproject.toml", "a = [1, 2, 3]", "a = [1, 2, 3, 4]")
    said = study.octavo("debug", "all", "--no-open")
    assert "It cannot read 'fit' yet, which is not up to date: octavo build fit" in said.out
    with pytest.raises(Exception, match="There is no sweep 'fit' to read here"):
        run_by_hand(study.root / "build/debug/all.ipynb")


def test_names_are_helped(study: Tiny) -> None:
    """An unknown point has a nearest name, a sweep is asked for a point, an output is none."""
    for name, words in {
        "fit/a=22": "There is no point 'fit/a=22'.\n  'a' is one of 1, 2, 3.",
        "fit": "'fit' has 3 points.\n  Name one of them: octavo debug fit/a=1",
        "notebooks": "'notebooks' is no point of a notebook.",
    }.items():
        said = study.octavo("debug", name, "--no-open")
        assert said.code == 2 and words in said.err, said.err


def test_an_earlier_copy_that_was_worked_on_is_kept(study: Tiny) -> None:
    """What somebody changed in a copy is moved aside, not lost; what only ran is written anew."""
    study.octavo("debug", "all", "--no-open")
    study.replace("build/debug/all.ipynb", "warnings.warn('a path, a number')", "mine = 1")
    said = study.octavo("debug", "all", "--no-open")
    assert "Your changed copy of an earlier session is kept: build/debug/all.1.ipynb" in said.out
    assert "mine = 1" in study.read("build/debug/all.1.ipynb") and "mine" not in study.read("build/debug/all.ipynb")
    assert "kept" not in study.octavo("debug", "all", "--no-open").out
    study.replace("notebooks/all.ipynb", "object()", "object")
    assert "kept" not in study.octavo("debug", "all", "--no-open").out, "it was the source that changed"
    assert not (study.root / "build/debug/all.2.ipynb").exists()


def test_it_opens_jupyterlab_in_the_notebooks_folder(
    study: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """JupyterLab is started on the copy, in the notebook's folder, with the environment of the run."""
    (tmp_path / "jupyterlab").mkdir()
    (tmp_path / "jupyterlab" / "__init__.py").write_text("")
    (tmp_path / "jupyterlab" / "__main__.py").write_text(LAB)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    monkeypatch.setenv("OCTAVO_RUN", "left over")
    monkeypatch.delenv("JUPYTER_DEFAULT_PROVISIONER_NAME", raising=False)
    assert study.octavo("debug", "fit/a=3").code == 0
    told = json.loads((tmp_path / "told").read_text())
    assert told["asked"][0] == str(study.root / "build/debug/fit/a=3.ipynb")
    assert told["folder"] == str(study.root / "notebooks")
    assert (told["PYTHONHASHSEED"], told["OCTAVO_RUN"]) == ("0", None) and int(told["OMP_NUM_THREADS"]) >= 1
    assert told["JUPYTER_DEFAULT_PROVISIONER_NAME"] == "octavo"
    monkeypatch.setenv("CODE", "5")
    said = study.octavo("debug", "fit/a=3")
    assert said.code == 3 and "JupyterLab ended with exit code 5." in said.err


def test_without_jupyterlab_the_notebook_is_there(study: Tiny) -> None:
    """Where it is not installed, the error says how to install it, and names the notebook, which was written."""
    if importlib.util.find_spec("jupyterlab"):
        pytest.skip("JupyterLab is installed here")
    said = study.octavo("debug", "all")
    assert said.code == 4
    assert "JupyterLab is not installed in this environment." in said.err and "-m pip install jupyterlab" in said.err
    assert "build/debug/all.ipynb" in said.err and cells(study, "all")
    said = study.octavo("debug", "all", "--json")
    assert said.code == 4 and "JupyterLab is not installed" in json.loads(said.out)["errors"][0]["what"]


def test_the_copy_runs_on_a_forked_kernel_as_well(study: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment that JupyterLab is given, the kernel is forked, and the copy gives the same."""
    from jupyter_client.provisioning.factory import KernelProvisionerFactory

    parent = "from pathlib import Path\nprint('zygote' in Path(f'/proc/{os.getppid()}/cmdline').read_text())"
    study.write(
        {"notebooks/fork.ipynb": [f"import os, octavo, helper\n{parent}", "octavo.value('n', helper.twice(2))"]}
    )
    study.octavo("debug", "fork", "--no-open")
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "octavo")
    KernelProvisionerFactory.clear_instance()  # it reads the variable once
    try:
        assert run_by_hand(study.root / "build/debug/fork.ipynb")[1:] == [str(sys.platform == "linux"), "n = 4"]
    finally:
        KernelProvisionerFactory.clear_instance()
