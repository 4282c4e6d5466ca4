"""Ways of reading a file that Python's hook does not see, or that is told from writing: what each read counts."""

from __future__ import annotations

import json
import os
import py_compile
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Tiny

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what Python does not open is seen on Linux alone")
MATRIX = "%%MatrixMarket matrix array integer general\n1 1\n{}\n"

# The code of a notebook, the file that it reads, and what that holds then and later.
WAYS = {
    "forked": (
        "import concurrent.futures\n"
        "def read(path):\n    return open(path).read()\n"
        "with concurrent.futures.ProcessPoolExecutor(1) as pool:\n"
        "    x = pool.submit(read, '../data/forked.txt').result()",
        "forked.txt",
        ("1", "2"),
    ),
    "mapped": (
        "import numpy as np\nx = int(np.memmap('../data/mapped.bin', dtype='u1').sum())",
        "mapped.bin",
        ("\1", "\2"),
    ),
    "matrix": (
        "import scipy.io\nx = int(scipy.io.mmread('../data/matrix.mtx')[0, 0])",
        "matrix.mtx",
        (MATRIX.format(1), MATRIX.format(2)),
    ),
    "markup": (
        "%matplotlib inline\nfrom lxml import etree\nx = etree.parse('../data/markup.xml').getroot().text",
        "markup.xml",
        ("<a>1</a>", "<a>2</a>"),
    ),
    "helped": (
        "import sys\nsys.path.insert(0, '../src')\nimport reading\nx = reading.read('../data/helped.xml')",
        "helped.xml",
        ("<a>1</a>", "<a>2</a>"),
    ),
    "compiled": (
        "import subprocess, sys\nx = subprocess.check_output([sys.executable, 'script.py'], text=True)",
        "../notebooks/beside.py",
        ("VALUE = 1\n", "VALUE = 22\n"),
    ),
}
ATTACHED = "import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute(\"attach '../data/attached.db' as other\")\n"


def test_every_way_of_reading_counts(tiny: Callable[..., Tiny]) -> None:
    """A file is read in a forked child, mapped, by a library that is loaded late, or as what Python compiled of it."""
    files: dict[str, object] = {
        "pyproject.toml": "[tool.octavo]\n",
        "notebooks/script.py": "import beside\n\nprint(beside.VALUE)\n",
        "src/reading.py": "from lxml import etree\n\n\ndef read(path):\n    return etree.parse(path).getroot().text\n",
    }
    for name, (code, file, (then, _)) in WAYS.items():
        files[f"notebooks/{name}.ipynb"] = ["import octavo", f"{code}\noctavo.value('x', str(x))"]
        files[f"data/{file}"] = then
    read = f"{ATTACHED}octavo.value('x', len(list(db.execute('select * from other.t'))))"
    files["notebooks/attached.ipynb"] = ["import octavo", read]
    project = tiny(files)
    py_compile.compile(str(project.root / "notebooks/beside.py"), doraise=True)
    with sqlite3.connect(project.root / "data/attached.db") as database:
        database.execute("create table t (n)")
    first = project.octavo("build")
    assert first.code == 0, first.err
    assert project.octavo("status").out.startswith("All")

    for _, file, (_, later) in WAYS.values():
        (project.root / "data" / file).write_text(later)
    with sqlite3.connect(project.root / "data/attached.db") as database:
        database.execute("insert into t values (1)")
    database.close()
    stale = json.loads(project.octavo("status", "--json").out)["stale"]
    assert {*WAYS, "attached"} <= {*stale}, stale


def test_a_file_whose_name_is_no_text_counts(tiny: Callable[..., Tiny]) -> None:
    """File systems have names that are not UTF-8; a result that read one is kept, and runs anew when it changes."""
    cell = "import octavo\nwith open(b'../\\xff.txt') as file:\n    octavo.value('x', file.read())"
    project = tiny({"pyproject.toml": "[tool.octavo]\n", "notebooks/n.ipynb": [cell]})
    file = os.fsencode(project.root) + b"/\xff.txt"
    Path(os.fsdecode(file)).write_text("1")
    assert project.octavo("build").code == 0
    assert "up to date" in project.octavo("status").out
    Path(os.fsdecode(file)).write_text("22")
    assert json.loads(project.octavo("status", "--json").out)["stale"].keys() == {"n"}
    assert project.octavo("why", "n").code == 0
