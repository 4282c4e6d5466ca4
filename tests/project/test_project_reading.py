"""pyproject.toml is read strictly: what is not known, not valid or not there is told with its line and the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from octavo import project, sections
from octavo.errors import OctavoError, Problems, UsageError

SWEEP = '[tool.octavo.sweeps.fit]\nnotebook = "notebooks/fit.ipynb"\n'


def read(root: Path, text: str) -> project.Project:
    (root / "notebooks").mkdir(exist_ok=True)
    (root / "notebooks/fit.ipynb").write_text("{}")
    (root / "data").mkdir(exist_ok=True)
    (root / "data/one.csv").write_text("1")
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    return project.read(root)


def told(root: Path, text: str) -> list[str]:
    with pytest.raises(OctavoError) as caught:
        read(root, text)
    problems = caught.value.problems if isinstance(caught.value, Problems) else (caught.value,)
    assert all(isinstance(p, UsageError) and p.where.startswith("pyproject.toml:") for p in problems)
    assert caught.value.exit_code == 2
    return [str(problem) for problem in problems]


def points(root: Path, grid: str) -> list[dict[str, Any]]:
    return [dict(p) for p in read(root, f"{SWEEP}{grid}\n").sweeps[0].points]


def test_a_project_of_nothing_has_sensible_defaults(tmp_path: Path) -> None:
    """An empty section is a project: its notebooks are found, the media are there, documents are not."""
    found = read(tmp_path, "[tool.octavo]\n")
    assert [(s.name, s.points, s.declared) for s in found.sweeps] == [("fit", ({},), False)]
    assert {m.name for m in found.media} == {"column", "wide", "slide"}
    assert (found.paper, found.slides, found.jobs, found.title) == (None, None, None, tmp_path.name)
    assert found.build == tmp_path / "build" and found.accepted == tmp_path / "figures"


def test_a_path_is_known_whatever_way_leads_to_it(tmp_path: Path) -> None:
    """A notebook that is named by a detour is that notebook, and no second one of its name."""
    found = read(tmp_path, "[tool.octavo.sweeps.fit]\nnotebook = 'notebooks/../notebooks/./fit.ipynb'\n")
    assert [(s.name, s.notebook) for s in found.sweeps] == [("fit", tmp_path / "notebooks/fit.ipynb")]


def test_the_last_parameter_runs_fastest_and_kinds_are_kept(tmp_path: Path) -> None:
    """A grid is the product of its lists in declared order; numbers, texts and truths stay what they are."""
    found = points(tmp_path, 'grid = { est = ["a", "b"], seed = { count = 2 }, trim = [0.5, 1], on = [true] }')
    assert [tuple(p.values()) for p in found[:4]] == [
        ("a", 0, 0.5, True),
        ("a", 0, 1, True),
        ("a", 1, 0.5, True),
        ("a", 1, 1, True),
    ]
    assert len(found) == 8 and type(found[1]["trim"]) is int and type(found[0]["on"]) is bool


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ('{ est = "a", seed = { above = 0 } }', [("a", 0), ("b", 0), ("b", 1), ("b", 2)]),
        ("{ seed = { below = 2 } }", [("a", 2), ("b", 2)]),
        ("{ seed = { above = 0, below = 2 } }", [("a", 0), ("a", 2), ("b", 0), ("b", 2)]),
        ('{ est = ["a", "b"], seed = [0, 1] }', [("a", 2), ("b", 2)]),
        ('{ seed = 1.0 }, { est = "b" }', [("a", 0), ("a", 2)]),
    ],
)
def test_exclusions(tmp_path: Path, exclude: str, left: list[tuple[str, int]]) -> None:
    """A rule takes out the points that match all that it says: a value, one of several, a bound."""
    found = points(tmp_path, f'grid = {{ est = ["a", "b"], seed = {{ count = 3 }} }}\nexclude = [{exclude}]')
    assert [tuple(p.values()) for p in found] == left


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[tool.octavo]\ntitel = 'A'\n",
            "pyproject.toml:2: Unknown key 'titel' in [tool.octavo].\n  did you mean 'title'?",
        ),
        (
            "[tool.octavo]\n\n[tool.octavo.media.column]\nwidth = 3\nhieght = 2\n",
            "pyproject.toml:5: Unknown key 'hieght' in [tool.octavo.media.column].\n  did you mean 'height'?",
        ),
        (
            f"{SWEEP}grid = {{ seed = {{ cont = 2 }} }}\n",
            "pyproject.toml:3: Unknown key 'cont' in [tool.octavo.sweeps.fit.grid.seed].\n  did you mean 'count'?",
        ),
        (
            f"{SWEEP}grid = {{ s = [1] }}\nexclude = [{{ s = {{ abov = 2 }} }}]\n",
            "pyproject.toml:4: Unknown key 'abov' in [tool.octavo.sweeps.fit.exclude.s].\n  did you mean 'above'?",
        ),
        ("[tool.octavo]\njobs = 0\n", "pyproject.toml:2: [tool.octavo] jobs: expected a whole number >= 1."),
        ("[tool.octavo]\njobs = 'two'\n", "pyproject.toml:2: [tool.octavo] jobs: expected a whole number, not a text."),
        (
            "[tool.octavo.media.m]\nheight = 2\n",
            "pyproject.toml:1: [tool.octavo] media.m: it lacks the key 'width'.",
        ),
        (
            "[tool.octavo.sweeps.s]\nnotebook = 3\n",
            "pyproject.toml:2: [tool.octavo] sweeps.s.notebook: expected a text, not a whole number.",
        ),
        (
            "[tool.octavo]\nkernels = 'fork'\n",
            "pyproject.toml:2: [tool.octavo] kernels: there is no 'fork' here.\n"
            "  did you mean 'forked'? It is one of: forked, ordinary.",
        ),
        (
            "[tool.octavo]\ntolerances = { default = 'closed' }\n",
            "pyproject.toml:2: [tool.octavo] tolerances.default: there is no 'closed' here.\n  did you mean 'closed f",
        ),
        (
            "[tool.octavo]\non = 'node7:8786'\n",
            "pyproject.toml:2: [tool.octavo] on: this is not the address of a Dask scheduler.",
        ),
        (
            f"{SWEEP}grid = {{ s = [1], degree = 1 }}\n",
            "pyproject.toml:3: [tool.octavo] sweeps.fit.grid.degree: expected a table of keys or a list, not a whole",
        ),
        (
            f"[tool.octavo.media.poster]\nwidth = 3\nformats = ['svg', 'jpg']\n{SWEEP}grid = {{ s = [0.0] }}\n",
            "pyproject.toml:3: [tool.octavo] media.poster.formats: there is no 'jpg' here.",
        ),
        ("[tool]\noctavo = 3\n", "pyproject.toml:1: [tool.octavo]: expected a table of keys, not a whole number."),
        (
            '[tool.octavo.sweeps.s]\nnotebook = "notebooks/fti.ipynb"\n',
            "pyproject.toml:2: The notebook 'notebooks/fti.ipynb' of the sweep 's' does not exist.\n"
            "  did you mean 'notebooks/fit.ipynb'?",
        ),
        (
            '[tool.octavo.paper]\nsource = "paper/paper.md"\n',
            "pyproject.toml:2: The source 'paper/paper.md' of [tool.octavo.paper] does not exist.\n  Paths are",
        ),
        (
            "[tool.octavo.media.saved]\nwidth = 2\n",
            "pyproject.toml:2: A medium cannot be called 'saved': figures that a notebook saves are.\n  Rename it.",
        ),
        (
            '[tool.octavo.media.m]\nwidth = 2\nstyle = "no.mplstyle"\n',
            "pyproject.toml:3: The style sheet 'no.mplstyle' of the medium 'm' does not exist.",
        ),
        (
            f"{SWEEP}grid = {{ s = [1] }}\nexclude = [{{ t = 1 }}]\n",
            "pyproject.toml:4: An exclusion of the sweep 'fit' names 't', which is not in its grid.",
        ),
        (
            f"{SWEEP}grid = {{ s = [1, 2] }}\nexclude = [{{ s = 3 }}]\n",
            "pyproject.toml:4: An exclusion of the sweep 'fit' matches no point: {'s': 3}.",
        ),
        (
            f"{SWEEP}grid = {{ s = [1] }}\nexclude = [{{ s = 1 }}]\n",
            "pyproject.toml:4: The sweep 'fit' has no point left.",
        ),
        (f"{SWEEP}grid = {{ s = [] }}\n", "pyproject.toml:3: The sweep 'fit' has no point left."),
        (
            f"{SWEEP}grid = {{ s = [1, 1] }}\n",
            "pyproject.toml:3: The grid of the sweep 'fit' gives 's' the value 1 twice.",
        ),
        (
            f"{SWEEP}grid = {{ s = [1, '1'] }}\n",
            "pyproject.toml:3: The grid of the sweep 'fit' gives 's' the value 1 twice.",
        ),
        (
            f"{SWEEP}grid = {{ s = [1, inf] }}\n",
            "pyproject.toml:3: The grid of the sweep 'fit' gives 's' the value inf, which",
        ),
        (
            f"{SWEEP}inputs = ['data/*.cvs']\n",
            "pyproject.toml:3: The input 'data/*.cvs' of the sweep 'fit' names no file.",
        ),
        (
            f"{SWEEP}inputs = ['.']\n",
            "pyproject.toml:3: The input '.' of the sweep 'fit' names no file.\n  Name files or folders in the",
        ),
        (
            f"{SWEEP}inputs = ['a**']\n",
            "pyproject.toml:3: The input 'a**' of the sweep 'fit' names no file.\n  Two asterisks stand for folders",
        ),
        (
            f"{SWEEP}timeout = inf\n",
            "pyproject.toml:3: [tool.octavo] sweeps.fit.timeout: inf is not a finite number.\n  Write a number,",
        ),
        (
            "[tool.octavo.media.m]\nwidth = nan\n",
            "pyproject.toml:2: [tool.octavo] media.m.width: nan is not a finite number.",
        ),
        (
            f'{SWEEP}grid = {{ a = ["x\\u0000y"] }}\n',
            "pyproject.toml:3: The grid of the sweep 'fit' gives 'a' a text with the sign NUL in it.",
        ),
        (f"{SWEEP}inputs = ['/etc/*']\n", "pyproject.toml:3: The input '/etc/*' of the sweep 'fit' names no file."),
        (
            '[tool.octavo.sweeps.fit]\nnotebook = "notebooks/other.ipynb"\n',
            "pyproject.toml:1: The sweep 'fit' and the notebook notebooks/fit.ipynb share one name.",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    """Every fault names the line, and the nearest name where one is near."""
    (tmp_path / "notebooks").mkdir()
    if "other.ipynb" in text:
        (tmp_path / "notebooks/other.ipynb").write_text("{}")
    found = told(tmp_path, text)
    assert any(problem.startswith(expected) for problem in found), found


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """Unknown keys of all sections come together; so do files that are not there."""
    assert len(told(tmp_path, "[tool.octavo]\na = 1\nb = 2\n[tool.octavo.sweeps.s]\nnotebook = 'x'\nc = 3\n")) == 3
    assert (
        len(
            told(
                tmp_path, "[tool.octavo.paper]\nsource = 'x'\nbibliography = 'y'\n[tool.octavo.slides]\nsource = 'z'\n"
            )
        )
        == 3
    )


def test_a_folder_as_input_stands_for_its_files(tmp_path: Path) -> None:
    """`inputs` takes globs and folders; what they name is absolute and sorted."""
    found = read(tmp_path, f"{SWEEP}inputs = ['data', 'notebooks/*.ipynb']\n")
    assert found.sweeps[0].inputs == (tmp_path / "data/one.csv", tmp_path / "notebooks/fit.ipynb")


def test_inputs_are_sources_behind_links_too(tmp_path: Path) -> None:
    """A linked folder stands for its files, one that leads around in a ring for none; what was built is no input."""
    (tmp_path / "disk/raw").mkdir(parents=True)
    for name in ("disk/raw/one.json", "disk/two.json", "three.json"):
        (tmp_path / name).write_text("1")
    root = tmp_path / "project"
    for name in ("data", "build", ".octavo", "notebooks"):
        (root / name).mkdir(parents=True)
        (root / name / "own.json").write_text("1")
    (root / "data/linked").symlink_to(tmp_path / "disk")
    (root / "data/ring").symlink_to("../data")
    found = read(root, f"{SWEEP}inputs = ['data', '**/*.json']\n").sweeps[0].inputs
    assert sorted({p.relative_to(root).as_posix() for p in found}) == [
        "data/linked/raw/one.json",
        "data/linked/two.json",
        "data/one.csv",
        "data/own.json",
        "notebooks/own.json",
    ]


def test_the_nearest_project_upwards_is_found(tmp_path: Path) -> None:
    """From any folder of a project its root is found; a pyproject.toml without our section is passed by."""
    read(tmp_path, "[tool.octavo]\n")
    (tmp_path / "notebooks/deep").mkdir()
    (tmp_path / "notebooks/pyproject.toml").write_text("[project]\n")
    assert project.find_root(tmp_path / "notebooks/deep") == tmp_path


def test_the_schema_is_made_of_the_same_records() -> None:
    """The JSON schema knows every key, its type, and refuses what it does not know."""
    schema = sections.json_schema()
    section = schema["$defs"]["OctavoSection"]
    assert set(section["properties"]) == {
        *("title", "jobs", "gpus", "kernels", "store", "executor", "on", "paper", "slides", "media", "sweeps"),
        "tolerances",
        "waivers",
    }
    assert section["additionalProperties"] is False
    assert schema["$defs"]["SweepSection"]["required"] == ["notebook"]
