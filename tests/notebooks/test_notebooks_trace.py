"""Which files a run is seen to read. The hook stays for the life of a process, so it is tried in another one."""

from __future__ import annotations

import json
import os
import py_compile
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from octavo.errors import NotebookError
from octavo.notebooks.trace import MARKS, TRACE, Traced, _loaded, _places, installed, state, traced
from octavo.notebooks.watch import Watch, find

RUN = """
import sys
from octavo.notebooks.trace import load_ipython_extension
after = []
class Events:
    def register(self, name, call): after.append(call)
class Shell:
    events = Events()
load_ipython_extension(Shell())
sys.path.insert(0, "lib")
{code}
for call in after: call(None)
"""


def reads(root: Path, code: str, marks: str = "[]") -> list[str]:
    return [p.relative_to(root).as_posix() for p in run(root, code, marks).reads]


def run(root: Path, code: str, marks: str = "[]") -> Traced:
    for name in ("lib/mine.py", "a.txt", "b.csv", "store/kept.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        if not (root / name).exists():
            (root / name).write_text("n = 1\n")
    trace = root / "trace.json"
    environment = {**os.environ, TRACE: str(trace), MARKS: marks, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", RUN.format(code=code)], cwd=root, env=environment, check=True)
    return traced(trace, root, (root / "store",), "a notebook")


def test_files_and_modules_of_the_project_are_seen(tmp_path: Path) -> None:
    """Whatever opens it in Python: open, pathlib, os.open, pandas, sqlite; imports, and imports by a computed name."""
    code = """
import os, pathlib, sqlite3, importlib
open('a.txt').close()
pathlib.Path('b.csv').read_text()
os.close(os.open('lib/mine.py', os.O_RDONLY))
sqlite3.connect('data.db').close()
importlib.import_module('mi' + 'ne')
"""
    assert reads(tmp_path, code) == ["a.txt", "b.csv", "data.db", "lib/mine.py"]


def test_what_is_no_source_is_left_out(tmp_path: Path) -> None:
    """Written files, the store and the environment's own files do not belong to the key."""
    code = """
import json, pathlib
pathlib.Path('made.txt').write_text('1')
pathlib.Path('made.txt').read_text()
open('store/kept.txt').close()
open(json.__file__).close()
"""
    assert reads(tmp_path, code) == []


def test_what_was_looked_for_and_what_was_listed_count(tmp_path: Path) -> None:
    """A file that was not there, a folder whose files were listed, a file that was read and then written."""
    code = """
import glob, os, pathlib
try: open('none.txt')
except OSError: pass
glob.glob('lib/*.py')
text = pathlib.Path('a.txt').read_text()
pathlib.Path('a.txt').write_text(text + '2')
import mine  # its folder is listed by the import, which does not count
"""
    assert reads(tmp_path, code) == ["a.txt", "lib", "lib/mine.py", "none.txt"]


def test_a_file_that_changed_meanwhile_is_told(tmp_path: Path) -> None:
    """Read, and then changed by somebody else: the run is not to be believed."""
    code = "import os\nopen('a.txt').close()\nos.utime('a.txt', ns=(1, 1))"
    with pytest.raises(NotebookError, match=r"a notebook: 'a\.txt' changed while it ran\."):
        reads(tmp_path, code)


def test_a_run_that_was_not_traced_is_not_believed(tmp_path: Path) -> None:
    """What was read is not known where nothing noted it: that is not the same as nothing."""
    with pytest.raises(NotebookError, match=r"a notebook: What it read was not noted"):
        traced(tmp_path / "none.json", tmp_path, (), "a notebook")


@pytest.mark.parametrize(
    ("library", "told"),
    [
        ("/env/lib/python3.11/site-packages/xgboost/lib/libxgboost.so", "xgboost"),
        ("/env/lib/python3.11/site-packages/single.so", "single"),
        ("/env/lib/python3.11/site-packages/xgboost/lib/libgomp-1.so.1", ""),
        ("/env/lib/python3.11/site-packages/numpy.libs/libgfortran.so", ""),
        ("/env/lib/python3.11/site-packages/numpy/core/libnpymath.so", ""),
        ("/usr/lib/libc.so.6", ""),
        ("/opt/lab/model.so", "ctypes"),
        ("libc.so.6", ""),
        (None, ""),
    ],
)
def test_a_library_that_a_package_loads_by_ctypes_may_open_files(library: str | None, told: str) -> None:
    """Packages as xgboost have no compiled module: their own library reads and writes the models and tables."""
    assert _loaded(library) == told


def test_a_library_that_was_loaded_before_a_kernel_was_forked_is_told(tmp_path: Path) -> None:
    """Whoever loaded it: the process that kernels are forked from imports such packages without a hook."""
    library = next(Path(h5py.__file__).parents[1].glob("h5py.libs/libhdf5-*"))  # a real one, in a package of its own
    package = tmp_path / "site-packages/boost"
    package.mkdir(parents=True)
    shutil.copyfile(library, package / "libboost.so")
    code = "import ctypes, sys; sys.path.insert(0, 'site-packages')\n{load}\n" + (
        "from octavo.notebooks.trace import opaque_libraries; print(opaque_libraries())"
    )
    said = []
    for load in ("", "import h5py.h5; ctypes.CDLL('site-packages/boost/libboost.so')"):
        command = [sys.executable, "-c", code.format(load=load)]
        said.append(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    assert said == ["()\n", "('boost', 'h5py')\n"]


def test_a_path_is_what_the_system_makes_of_it(tmp_path: Path) -> None:
    """Behind a link `..` leads to where the link leads; a module has the name that the project has for it."""
    (tmp_path / "disk/deep").mkdir(parents=True)
    (tmp_path / "disk/t.csv").write_text("1")
    (tmp_path / "deep").symlink_to("disk/deep")
    assert reads(tmp_path, "open('deep/../t.csv')\nopen('lib/../a.txt')") == ["a.txt", "disk/t.csv"]
    (tmp_path / "lib/work").mkdir(exist_ok=True)
    code = (
        "import os\nos.chdir('lib/work')\nsys.path.insert(0, '..')\nimport mine\nopen('../../b.csv')\nos.chdir('../..')"
    )
    assert reads(tmp_path, code) == ["b.csv", "lib/mine.py"]


def test_a_disk_that_is_mounted_for_the_user_holds_data() -> None:
    """Desktops mount disks and shares below `/run`, which is the system's otherwise."""
    places = _places(Path("/nowhere"), ())
    assert places.hold_data("/run/media") is os.path.exists("/run/media")  # noqa: PTH110
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os.path, "exists", lambda path: True)
        assert places.hold_data("/run/media/ann/disk/x.csv") and not places.hold_data("/run/lock/x")
        assert places.hold_data(f"/run/user/{os.getuid()}/gvfs/share/x.csv")


HALF = """
import os, pathlib
open('a.txt').close()
for call in after: call(None)
open('b.csv').close()
def write_half(file, text, **_):
    with open(file, 'w') as target: target.write(text[:len(text) // 2])
    {end}
pathlib.Path.write_text = write_half
for call in after: call(None)
"""


def ended_badly(root: Path, code: str) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run(root, code)


def test_who_is_killed_while_it_is_noted_leaves_what_was_noted_before(tmp_path: Path) -> None:
    """Each cell's reading is noted before its result counts, and the note is there whole, or as it was."""
    ended_badly(tmp_path, HALF.format(end="os.kill(os.getpid(), 9)"))
    found = traced(tmp_path / "trace.json", tmp_path, (tmp_path / "store",), "a notebook")
    assert found.reads == (tmp_path / "a.txt",)


def test_what_could_not_be_noted_is_not_taken_for_what_was_noted_before(tmp_path: Path) -> None:
    """On a full disk the note of the cells before is removed: it would pass for all that the run read."""
    ended_badly(tmp_path, HALF.format(end="raise OSError(28, 'No space left on device')"))
    with pytest.raises(NotebookError, match=r"a notebook: What it read was not noted"):
        traced(tmp_path / "trace.json", tmp_path, (), "a notebook")
    assert not [path for path in tmp_path.iterdir() if "trace" in path.name], "nor is a half of the new one left"


def test_a_forked_child_writes_over_nothing(tmp_path: Path) -> None:
    """One that outlives the run and ends as Python ends knows only what was read until it was forked."""
    code = """
import os
ours, theirs = os.pipe()
if not os.fork():
    os.close(theirs)
    os.read(ours, 1)  # until the run has ended
    open('b.csv').close()
    sys.exit()
open('a.txt').close()
"""
    for name in ("a.txt", "b.csv"):
        (tmp_path / name).write_text("n = 1\n")
    environment = {**os.environ, TRACE: str(tmp_path / "trace.json"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", RUN.format(code=code)]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)  # waits for the child
    assert traced(tmp_path / "trace.json", tmp_path, (), "a notebook").reads == (tmp_path / "a.txt",)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('a.txt', 'r+').read()", ["a.txt"]),
        ("os.close(os.open('a.txt', os.O_RDWR))", ["a.txt"]),
        ("open('a.txt', 'a').close()", []),
        ("open('a.txt', 'a').close(); open('a.txt').read()", ["a.txt"]),
        ("open('a.txt', 'a').close(); open('a.txt', 'w').close(); open('a.txt').read()", []),
        ("open('new.txt', 'a').close(); open('new.txt').read()", []),
        ("open('new.txt', 'x').close(); open('new.txt', 'r+').read()", []),
        ("os.truncate('a.txt', 1); open('a.txt').read()", ["a.txt"]),
        ("os.close(os.open('a.txt', os.O_RDWR | os.O_TRUNC)); open('a.txt').read()", []),
    ],
)
def test_what_was_in_a_file_counts_if_it_could_be_read(tmp_path: Path, code: str, expected: list[str]) -> None:
    """A file that is opened to read and write (numpy maps them so) is read; one that begins anew is the run's own."""
    assert reads(tmp_path, f"import os\n{code}") == expected


@pytest.mark.parametrize(
    "connect",
    [
        "pathlib.Path('lib/../data.db')",
        "'file:data.db?mode=ro', uri=True",
        "b'data.db'",
        "'file:./da%74a.db', uri=True",
    ],
)
def test_databases_are_files(tmp_path: Path, connect: str) -> None:
    """However sqlite is told where one is; one in memory is none."""
    sqlite3.connect(tmp_path / "data.db").close()
    (tmp_path / "data.db").write_bytes(b"")
    code = f"import pathlib, sqlite3\nsqlite3.connect(':memory:')\nsqlite3.connect({connect}).close()"
    assert reads(tmp_path, code) == ["data.db"]


@pytest.mark.parametrize(
    "code",
    [
        "open('t', 'w').write(open('a.txt').read()); os.replace('t', 'a.txt')",
        "open('t', 'w').close(); open('t').read(); os.remove('t'); open('a.txt')",
        "os.symlink('a.txt', 't'); open('t').read(); os.remove('t')",
        "os.mkdir('d'); os.symlink('../a.txt', 'd/t'); open('d/t').read(); shutil.rmtree('d')",
        "subprocess.run('sort a.txt > t', shell=True); open('t').read(); os.remove('t'); open('a.txt').read()",
        "open('a.txt').read(); subprocess.run('echo 9 >> a.txt', shell=True)",
    ],
)
def test_what_a_run_does_to_files_itself_is_no_change_by_others(tmp_path: Path, code: str) -> None:
    """It replaces a file that it read, removes what it made, has a program write: it is not told to run again."""
    assert "a.txt" in reads(tmp_path, f"import os, shutil, subprocess\n{code}")


def test_what_a_run_put_in_place_is_its_own(tmp_path: Path) -> None:
    """A file that was written beside and renamed is read as any that the run wrote."""
    assert reads(tmp_path, "import os\nopen('t', 'w').close(); os.replace('t', 'b.csv'); open('b.csv').read()") == []


def test_a_module_that_would_be_found_first_counts(tmp_path: Path) -> None:
    """Where the user's code looks for a module in vain, or before the place where it is, it may be one day."""
    code = """
sys.path[:0] = ['first', 'lib']
import mine
try: import extra
except ImportError: pass
import colorsys
import octavo
octavo.value
"""
    found = reads(tmp_path, code)
    assert {"first/mine.py", "first/mine/__init__.py", "first/extra.py", "lib/extra.py"} < set(found)
    assert not [name for name in found if "colorsys" in name or "octavo" in name or name == "lib/mine/__init__.py"]


@pytest.mark.parametrize("ask", ["importlib.import_module", "importlib.util.find_spec", "__import__"])
def test_a_module_that_importlib_finds_nowhere_counts(tmp_path: Path, ask: str) -> None:
    """Settings that a name chooses, a package that may be there: no statement imports them."""
    code = f"""
import importlib.util
try: {ask}('settings')
except ImportError: pass
"""
    assert {"settings.py", "settings/__init__.py"} <= set(reads(tmp_path, code))


@pytest.mark.parametrize(
    ("ask", "there", "away"),
    [
        ("os.path.exists", "b.csv", "extra.csv"),
        ("os.path.isfile", "b.csv", "extra.csv"),
        ("os.path.isdir", "lib", "more"),
        ("Path.exists", "lib", "more"),
        ("Path.is_file", "lib", "more"),
        ("Path.is_dir", "b.csv", "more"),
    ],
)
def test_whether_something_is_there_counts_where_the_code_asks(tmp_path: Path, ask: str, there: str, away: str) -> None:
    """Both answers: a result that was made while it was there is not that of when it is gone, nor the other way."""
    code = f"import os\nfrom pathlib import Path\n{ask}(Path('{there}')), {ask}(Path('{away}'))"
    found = run(tmp_path, code)
    assert [path.name for path in found.reads] == sorted([there, away]) == list(found.doubts.presence)
    assert found.doubts.changed == ()


def test_what_is_in_it_counts_where_it_is_read_too(tmp_path: Path) -> None:
    """That it is there is then told by what was read: also of a folder in which something was."""
    code = """
import os
os.path.exists('b.csv'), open('b.csv').close(), os.path.isdir('lib'), os.listdir('lib'), os.path.exists('.')
"""
    found = run(tmp_path, code)
    assert ([path.name for path in found.reads], found.doubts.presence) == (["b.csv", "lib"], ())


def test_what_a_library_opened_counts_for_what_is_in_it(tmp_path: Path) -> None:
    """It was asked for, and then opened by what Python does not hear."""
    (tmp_path / "x.txt").write_text("1")
    code = "import os, subprocess\nos.path.exists('x.txt')\nsubprocess.run(['cat', 'x.txt'])"
    watch = Watch(find(tmp_path, ()))
    watch.begin(os.getpid())
    run(tmp_path, code, json.dumps([str(tmp_path), str(tmp_path)]))
    found = traced(tmp_path / "trace.json", tmp_path, (), "a notebook", watch.end())
    assert "x.txt" in [path.name for path in found.reads] and found.doubts.presence == ()


@pytest.mark.parametrize(
    "make",
    [
        "os.makedirs('new')",
        "Path('new').mkdir()",
        "open('new', 'w').close()",
        "os.symlink('b.csv', 'new')",
        "os.link('b.csv', 'new')",
        "subprocess.run(['mkdir', 'new'])",
    ],
)
def test_what_was_not_there_and_the_run_made_is_its_own(tmp_path: Path, make: str) -> None:
    """A folder for what it writes: that it is there afterwards is no reason to run again, nor that it is gone."""
    code = f"import os, subprocess\nfrom pathlib import Path\nif not os.path.exists('new'): {make}"
    found = run(tmp_path, code)
    assert (found.reads, found.doubts.changed) == ((), ())


def test_a_folder_in_which_the_run_writes_is_its_own(tmp_path: Path) -> None:
    """Whether it was there before, or one of an earlier point's."""
    code = "import os\nif not os.path.exists('new'): os.mkdir('new')\nopen('new/made', 'w').close()"
    for found in (run(tmp_path, code), run(tmp_path, code)):
        assert (found.reads, found.doubts.changed) == ((), ())


def test_a_link_that_the_run_made_is_read_through(tmp_path: Path) -> None:
    """The link is its own, what it leads to is not."""
    assert "b.csv" in reads(tmp_path, "import os\nos.symlink('b.csv', 'new')\nopen('new').close()")


def test_what_others_put_where_nothing_was_is_in_doubt(tmp_path: Path) -> None:
    """It was asked for, and came while the run went on: the result serves this build alone."""
    assert run(tmp_path, "import os\nos.path.exists('new')\nos.mkfifo('new')").doubts.changed == ("new",)


def test_who_waits_for_a_file_until_it_is_there_is_in_no_doubt(tmp_path: Path) -> None:
    """It came while the run went on, and the run saw that: that it is there counts."""
    found = run(tmp_path, "import os\nwhile not os.path.exists('new'): os.mkfifo('new')")
    assert (found.doubts.presence, found.doubts.changed) == (("new",), ())


def test_questions_can_be_handed_to_other_processes(tmp_path: Path) -> None:
    """Pickle looks for them by name, and must find the same."""
    run(tmp_path, "import os, pickle\nassert pickle.loads(pickle.dumps(os.path.exists)) is os.path.exists")


def test_a_module_that_was_compiled_before_is_its_source(tmp_path: Path) -> None:
    """Python opens what it compiled then; it is the source that is edited."""
    run(tmp_path, "")
    py_compile.compile(str(tmp_path / "lib/mine.py"), doraise=True)
    assert reads(tmp_path, "import mine") == ["lib/mine.py"]


def test_asking_what_is_installed_reads_no_folder(tmp_path: Path) -> None:
    """The metadata of packages are looked for in all places of modules, the notebook's folder too."""
    assert reads(tmp_path, "import importlib.metadata\nimportlib.metadata.version('numpy')") == []


def test_a_folder_that_was_filled_while_the_run_went_on_is_in_doubt(tmp_path: Path) -> None:
    """What was listed is not what is there: the result serves this build alone, unless the run filled it itself."""
    found = run(tmp_path, "import os\nos.listdir('lib')\nos.utime('lib')\nos.mkfifo('lib/more')")
    assert found.doubts.changed == ("lib",)
    for own in ("open('made.txt', 'w').close()", "os.mkdir('made')"):
        assert run(tmp_path, f"import os\nos.listdir('store/..')\n{own}").doubts.changed == ()


def test_what_a_forked_child_opens_is_not_explained(tmp_path: Path) -> None:
    """Its own list of what it read is lost with it: those who watch from outside are not told that Python has it."""
    (tmp_path / "marks").mkdir()
    run(tmp_path, "")  # the files are there
    watch = Watch(find(tmp_path, ()), tmp_path / "marks")
    watch.begin(os.getpid())
    code = "import os\nopen('b.csv').close()\nif not os.fork(): open('a.txt').close(); os._exit(0)\nos.wait()"
    run(tmp_path, code, json.dumps([str(tmp_path), str(tmp_path / "marks")]))
    opened = watch.end()
    seen = {Path(path).name for path in opened.own | opened.perhaps}
    assert "a.txt" in seen and "b.csv" not in seen


def test_declared_inputs_are_those_of_the_run(tmp_path: Path) -> None:
    """They count though nothing was seen to open them, and one that is edited while the run goes on is told."""
    before = {str(tmp_path / "a.txt"): state(str(tmp_path / "a.txt"))}
    run(tmp_path, "")
    now = {str(tmp_path / "a.txt"): state(str(tmp_path / "a.txt"))}
    trace = tmp_path / "trace.json"
    assert traced(trace, tmp_path, (), "a notebook", expected=now).reads == (tmp_path / "a.txt",)
    with pytest.raises(NotebookError, match=r"'a\.txt' changed while it ran\."):
        traced(trace, tmp_path, (), "a notebook", expected=before)


def test_a_project_may_lie_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `python -m venv .` all of the project is below the environment's folder, and is no part of it."""
    assert sys.prefix in installed(str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    for root in (tmp_path, tmp_path / "project"):
        assert not any(str(root / "data.csv").startswith(f"{folder}{os.sep}") for folder in installed(str(root)))


def test_a_root_with_a_colon_is_a_root(tmp_path: Path) -> None:
    """A path may have any sign in it."""
    root = tmp_path / "a:b c"
    root.mkdir()
    assert reads(root, "open('a.txt').close()", json.dumps([str(root), str(root / "marks")])) == ["a.txt"]
