"""The key-mutation table: each ingredient of a key changed alone, on a real project.

Every row says what is changed, what `octavo status` says before, and which tasks then run: these and no others. When
the change is undone nothing runs, since all of it is in the store.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import pytest

from octavo.planning import outputs

if TYPE_CHECKING:
    from tests.conftest import Content, Tiny

CONFIG = """[tool.octavo]
title = "A study"
jobs = 1

[tool.octavo.paper]
source = "paper/paper.md"

[tool.octavo.media.column]
width = 3.35
formats = ["svg"]

[tool.octavo.sweeps.fit]
notebook = "notebooks/fit.ipynb"
grid = { a = [1, 2, 3] }
inputs = ["data/declared*.txt", "data/linked"]
environment = ["SCALE"]
timeout = 600
"""

PROJECT: dict[str, Content] = {
    "pyproject.toml": CONFIG,
    "README.md": "A study.\n",
    "data/plain.txt": "7\n",
    "data/declared.txt": "1\n",
    "data/child.txt": "3\n",
    "data/shell.txt": "4\n",
    "data/unread.txt": "0\n",
    "data/real.txt": "5\n",
    "data/other.txt": "5\n",
    "data/parts/one.txt": "1\n",
    "data/large/one.txt": "1\n",
    "data/quick": "",
    "shelf/a.txt": "1\n",
    "texts/one.md": "A text.\n",
    "notebooks/helper/__init__.py": "from .core import twice\n",
    "notebooks/helper/core.py": '"""Sums."""\n\nfrom .deep import FACTOR\n\n\ndef twice(x):\n    return FACTOR * x\n',
    "notebooks/helper/deep.py": "FACTOR = 2\n",
    "notebooks/helper/unused.py": "NOTHING = 0\n",
    "notebooks/space/part.py": "SHIFT = 0\n",
    "notebooks/late.py": "LATE = 0\n",
    "notebooks/ran.py": "ran = 0\n",
    "notebooks/executed.py": "executed = 0\n",
    "notebooks/script.py": "import beside\nprint(beside.VALUE)\n",
    "notebooks/beside.py": "VALUE = 0\n",
    "notebooks/extension.py": "def load_ipython_extension(shell):\n    shell.user_ns['extended'] = 0\n",
    "notebooks/fit.ipynb": [
        "[md] # One point",
        "[parameters] a = None",
        "import importlib\nimport os\nimport subprocess\nfrom pathlib import Path\n\nimport h5py\nimport octavo\n\n"
        "import helper\nimport space.part\n",
        "data = Path('../data')\n# what Python reads\nn = int((data / 'plain.txt').read_text())\n"
        "with h5py.File('../data/x.h5') as file:\n    n += int(file['n'][()])\n"
        "n += int((data / 'link.txt').read_text())\n",
        "n += int(subprocess.run(['cat', '../data/child.txt'], capture_output=True, text=True).stdout)",
        "shell = !cat ../data/shell.txt\nscript = !python script.py\nn += int(shell[0]) + int(script[0])",
        "%run ran.py",
        "%load_ext extension",
        "exec(open('executed.py').read())\nlate = importlib.import_module('la' + 'te')\n",
        "n += ran + extended + executed + late.LATE + space.part.SHIFT + len(list(data.glob('parts/*.txt')))\n"
        "try:\n    n += int((data / 'optional.txt').read_text())\nexcept OSError:\n    pass\n"
        "n += int(os.environ.get('SCALE', '0'))\n"
        "n += 1000 * (data / 'override.txt').exists() + 2000 * os.path.isfile('../data/quick')\n"
        "n += 4000 * (data / 'large').is_dir()\n",
        "octavo.value('x', helper.twice(a) + n)\n",
    ],
    "notebooks/all.ipynb": [
        "import octavo\nframe = octavo.sweep('fit')",
        "octavo.value('sum', int(frame['x'].sum()))\noctavo.value('points', ' '.join(map(str, frame['a'])))",
    ],
    "paper/paper.md": "---\ntitle: A title\nauthors: [Ann Other]\n---\n\n# Result\n\nWe find {val}`all.sum`.\n",
}

FIT = ("fit/a=1", "fit/a=2", "fit/a=3")
OUT = tuple(sorted(f"paper.{output}" for output in outputs("paper")))
ONWARD = ("all", *OUT)
Change = Callable[["Tiny"], object]


@dataclass(frozen=True)
class Row:
    """``said`` has the reasons that status gives, but for what waits for other tasks; ``ran`` has what runs."""

    name: str
    change: Change
    said: Mapping[str, str] = field(default_factory=dict)
    ran: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    fast: bool = False


def edit(file: str, old: str, new: str) -> Change:
    """Return a change of a text; in a notebook, of the source of its cells."""
    escaped = [json.dumps(text)[1:-1] if file.endswith(".ipynb") else text for text in (old, new)]
    return lambda project: project.replace(file, *escaped)


def write(file: str, content: Content) -> Change:
    return lambda project: project.write({file: content})


def remove(file: str) -> Change:
    return lambda project: (project.root / file).unlink()


def saved(change: Callable[[dict[str, Any]], object]) -> Change:
    """Return a change of the fit notebook as JupyterLab might save it."""

    def apply(project: Tiny) -> None:
        path = project.root / "notebooks/fit.ipynb"
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return apply


def h5(value: int) -> Change:
    def apply(project: Tiny) -> None:
        with h5py.File(project.root / "data/x.h5", "w") as file:
            file["n"] = value

    return apply


def link(target: str) -> Change:
    def apply(project: Tiny) -> None:
        path = project.root / "data/link.txt"
        path.unlink()
        path.symlink_to(target)

    return apply


def every_fit(reason: str) -> dict[str, str]:
    return dict.fromkeys(FIT, reason)


def touch_all(project: Tiny) -> None:
    for path in sources(project.root):
        os.utime(path)


def store_loses(project: Tiny) -> None:
    told = json.loads(project.octavo("why", "fit/a=2", "--json").out)
    found = project.root / told["where"] / "out/record.json"
    found.unlink()


TABLE = (
    # What can change no result.
    Row("a comment", edit("notebooks/fit.ipynb", "# what Python reads", "# what is read"), fast=True),
    Row("a comment alone in a cell", saved(lambda d: d["cells"].insert(2, code("# nothing\n")))),
    Row("Markdown", edit("notebooks/fit.ipynb", "# One point", "# A point")),
    Row("layout", edit("notebooks/fit.ipynb", "data = Path('../data')", "data  =  Path( '../data' )\n\n")),
    Row("saved outputs", saved(lambda d: d["cells"][2].update(outputs=[printed("7\n")], execution_count=3))),
    Row("the notebook's metadata", saved(lambda d: d["metadata"].update(toc={"a": 1}))),
    Row("a cell's metadata", saved(lambda d: d["cells"][3]["metadata"].update(scrolled=True, tags=["mine"]))),
    Row("cell ids", saved(lambda d: [cell.update(id=f"new-{n}") for n, cell in enumerate(d["cells"])])),
    Row("the times of all files", touch_all, fast=True),
    Row("a file that nothing reads", write("data/unread.txt", "9\n"), fast=True),
    Row("a new file that nothing reads", write("data/more.txt", "9\n")),
    Row("a module that nothing imports", edit("notebooks/helper/unused.py", "0", "1")),
    Row("a new module beside the notebooks", write("notebooks/fresh.py", "x = 1\n")),
    Row("a text beside the project", edit("README.md", "study", "work")),
    Row("a variable that is not declared", lambda p: None, variables={"UNDECLARED": "1"}),
    Row(
        "the order of keys",
        edit("pyproject.toml", 'environment = ["SCALE"]\ntimeout = 600\n', 'timeout = 600\nenvironment = ["SCALE"]\n'),
    ),
    Row("a comment in pyproject.toml", edit("pyproject.toml", "jobs = 1", "jobs = 1 # at once")),
    Row("the number of jobs", edit("pyproject.toml", "jobs = 1", "jobs = 2")),
    Row("the time limit", edit("pyproject.toml", "timeout = 600", "timeout = 500")),
    Row("the project's title", edit("pyproject.toml", "A study", "The study")),
    Row("the notebook's file name", lambda p: rename_notebook(p)),
    Row("build/ deleted", lambda p: shutil.rmtree(p.root / "build")),
    # Code.
    Row(
        "code",
        edit("notebooks/fit.ipynb", "helper.twice(a) + n", "helper.twice(a) + n + 100"),
        every_fit("code changed"),
        (*FIT, *ONWARD),
    ),
    Row(
        "a docstring in a cell",
        edit("notebooks/fit.ipynb", "octavo.value('x'", "'''said'''\noctavo.value('x'"),
        every_fit("code changed"),
        FIT,
    ),
    Row("a cell more", saved(lambda d: d["cells"].append(code("1 + 1"))), every_fit("code changed"), FIT),
    Row("two cells in another order", saved(lambda d: swap(d["cells"])), every_fit("code changed"), FIT),
    Row("a default", edit("notebooks/fit.ipynb", "a = None", "a = 9"), every_fit("code changed"), FIT),
    Row("a magic line", edit("notebooks/fit.ipynb", "%run ran.py", "%run -n ran.py"), every_fit("code changed"), FIT),
    Row("a shell line", edit("notebooks/fit.ipynb", "shell = !cat", "shell = !cat -u"), every_fit("code changed"), FIT),
    Row(
        "code of the notebook that gathers",
        edit("notebooks/all.ipynb", "frame['x'].sum()", "frame['x'].sum() * 2"),
        {"all": "code changed"},
        ONWARD,
    ),
    Row(
        "the kernel",
        saved(lambda d: d["metadata"]["kernelspec"].update(name="other")),
        every_fit("kernel changed"),
        FIT,
    ),
    # Data, as Python, a compiled library, a child process and a shell read it.
    Row(
        "data that Python reads",
        write("data/plain.txt", "57\n"),
        every_fit("data file data/plain.txt changed"),
        (*FIT, *ONWARD),
    ),
    Row(
        "data with the same meaning",
        write("data/plain.txt", "07\n"),
        every_fit("data file data/plain.txt changed"),
        FIT,
    ),
    Row("data that HDF5 reads", h5(31), every_fit("data file data/x.h5 changed"), (*FIT, *ONWARD), fast=True),
    Row(
        "data that a child process reads",
        write("data/child.txt", "03\n"),
        every_fit("data file data/child.txt changed"),
        FIT,
        fast=True,
    ),
    Row(
        "data that a shell line reads",
        write("data/shell.txt", "04\n"),
        every_fit("data file data/shell.txt changed"),
        FIT,
    ),
    Row("data behind a link", write("data/real.txt", "05\n"), every_fit("data file data/link.txt changed"), FIT),
    Row(
        "a link to other data",
        lambda p: (write("data/other.txt", "005\n")(p), link("other.txt")(p)),
        every_fit("data file data/link.txt changed"),
        FIT,
    ),
    Row("a link to the same data", link("other.txt")),
    Row(
        "a file in a folder that is listed",
        write("data/parts/two.txt", "2\n"),
        every_fit("data file data/parts changed"),
        (*FIT, *ONWARD),
    ),
    Row(
        "a file that was looked for in vain",
        write("data/optional.txt", "200\n"),
        every_fit("data file data/optional.txt is there now"),
        (*FIT, *ONWARD),
    ),
    Row(
        "a file that was asked for and was not there",
        write("data/override.txt", ""),
        every_fit("data file data/override.txt is there now"),
        (*FIT, *ONWARD),
    ),
    Row(
        "a file that was asked for goes",
        remove("data/quick"),
        every_fit("data file data/quick is gone"),
        (*FIT, *ONWARD),
        fast=True,
    ),
    Row(
        "a folder that was asked for goes",
        lambda project: shutil.rmtree(project.root / "data/large"),
        every_fit("data file data/large is gone"),
        (*FIT, *ONWARD),
    ),
    Row("what is in a file of which only was asked whether it is there", write("data/quick", "1")),
    Row("what is in such a folder", write("data/large/two.txt", "1")),
    Row("a declared input", write("data/declared.txt", "2\n"), every_fit("data file changed"), FIT),
    Row("one more declared input", write("data/declared2.txt", "2\n"), every_fit("data file changed"), FIT),
    Row(
        "a file in a linked folder of inputs", write("shelf/b.txt", "1"), every_fit("data file changed"), FIT, fast=True
    ),
    Row(
        "settings of matplotlib beside the notebooks",
        write("notebooks/matplotlibrc", "lines.linewidth: 7\n"),
        {**every_fit("data file changed"), "all": "data file changed"},
        (*FIT, "all"),
    ),
    # Modules, however they are imported.
    Row(
        "a module's comment",
        edit("notebooks/helper/core.py", "def twice(x):", "def twice(x):  # said"),
        every_fit("module changed"),
        FIT,
    ),
    Row("a package", edit("notebooks/helper/__init__.py", "twice", "twice as twice"), every_fit("module changed"), FIT),
    Row("a module at depth", edit("notebooks/helper/deep.py", "2", "3"), every_fit("module changed"), (*FIT, *ONWARD)),
    Row("a namespace package", edit("notebooks/space/part.py", "0", "1 - 1"), every_fit("module changed"), FIT),
    Row(
        "a module of a computed name",
        edit("notebooks/late.py", "0", "1 - 1"),
        every_fit("module notebooks/late.py changed"),
        FIT,
    ),
    Row(
        "a file that is executed",
        edit("notebooks/executed.py", "0", "1 - 1"),
        every_fit("module notebooks/executed.py changed"),
        FIT,
    ),
    Row("a file under %run", edit("notebooks/ran.py", "0", "1 - 1"), every_fit("module notebooks/ran.py changed"), FIT),
    Row(
        "an IPython extension",
        edit("notebooks/extension.py", "0", "1 - 1"),
        every_fit("module notebooks/extension.py changed"),
        FIT,
    ),
    Row(
        "a script in a child process",
        edit("notebooks/script.py", "VALUE", "VALUE + 0"),
        every_fit("module notebooks/script.py changed"),
        FIT,
    ),
    Row(
        "a module of that script",
        edit("notebooks/beside.py", "0", "1 - 1"),
        every_fit("module notebooks/beside.py changed"),
        FIT,
    ),
    # The environment.
    Row(
        "a declared variable",
        lambda p: None,
        every_fit("environment changed"),
        (*FIT, *ONWARD),
        {"SCALE": "1000"},
        fast=True,
    ),
    Row(
        "a package's version",
        lambda p: version(p, "2.0"),
        dict.fromkeys((*FIT, "paper.content"), "environment changed"),
        (*FIT, "all", "paper.content", *OUT),
    ),
    Row(
        "the kind of machine",
        lambda p: machine(p),
        dict.fromkeys((*FIT, "paper.content"), "environment changed"),
        (*FIT, "all", "paper.content", *OUT),
    ),
    Row(
        "a medium",
        edit("pyproject.toml", "width = 3.35", "width = 3.5"),
        dict.fromkeys(OUT, "parameter changed"),  # they scale what notebooks saved; no point runs
        OUT,
    ),
    # Points.
    Row("a point more", edit("pyproject.toml", "[1, 2, 3]", "[1, 2, 3, 4]"), {"fit/a=4": "new"}, ("fit/a=4", *ONWARD)),
    Row(
        "a point less",
        edit("pyproject.toml", "[1, 2, 3]", "[1, 2]"),
        {"all": "upstream: fit/a=3 is gone"},
        ONWARD,
        fast=True,
    ),
    Row("another point", edit("pyproject.toml", "[1, 2, 3]", "[1, 2, 5]"), {"fit/a=5": "new"}, ("fit/a=5", *ONWARD)),
    Row("points in another order", edit("pyproject.toml", "[1, 2, 3]", "[3, 2, 1]"), {"all": "sweep changed"}, ONWARD),
    Row(
        "a point excluded",
        edit("pyproject.toml", "timeout = 600", "exclude = [{ a = 2 }]"),
        {"all": "upstream: fit/a=2 is gone"},
        ONWARD,
    ),
    Row(
        "a parameter of another kind",
        edit("pyproject.toml", "[1, 2, 3]", "[1, 2, 3.0]"),
        {"fit/a=3.0": "new"},
        ("fit/a=3.0", *ONWARD),
    ),
    Row("a lost result", store_loses, {"fit/a=2": "missing output"}, ("fit/a=2",)),
    # The paper.
    Row(
        "a sentence",
        edit("paper/paper.md", "We find", "We found"),
        {"paper.content": "code changed"},
        ("paper.content", *OUT),
    ),
    Row(
        "a file beside the paper",
        write("paper/more.txt", "x"),
        {"paper.content": "code changed"},
        ("paper.content", *OUT),
    ),
    Row(
        "a text in a linked folder beside the paper",
        edit("texts/one.md", "A text", "Another text"),
        {"paper.content": "code changed"},
        ("paper.content", *OUT),
    ),
    Row("a hidden folder beside the paper", write("paper/.git/index", "x"), fast=True),
)


def code(text: str) -> dict[str, Any]:
    return {"cell_type": "code", "id": "x", "metadata": {}, "outputs": [], "execution_count": None, "source": text}


def printed(text: str) -> dict[str, str]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def swap(cells: list[Any]) -> None:
    cells[6], cells[7] = cells[7], cells[6]


def rename_notebook(project: Tiny) -> None:
    (project.root / "notebooks/fit.ipynb").rename(project.root / "notebooks/fitting.ipynb")
    project.replace("pyproject.toml", "notebooks/fit.ipynb", "notebooks/fitting.ipynb")


def version(project: Tiny, number: str) -> None:
    """Install a package that is nothing but its metadata into a folder of packages of the test's own."""
    folder = project.root.parent / "site-packages"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / f"fake-{number}.dist-info").mkdir(parents=True)


