"""Whole builds of tiny projects by the real command: what runs, what does not, and what is left in build/."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

if TYPE_CHECKING:
    from tests.conftest import Said, Tiny


def ran(said: Said) -> list[str]:
    """Return the lines of what ran, with the time taken out."""
    lines = [line.split() for line in said.err.splitlines() if "] ran " in line]
    return sorted(" ".join([words[2], *words[5:]]) for words in lines)


def drawings(of: str, why: str) -> list[str]:
    """Return the lines of what draws the figures of a notebook, for the media that every project has."""
    return [f"{of}@{medium} ({why})" for medium in ("column", "slide", "wide")]


def results(project: Tiny) -> dict[str, list[dict[str, object]]]:
    """Return build/results.json as plain numbers: for each notebook its points and their values."""
    read = json.loads(project.read("build/results.json"))["notebooks"]
    return {
        name: [{**p["parameters"], **{k: v["number"] for k, v in p["record"]["values"].items()}} for p in points]
        for name, points in read.items()
    }


def test_a_first_build_runs_every_point_and_publishes(built_once: tuple[Tiny, Said]) -> None:
    """A first build runs all points, says so in plain lines when nobody watches, and shows the results in build/."""
    project, said = built_once
    points = ["fit/a=1 (new)", "fit/a=2 (new)", "fit/a=3 (new)"]
    assert (said.code, ran(said)) == (0, ["all (new)", *drawings("all", "new"), *points])
    assert said.out.startswith("Built in") and "7 ran, 0 from the store" in said.out
    assert "\x1b" not in said.err and "[4/7] ran     all" in said.err
    made = {p.relative_to(project.root / "build").as_posix() for p in (project.root / "build").rglob("*.*")}
    assert {"results.json", "notebooks/all.ipynb", "notebooks/fit/a=2.ipynb", "figures/all.line.column.svg"} <= made
    assert results(project)["fit"] == [{"a": n, "twice": 14 * n} for n in (1, 2, 3)]
    assert results(project)["all"] == [{"sum": 84}]


def test_points_run_at_once_in_processes_of_their_own(tiny: Callable[..., Tiny]) -> None:
    """Two points that wait for each other both end: they run side by side."""
    wait = (
        "import time, octavo\nfrom pathlib import Path\nPath(f'../met-{a}').touch()\n"
        "end = time.monotonic() + 60\nwhile not Path(f'../met-{1 - a}').exists() and time.monotonic() < end:\n"
        "    time.sleep(0.05)\noctavo.value('met', int(Path(f'../met-{1 - a}').exists()))"
    )
    project = tiny(
        {
            "pyproject.toml": "[tool.octavo]\njobs = 2\n[tool.octavo.sweeps.meet]\nnotebook = 'notebooks/meet.ipynb'\n"
            "grid = { a = { count = 2 } }\n",
            "notebooks/meet.ipynb": ["[parameters] a = 0", wait],
        }
    )
    assert project.octavo("build", "-q").code == 0
    assert results(project)["meet"] == [{"a": 0, "met": 1}, {"a": 1, "met": 1}]


def test_a_build_with_nothing_to_do_writes_nothing(study: Tiny) -> None:
    """Nothing changed: nothing runs, no file is touched, and it takes a moment. The copied store is as good."""
    assert study.octavo("build").out.startswith("Nothing to do"), "a copy is read once, to see that it is whole"
    before, begun = study.files(), time.monotonic()
    said = study.octavo("build")
    seconds = time.monotonic() - begun
    print(f"a build with nothing to do: {seconds:.2f} s")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Nothing to do: all 7 results are up to date.")
    assert study.files() == before
    assert seconds < 3


def test_status_runs_nothing_and_writes_nothing(study: Tiny) -> None:
    """`octavo status` names what is stale and why, in the order of the build, and leaves every file alone."""
    assert study.octavo("status").out == "All 7 results are up to date.\n"
    study.write({"data/n.txt": "8\n"})
    before = study.files()
    said = study.octavo("status")
    assert said.code == 0
    assert said.out.splitlines() == [
        *(f"fit/a={n}: data file data/n.txt changed" for n in (1, 2, 3)),
        "all: upstream: fit/a=1 will run",
        *(f"all@{medium}: upstream: all will run" for medium in ("column", "wide", "slide")),
        "7 would run, 0 up to date.",
    ]
    assert study.files() == before
    assert json.loads(study.octavo("status", "--json", "fit").out)["total"] == 3


def test_what_cannot_change_a_result_reruns_nothing(study: Tiny) -> None:
    """Markdown, comments, blank lines, outputs, execution counts and tags of other cells rerun nothing."""
    study.replace("notebooks/fit.ipynb", "# One point", "# One point, *explained*")
    study.replace("notebooks/fit.ipynb", "# the factor", "# the factor, of all")
    path = study.root / "notebooks/all.ipynb"
    book = nbformat.read(path, as_version=4)
    for count, cell in enumerate(book.cells, 5):
        cell.source = cell.source.replace("\n", "\n\n# a comment\n") + "\n"
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", text="old")]
        cell.metadata.tags = ["kept"]
    path.write_text(nbformat.writes(book), encoding="utf-8")
    assert study.octavo("build").out.startswith("Nothing to do")


def test_an_edit_of_code_reruns_that_and_what_depends_on_it(study: Tiny) -> None:
    """Editing code reruns its notebook and the notebooks that read its results, with the reason."""
    study.replace("notebooks/fit.ipynb", "helper.twice(a) * n", "helper.twice(a) * n + 1")
    said = study.octavo("build")
    points = [f"fit/a={n} (code changed)" for n in (1, 2, 3)]
    assert ran(said) == ["all (upstream: fit/a=1 changed)", *drawings("all", "upstream: all changed"), *points]
    assert results(study)["all"] == [{"sum": 87}]


def test_same_results_cause_nothing_further(study: Tiny) -> None:
    """Early cut-off: a changed module that leaves the points' results as they were does not rerun their reader."""
    study.write({"notebooks/helper.py": "def twice(x):\n    return x + x\n"})
    said = study.octavo("build", "--json")
    tasks = {t["name"]: (t["status"], t["reason"]) for t in json.loads(said.out)["tasks"]}
    assert tasks["fit/a=2"][0] == "ran" and tasks["fit/a=2"][1].startswith("module")
    assert tasks["all"] == ("stored", "")


