"""Which files a run is seen to read. The hook stays for the life of a process, so it is tried in another one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from octavo.errors import NotebookError
from octavo.notebooks.trace import TRACE, Traced, traced

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


def reads(root: Path, code: str) -> list[str]:
    for name in ("lib/mine.py", "a.txt", "b.csv", "store/kept.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("n = 1\n")
    trace = root / "trace.json"
    environment = {**os.environ, TRACE: str(trace), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", RUN.format(code=code)], cwd=root, env=environment, check=True)
    return [p.relative_to(root).as_posix() for p in traced(trace, root, (root / "store",), "a notebook").reads]


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
    code = "import subprocess\nopen('a.txt').close()\nsubprocess.run(['sh', '-c', 'echo 22 >> a.txt'])"
    with pytest.raises(NotebookError, match=r"a notebook: 'a\.txt' changed while it ran\."):
        reads(tmp_path, code)


def test_without_a_trace_nothing_is_claimed(tmp_path: Path) -> None:
    """A run that left no trace (its kernel died) has read nothing that is known."""
    assert traced(tmp_path / "none.json", tmp_path, (), "a notebook") == Traced()