def machine(project: Tiny) -> None:
    """Have Python say that it is on another kind of machine."""
    told = "import platform\nplatform.machine = lambda: 'another'\n"
    (project.root.parent / "site-packages" / "sitecustomize.py").write_text(told)


def sources(root: Path) -> Iterator[Path]:
    every = (p for p in sorted(root.rglob("*")) if p.is_file())
    return (p for p in every if p.relative_to(root).parts[0] not in ("build", ".octavo"))


def taken(root: Path) -> dict[str, bytes | str]:
    """Return what every source holds; for a symbolic link, where it leads."""
    return {
        p.relative_to(root).as_posix(): str(p.readlink()) if p.is_symlink() else p.read_bytes() for p in sources(root)
    }


def restore(root: Path, before: Mapping[str, bytes | str]) -> None:
    """Undo whatever was done to the sources."""
    for name, now in taken(root).items():
        if before.get(name) != now:
            (root / name).unlink()
    for name, content in before.items():
        if not (root / name).is_symlink() and not (root / name).exists():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(content) if isinstance(content, bytes) else (root / name).symlink_to(content)


@dataclass(frozen=True)
class Mutable:
    """The project, the environment variables that it is built in, and its sources as they were at first."""

    project: Tiny
    variables: Mapping[str, str]
    before: Mapping[str, bytes | str]

    @contextmanager
    def surroundings(self, **more: str) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**self.variables, **more}.items():
                patch.setenv(name, value)
            yield

    def octavo(self, *arguments: str, **more: str) -> Any:
        with self.surroundings(**more):
            said = self.project.octavo(*arguments, "--json")
        assert said.code == 0, said
        return json.loads(said.out)

    def ran(self, **more: str) -> set[str]:
        tasks = self.octavo("build", **more)["tasks"]
        assert {task["status"] for task in tasks} <= {"ran", "stored"}
        return {task["name"] for task in tasks if task["status"] == "ran"}