def test_one_changed_parameter_value_runs_one_point(study: Tiny) -> None:
    """A new value of a sweep runs its point and the readers; the removed point is nowhere any more."""
    study.replace("pyproject.toml", "[1, 2, 3]", "[1, 2, 4]")
    said = study.octavo("build")
    drawn = drawings("all", "upstream: all changed")
    assert ran(said) == ["all (upstream: fit/a=3 is gone)", *drawn, "fit/a=4 (new)"]
    assert results(study) == {"fit": [{"a": n, "twice": 14 * n} for n in (1, 2, 4)], "all": [{"sum": 98}]}
    left = sorted(p.name for p in (study.root / "build/notebooks/fit").iterdir())
    assert left == ["a=1.ipynb", "a=2.ipynb", "a=4.ipynb"]
    study.replace("pyproject.toml", "[1, 2, 4]", "[1, 2, 3]")
    assert study.octavo("build").out.startswith("Nothing to do"), "a result of before is in the store"


def test_force_and_dry_run(study: Tiny) -> None:
    """`--dry-run` says what `--force` would run, and runs nothing; then that runs, and nothing further."""
    before = study.files()
    said = study.octavo("build", "--dry-run", "--force", "fit/a=1")
    assert said.out.splitlines() == [
        "fit/a=1: forced",
        "all: upstream: fit/a=1 will run",
        *(f"all@{medium}: upstream: all will run" for medium in ("column", "wide", "slide")),
        "5 would run, 2 up to date.",
    ]
    assert study.files() == before
    said = study.octavo("build", "--force", "fit/a=1")
    assert "1 ran, 6 from the store" in said.out and "fit/a=1" in said.err and "(forced)" in said.err
    said = study.octavo("build", "--force", "fitt")
    assert (said.code, said.err.splitlines()[1]) == (2, "  did you mean 'fit'?")


def test_clean_removes_what_was_built_and_the_store_gives_it_back(study: Tiny) -> None:
    """After `octavo clean` the next build runs nothing and build/ is as it was, byte for byte."""
    before = tree(study.root / "build")
    assert study.octavo("clean").out == "Removed build/.\n"
    assert not (study.root / "build").exists()
    assert study.octavo("clean").out == "Nothing to remove.\n"
    assert ran(study.octavo("build")) == []
    assert tree(study.root / "build") == before
    assert study.octavo("clean", "--all").out == "Removed build/ and .octavo/.\n"
    assert json.loads(study.octavo("status", "--json").out)["stale"]["all"]


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_a_part_makes_no_more_is_not_shown(study: Tiny) -> None:
    """A figure and a point that are taken out vanish from build/ and its page when their notebook is built alone."""
    others = {name: state for name, state in study.files().items() if name.startswith("build/notebooks/fit/a=1")}
    assert "all.line" in study.read("build/index.html")
    study.replace("pyproject.toml", "a = [1, 2, 3]", "a = [1, 3]")
    book = json.loads(study.read("notebooks/all.ipynb"))
    del book["cells"][2]
    study.write({"notebooks/all.ipynb": json.dumps(book)})
    assert study.octavo("build", "all@column").code == 2, "no figure, nothing to draw"
    assert study.octavo("build", "fit/a=1").code == 0
    assert (study.root / "build/notebooks/fit/a=2.ipynb").exists(), "nobody has looked at the sweep as a whole"
    assert study.octavo("build", "all").code == 0
    built = [name for name in study.files() if name.startswith("build/")]
    assert not [name for name in built if "all.line" in name or "a=2" in name]
    assert "all.line" not in study.read("build/index.html")
    assert others.items() <= study.files().items()


def test_same_sources_same_bytes_in_another_folder(built_once: tuple[Tiny, Said], tmp_path: Path) -> None:
    """Built anew in a folder of another name, at another time: every file of build/ is the same to the byte."""
    first = built_once[0]
    second = first.copy(tmp_path / "somewhere {else}")
    shutil.rmtree(second.root / "build")
    shutil.rmtree(second.root / ".octavo")
    assert second.octavo("build", "-q").code == 0
    one, two = tree(first.root / "build"), tree(second.root / "build")
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_nothing_of_the_machine_is_published(built_once: tuple[Tiny, Said]) -> None:
    """No absolute path, no user and no moment in build/, not even in executed notebooks with warnings."""
    project = built_once[0]
    machine = {
        str(project.root),
        str(Path.home()),
        tempfile.gettempdir(),
        f"/{getpass.getuser()}/",
        time.strftime("%Y-"),
    }
    for name, data in tree(project.root / "build").items():
        found = [word for word in machine if len(word) > 3 and word.encode() in data]
        assert not found, f"build/{name} holds {found}"
    assert "UserWarning: a path, a number" in project.read("build/notebooks/all.ipynb")