@pytest.fixture(scope="module")
def mutable(lasting: Callable[[Mapping[str, Content]], Tiny]) -> Mutable:
    """The project, built once; every row leaves it as it was."""
    project = lasting(PROJECT)
    h5(1)(project)
    for name, target in (("data/link.txt", "real.txt"), ("data/linked", "../shelf"), ("paper/texts", "../texts")):
        (project.root / name).symlink_to(target)
    version(project, "1.0")
    kernels = project.root.parent / "share/jupyter/kernels/other"
    kernels.mkdir(parents=True)
    spec = {"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps({**spec, "display_name": "Other"}))
    variables = {
        "PYTHONPATH": str(project.root.parent / "site-packages"),
        "JUPYTER_PATH": str(project.root.parent / "share/jupyter"),
    }
    made = Mutable(project, variables, taken(project.root))
    assert made.ran() == {*FIT, "all", "paper.content", *OUT}
    assert made.ran() == set()
    return made


def check(row: Row, mutable: Mutable) -> None:
    project = mutable.project
    try:
        with mutable.surroundings():  # a change may ask octavo something
            row.change(project)
        said = mutable.octavo("status", **row.variables)["stale"]
        own = {n: why for n, why in said.items() if not why.endswith("will run")}
        assert own == {n: why for n, why in own.items() if why in row.said.values()} | dict(row.said)
        assert mutable.ran(**row.variables) == set(row.ran)
    finally:
        restore(project.root, mutable.before)
        version(project, "1.0")
        again = mutable.ran()
    assert again == set(), "undone, all of it is in the store"


@pytest.mark.parametrize("row", [row for row in TABLE if row.fast], ids=lambda row: row.name)
def test_a_change_reruns_what_depends_on_it(row: Row, mutable: Mutable) -> None:
    """A few rows of the table: what runs, and the reason that was given before."""
    check(row, mutable)


@pytest.mark.proof
@pytest.mark.parametrize("row", [row for row in TABLE if not row.fast], ids=lambda row: row.name)
def test_every_change_reruns_what_depends_on_it(row: Row, mutable: Mutable) -> None:
    """All other rows: each ingredient of the key changed alone reruns what depends on it, no more and no less."""
    check(row, mutable)


@pytest.mark.proof
def test_a_point_that_is_gone_is_in_no_summary(mutable: Mutable) -> None:
    """Removed, its result stays in the store; the summary is of the points that are there, in their order."""
    for grid, points in (("[3, 1]", "3 1"), ("[1, 2, 3]", "1 2 3")):
        mutable.project.replace("pyproject.toml", "[1, 2, 3]", grid)
        mutable.ran()
        record = json.loads(mutable.project.read("build/results.json"))["notebooks"]["all"][0]["record"]
        assert record["values"]["points"]["number"] == points
        restore(mutable.project.root, mutable.before)


def test_the_table_is_long_enough() -> None:
    """Forty kinds of change at least, each with a name of its own."""
    assert len({row.name for row in TABLE}) == len(TABLE) >= 60