def test_a_notebook_runs_by_hand_as_well(study: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Octavo around it a notebook executes: values are shown, sweeps come from the last build."""
    from nbclient import NotebookClient

    monkeypatch.delenv("OCTAVO_RUN", raising=False)
    for name in ("fit", "all"):
        book = nbformat.read(study.root / f"notebooks/{name}.ipynb", as_version=4)
        NotebookClient(book, resources={"metadata": {"path": str(study.root / "notebooks")}}).execute()
        shown = [o for cell in book.cells if cell.cell_type == "code" for o in cell.outputs]
        assert not [o for o in shown if o.output_type == "error"]
        text = "".join(o.get("text", "") for o in shown)
        assert ("sum = 84" if name == "all" else "twice = 0") in text
    assert study.octavo("build").out.startswith("Nothing to do"), "running by hand changes nothing"


def test_a_file_that_only_the_run_knows_is_noticed(tiny: Callable[..., Tiny]) -> None:
    """Data and modules of computed names, declared inputs and variables: all count."""
    code = (
        "import importlib, os\nfrom pathlib import Path\nimport octavo\n"
        "m = importlib.import_module('hid' + 'den')\nn = len(Path('..', 'da' + 'ta', 'x.txt').read_text())\n"
        "octavo.value('n', n + m.N)"
    )
    project = tiny(
        {
            "pyproject.toml": "[tool.octavo.sweeps.one]\nnotebook = 'notebooks/one.ipynb'\n"
            "inputs = ['data/*.bin']\nenvironment = ['STUDY_MODE']\n",
            "notebooks/one.ipynb": [code],
            "notebooks/hidden.py": "N = 1\n",
            "data/x.txt": "abc",
            "data/y.bin": b"\0",
        }
    )
    assert project.octavo("build", "-q").code == 0
    for file, content, reason in (
        ("data/x.txt", "abcd", "data file data/x.txt changed"),
        ("notebooks/hidden.py", "N = 2\n", "module notebooks/hidden.py changed"),
        ("data/y.bin", b"\1", "data file changed"),
    ):
        was = (project.root / file).read_bytes()
        project.write({file: content})
        assert project.octavo("status").out.startswith(f"one: {reason}\n")
        project.write({file: was})
    assert project.octavo("status").out == "The one result is up to date.\n"
    os.environ["STUDY_MODE"] = "quick"
    try:
        assert project.octavo("status").out.startswith("one: environment changed\n")
    finally:
        del os.environ["STUDY_MODE"]


def test_a_build_after_the_first_writes_nothing(tiny: Callable[..., Tiny]) -> None:
    """Right after the build that made everything, another one touches no file."""
    project = tiny({"notebooks/a.ipynb": ["import octavo\noctavo.value('x', 1)"]})
    assert project.octavo("build").code == 0
    before = project.files()
    assert project.octavo("build").out.startswith("Nothing to do")
    assert project.files() == before


def test_a_file_that_one_notebook_leaves_for_another_is_told_of(tiny: Callable[..., Tiny]) -> None:
    """In which order they run nobody said, and a run from the store writes nothing: each build says so."""
    wrote = "import octavo\nfrom pathlib import Path\nPath('clean.csv').write_text('1')\noctavo.value('wrote', 1)"
    wrote += "\nPath('more.csv').write_text('1')"
    read = "import octavo\nfrom pathlib import Path\noctavo.value('read', int(Path('clean.csv').read_text()))"
    read += "\nPath('more.csv').read_text()"
    project = tiny(
        {
            "pyproject.toml": "[tool.octavo]\ntitle = 'T'\njobs = 1\n",
            "notebooks/clean.ipynb": [wrote],
            "notebooks/fit.ipynb": [read],
            "notebooks/own.ipynb": [
                wrote.replace("clean", "own").replace("more", "others"),
                "Path('own.csv').read_text()",
            ],
            "notebooks/clean.csv": "0",
            "notebooks/more.csv": "0",
        }
    )
    told = "fit: it read notebooks/clean.csv and 1 more, which clean writes. Octavo does not run them in that order"
    said = [project.octavo("build") for _ in range(3)]
    assert [s.code for s in said] == [0, 0, 0] and all(s.err.count(told) == 1 for s in said), said
    assert "own.csv" not in said[0].err + json.dumps(project.octavo("build", "--json").out)
    project.write({"notebooks/fit.ipynb": ["import octavo\noctavo.value('read', 1)"]})
    assert told not in project.octavo("build").err
