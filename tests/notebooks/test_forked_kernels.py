"""A forked kernel gives what a started one gives: state by state, output by output, fault by fault."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from octavo.engine.forked import waiting
from octavo.notebooks.modules import imported_by
from octavo.notebooks.source import load
from octavo.workers import sets_variables

if TYPE_CHECKING:
    from tests.conftest import Content, Tiny

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")

# What a notebook can see of the process that it runs in. Not the same, and meant: the arguments of the command line
# (a connection file), the modules that are loaded but were not imported by the notebook, ids of processes, and what the
# standard input is (nothing, or a pipe that nobody writes to).
STATES = {
    "name": "__name__",
    "main": "__import__('__main__').__name__",
    "program": "os.path.basename(sys.argv[0])",
    "path": "sys.path",
    "python": "sys.executable",
    "flags": "sys.flags",
    "folder": "os.getcwd()",
    "umask": "(os.umask(0o22), os.umask(0o22))[0]",
    "priority": "os.nice(0)",
    "cores": "sorted(os.sched_getaffinity(0))",
    "session": "os.getsid(0) == os.getpid()",
    "environment": "sorted(k for k in os.environ if not k.startswith(('JPY_', 'OCTAVO_')))",
    "own_variable": "os.environ['MINE']",
    "interrupt": "signal.getsignal(signal.SIGINT)",
    "termination": "signal.getsignal(signal.SIGTERM)",
    "child_ended": "signal.getsignal(signal.SIGCHLD)",
    "hash": "hash('a')",
    "set_order": "list({'a', 'b', 'c', 'd', 'e'})",
    "collection": "(gc.isenabled(), gc.get_threshold())",
    "locale": "locale.getlocale()",
    "zone": "time.tzname",
    "recursion": "sys.getrecursionlimit()",
    "limits": "resource.getrlimit(resource.RLIMIT_NOFILE)",
    "shell": "type(get_ipython()).__name__",
    "excepthook": "type(sys.excepthook).__name__",
    "displayhook": "type(sys.displayhook).__name__",
    "input": "type(sys.stdin).__name__",
    "terminal": "sys.stdout.isatty()",
    "encoding": "(sys.stdout.encoding, sys.getfilesystemencoding())",
    "loop": "asyncio.get_event_loop().is_running()",
    "backend": "matplotlib.get_backend()",
    "interactive": "plt.isinteractive()",
    "settings": "sorted((k, repr(v)) for k, v in matplotlib.rcParams.items())",
    "figures": "plt.get_fignums()",
    "threads": "sorted((t['internal_api'], t['num_threads']) for t in threadpoolctl.threadpool_info())",
    "globals": "sorted(k for k in globals() if not k.startswith('_'))",
    "history": "len(In)",
    "seeded": "np.random.RandomState(1).rand()",
    "generator": "np.random.default_rng(1).random()",
}
IMPORTS = (
    "import asyncio, gc, locale, os, resource, signal, sys, time\n"
    "import matplotlib, numpy as np, threadpoolctl\nimport matplotlib.pyplot as plt\nimport octavo"
)
RANDOM = (
    "import random\nimport numpy as np\nimport tempfile, uuid\n"
    "print([random.random(), np.random.rand(), tempfile.mktemp(), uuid.uuid4().hex])"
)
AT_END = "import atexit\nfrom pathlib import Path\natexit.register(lambda: Path('../ended').write_text('yes'))"
POOL = (  # what its processes print stands in no order
    "def f(n):\n    print(f'{n}\\n', end='')\n"
    "with mp.get_context('fork').Pool(2) as p:\n    p.map(f, range(4), 1)\n"
    "if (child := os.fork()) == 0:\n    print('forked\\n', end='')\n    os._exit(0)\nos.waitpid(child, 0)[1]"
)
SHOWN = [
    "print('one')\nimport sys\nprint('two', file=sys.stderr)\n3",
    "import os\nos.system('echo from C')\n!echo from a shell",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "from IPython.display import HTML, display, clear_output\nprint('gone')\nclear_output()\ndisplay(HTML('<b>x</b>'))",
    "h = display('first', display_id=True)\nh.update('second')",
    "import asyncio\nawait asyncio.sleep(0.01)\n'awaited'",
    "%%capture kept\nprint('not shown')",
    "%precision 3\n3.14159",
    "import multiprocessing as mp\nwith mp.get_context('fork').Pool(2) as p:\n    print(p.map(abs, [-1, -2]))",
    POOL,
    "import helper\nwith mp.get_context('spawn').Pool(1) as p:\n    print(p.map(helper.twice, [4]))",
    "import importlib\nimportlib.import_module('six.moves.queue').Queue",  # by a finder that six put in its place
    "import click\nclick.secho('in red', fg='red')",
    "from threading import Thread\nt = Thread(target=print, args=['a thread'])\nt.start()\nt.join()",
    "import time\nprint('one')\ntime.sleep(0.3)\nprint(Thread().name)",
    "import pandas as pd\npd.DataFrame({'a': [1.5]})",
    "pd.DataFrame(0.5, [1, 2], range(30))",
    "import logging, distributed\nlogging.getLogger('distributed').handlers",
    "logging.getLogger('distributed').handlers[0].setFormatter(None)\n"
    "print('one')\nlogging.getLogger('distributed').warning('two')",
    "print('x' * 300_000)",
    "print('the name of a file: caf\\udce9')\n'\\udce9'",
    "raise ValueError('an end')",
]


@pytest.fixture
def both(tiny: Callable[..., Tiny]) -> Callable[..., tuple[Tiny, Tiny]]:
    """Return a maker of one project twice: with forked kernels, and with ordinary ones."""

    def make(files: Mapping[str, Content]) -> tuple[Tiny, Tiny]:
        config = "[tool.octavo]\njobs = 2\nkernels = '{}'\n"
        forked = tiny({"pyproject.toml": config.format("forked"), **files}, "a")
        return forked, tiny({"pyproject.toml": config.format("ordinary"), **files}, "b")

    return make


def outputs(project: Tiny, name: str) -> list[Any]:
    """Return the outputs of each code cell of an executed notebook."""
    cells = json.loads(project.read(f"build/notebooks/{name}.ipynb"))["cells"]
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]


def test_what_a_notebook_sees_is_the_same(
    both: Callable[..., tuple[Tiny, Tiny]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """State by state: environment, folder, signals, threads, settings, shell."""
    monkeypatch.setenv("MINE", "yes")
    probes = "\n".join(f"octavo.value('{name}', repr({code}))" for name, code in STATES.items())
    seen = []
    for project in both({"notebooks/probe.ipynb": [IMPORTS, probes, AT_END]}):
        said = project.octavo("build")
        assert said.code == 0, said.err
        assert project.read("ended") == "yes", "what was registered for the end was done"
        values = json.loads(project.read("build/results.json"))["notebooks"]["probe"][0]["record"]["values"]
        root = str(project.root)
        seen.append({name: values[name]["number"].replace(root, "ROOT") for name in STATES})
    different = {name: (seen[0][name], seen[1][name]) for name in STATES if seen[0][name] != seen[1][name]}
    assert different == {}


def test_a_module_beside_the_notebook_stands_before_a_package(tiny: Callable[..., Tiny]) -> None:
    """Another notebook imports the package of that name: the process that kernels are forked from has not loaded it."""
    project = tiny(
        {
            "pyproject.toml": '[tool.octavo.sweeps.own]\nnotebook = "lab/own.ipynb"\n',
            "lab/own.ipynb": ["import causaldata, octavo\noctavo.value('whose', causaldata.WHOSE)"],
            "lab/causaldata.py": "WHOSE = 'own'",
            "notebooks/other.ipynb": ["import causaldata, octavo\noctavo.value('path', causaldata.__name__)"],
        }
    )
    said = project.octavo("build")
    assert said.code == 0, said.err
    assert "own" in project.octavo("why", "own.whose").out


@pytest.mark.parametrize(
    ("way", "under"),
    [
        ("import sys; sys.path.insert(0, '../src')", ()),
        pytest.param("import os; os.chdir('../src')", (), marks=pytest.mark.proof),
        pytest.param("%cd -q ../src", (), marks=pytest.mark.proof),
        pytest.param("pass", ("env", "PYTHONPATH={root}/src"), marks=pytest.mark.proof),
    ],
)
def test_a_module_that_the_notebook_finds_elsewhere_stands_before_a_package(
    tiny: Callable[..., Tiny], way: str, under: tuple[str, ...]
) -> None:
    """Sources that are installed as well, or have the name of a package: the notebook has what it would have cold."""
    cells = [way, "import causaldata, octavo\noctavo.value('whose', causaldata.WHOSE)"]
    project = tiny({"notebooks/one.ipynb": cells, "src/causaldata.py": "WHOSE = 'own'"})
    under = tuple(word.format(root=project.root) for word in under)
    said = project.octavo("build", under=under)
    assert said.code == 0, said.err
    project.write({"src/causaldata.py": "WHOSE = 'own, edited'"})
    assert project.octavo("status", under=under).out.startswith("one: module src/causaldata.py changed")
    project.octavo("build", under=under)
    assert "own, edited" in project.octavo("why", "one.whose", under=under).out


def test_random_numbers_are_not_shared(tiny: Callable[..., Tiny]) -> None:
    """Points that are forked from one process draw numbers of their own, as started ones do."""
    project = tiny({f"notebooks/r{n}.ipynb": [RANDOM, f"{n}"] for n in range(3)})
    assert project.octavo("build").code == 0
    drawn = ["".join(outputs(project, f"r{n}")[0][0]["text"]) for n in range(3)]
    numbers = [text.strip("[]\n").split(", ") for text in drawn]
    assert all(len(set(column)) == 3 for column in zip(*numbers, strict=True))


DRAWING = """
from octavo.notebooks import standin
import copy, os, random
import numpy as np
class Own(random.Random):
    __hash__ = None
gone = [random.Random() for _ in range(9)][:0]
again, deliberate, long = random.Random(), random.Random(3), 122807528840384100672342137672332424406
again.seed(4)
legacy = np.random.RandomState()
legacy.seed(5)
fresh = [random.Random(), Own(), np.random.default_rng(), np.random.default_rng().spawn(1)[0], np.random.RandomState()]
fresh.append(np.random.Generator(np.random.MT19937()))
seeded = [deliberate, again, copy.deepcopy(deliberate), np.random.default_rng(long), np.random.RandomState(3), legacy]
seeded.append(np.random.default_rng([1, 2]))
standin.end()
from octavo.notebooks.pristine import other_random_numbers
assert "octavo" not in random.Random.seed.__module__ and len(standin.UNSEEDED.found) < 9
for n in range(2):
    if not (child := os.fork()):
        other_random_numbers()
        print([[draw.random() for draw in drawing] for drawing in (fresh, seeded)], flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_generators_that_packages_make_draw_numbers_of_their_own() -> None:
    """Those that were made without a seed when a package was imported, in each kernel; what has a seed keeps it."""
    done = subprocess.run([sys.executable, "-c", DRAWING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, two = map(json.loads, done.stdout.splitlines())
    assert [a == b for a, b in zip(one[0], two[0], strict=True)] == [False] * 6
    assert one[1] == two[1]


TREES = """
import inspect, numpy, octavo
from sklearn.ensemble._hist_gradient_boosting.grower import TreeGrower
(rng,) = [d for d in TreeGrower.__init__.__defaults__ if isinstance(d, numpy.random.Generator)]
octavo.value("drawn", float(rng.random()))
"""


@pytest.mark.proof
def test_points_do_not_share_the_generators_of_packages(tiny: Callable[..., Tiny]) -> None:
    """scikit-learn makes one when it is imported, which is once for all points."""
    project = tiny({f"notebooks/t{n}.ipynb": [f"{TREES}{n}"] for n in range(2)})
    said = project.octavo("build")
    assert said.code == 0, said.err
    notebooks = json.loads(project.read("build/results.json"))["notebooks"]
    assert len({notebooks[f"t{n}"][0]["record"]["values"]["drawn"]["number"] for n in range(2)}) == 2


@pytest.mark.proof
def test_what_cells_show_is_the_same(both: Callable[..., tuple[Tiny, Tiny]]) -> None:
    """Streams, figures, displays that change, magics, threads, processes, errors: the same notebook."""
    shown = []
    helper = "def twice(x):\n    return 2 * x\n"
    cells = ["from IPython.display import display", *SHOWN]
    for project in both({"notebooks/shown.ipynb": cells, "notebooks/helper.py": helper}):
        said = project.octavo("build")
        assert said.code == 3 and "Cell 23 raised ValueError: an end" in said.err, said.err
        kept = json.loads(project.read("build/notebooks/shown.failed.ipynb"))
        for cell in kept["cells"]:
            if "".join(cell["source"]) == POOL:
                cell["outputs"] = sorted(line for output in cell["outputs"] for line in output.get("text", ["result"]))
        shown.append([cell.get("outputs") for cell in kept["cells"]])
    assert shown[0] == shown[1]


def test_half_of_a_letter_is_shown_as_one_that_is_not_known(tiny: Callable[..., Tiny]) -> None:
    """No notebook can hold it (a surrogate); neither printing nor raising it ends the kernel or lets anybody wait."""
    project = tiny({"notebooks/half.ipynb": ["print('a\\ud800b')", "raise ValueError('c\\ud800d')"]})
    said = project.octavo("build")
    assert said.code == 3 and "Cell 2 raised ValueError: c\ufffdd" in said.err, said.err
    assert "a\ufffdb" in project.read("build/notebooks/half.failed.ipynb")


FORKING = {
    "leaves": "import os, sys, time\nif os.fork() == 0:\n    sys.exit(0)\ntime.sleep(0.5)",
    "raises": "import os, time\nif os.fork() == 0:\n    raise ValueError('in the child')\ntime.sleep(0.5)",
    "shows": "import os, time\nchild = os.fork()\ntime.sleep(0.5 * (child > 0))\nchild > 0",
}


def test_a_forked_process_does_not_answer_for_the_kernel(tiny: Callable[..., Tiny]) -> None:
    """It leaves, raises, or comes to the end of the cell: what is shown is the kernel's, which goes on."""
    ask = "os.getpid() == os.getsid(0)"
    project = tiny({f"notebooks/{name}.ipynb": [code, ask] for name, code in FORKING.items()})
    said = project.octavo("build")
    assert said.code == 0, said.err
    for name in FORKING:
        first, second = outputs(project, name)
        shown = [output["data"]["text/plain"] for output in first if output["output_type"] != "stream"]
        assert shown == ([["True"]] if name == "shows" else []), first
        assert [output["data"]["text/plain"] for output in second] == [["True"]]
    assert project.still_working(5) == []


LOOKING = """
import logging, sys
from octavo.notebooks import standin
from IPython import get_ipython as found
shell = get_ipython()
assert found() is shell and __IPYTHON__ and hasattr(shell, "kernel") and "IPKernelApp" in shell.config
assert type(shell).__name__ == "ZMQInteractiveShell"
try:
    shell.events.register("post_run_cell", print)
except standin.NotYet:
    print("imported again")
handler, kept = logging.StreamHandler(), sys.stdout
standin.end()
assert found() is None and "get_ipython" not in dir(__builtins__)
class Notebook:
    name = "stderr"
    def write(self, text): print("logged", text.strip())
    def flush(self): pass
sys.stderr = Notebook()
handler.handle(logging.makeLogRecord({"msg": "later"}))
print(handler, file=kept)
"""


def test_a_package_sees_a_notebook_where_it_is_imported() -> None:
    """It may look for the shell, and keep the streams that it sees: they are the notebook's when it writes to them."""
    said = subprocess.run([sys.executable, "-c", LOOKING], capture_output=True, text=True, check=False)
    assert said.stdout == "imported again\nlogged later\n<StreamHandler stderr (NOTSET)>\n", said.stderr


def test_a_package_reads_a_declared_variable_where_it_is_imported(
    tiny: Callable[..., Tiny], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that imported it with another value is of no use then: what it read would be kept as a result."""
    read = "from scipy._lib import _array_api_override as read\noctavo.value('v', repr(read.SCIPY_ARRAY_API))"
    config = "[tool.octavo.sweeps.one]\nnotebook = 'notebooks/one.ipynb'\nenvironment = ['SCIPY_ARRAY_API']\n"
    project = tiny({"pyproject.toml": config, "notebooks/one.ipynb": [f"import octavo, scipy.stats\n{read}"]})
    for value, expected in (("", "''"), ("1", "'1'")):
        monkeypatch.setenv("SCIPY_ARRAY_API", value)
        assert project.octavo("build").code == 0
        values = json.loads(project.read("build/results.json"))["notebooks"]["one"][0]["record"]["values"]
        assert values["v"]["number"] == expected


SETTING = ("import os\nos.environ['SCIPY_ARRAY_API'] = '1'", "%env SCIPY_ARRAY_API=1")


def test_a_package_reads_a_variable_that_a_cell_sets(tiny: Callable[..., Tiny]) -> None:
    """Set before the import, as the manuals of packages say it: the kernel is started, with a line that says so."""
    read = "import scipy.stats\nfrom scipy._lib import _array_api_override as read\nread.SCIPY_ARRAY_API"
    project = tiny({f"notebooks/n{n}.ipynb": [code, read] for n, code in enumerate(SETTING)})
    said = project.octavo("build")
    assert said.code == 0, said.err
    for n in range(len(SETTING)):
        assert outputs(project, f"n{n}")[1][0]["data"]["text/plain"] == ["'1'"]
    line = "its kernel was started, not forked, which takes longer: a cell, or a module beside it, sets variables of"
    assert f"n0 and 1 more: {line}" in said.out + said.err
    assert f"note         {line}" in project.octavo("why", "n0").out


@pytest.mark.parametrize(
    ("code", "sets"),
    [
        ("os.environ['A'] = b", True),
        ("for k in names:\n    os.environ[k] = '1'", True),
        ("os.environ |= {'A': '1'}", True),
        ("os.environ.pop('A')", True),
        ("environ.setdefault('A', '1')", True),
        ("os.environ['A'] == b", False),
        ("print(os.environ['A'], os.environ.get('B'))", False),
        ("%env A=1", True),
        ("%env A", False),
        ("%time\nos.environ['A'] = '1'", True),
    ],
)
def test_who_sets_variables_is_found(tiny: Callable[..., Tiny], code: str, sets: bool) -> None:
    """In its cells, with magics or without, and in the modules beside it."""
    project = tiny({"one.ipynb": [code], "two.ipynb": ["import module"], "module.py": code})
    for name in ("one", "two"):
        notebook = load(project.root / f"{name}.ipynb", name)
        assert sets_variables(notebook, imported_by(notebook)) is sets


FAULTS: dict[str, tuple[str, str]] = {
    "segfault": ("import ctypes\nctypes.string_at(0)", "It was stopped: its kernel died."),
    "exits": ("import os\nos._exit(0)", "It was stopped: its kernel died."),
    "killed": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "It was stopped: its kernel died."),
    "leaves": ("import sys\nsys.exit()", "It was stopped: it left by sys.exit() before its last cell."),
    "hangs": ("import time\ntime.sleep(600)", "It was stopped: a cell took longer than 2 s."),
    "ignores": (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "It was stopped: a cell took longer than 2 s.",
    ),
    "asks": ("input('?')", "raised StdinNotImplementedError"),
}


@pytest.mark.proof
def test_faults_end_alike_and_leave_nothing(both: Callable[..., tuple[Tiny, Tiny]]) -> None:
    """A kernel that dies, exits, hangs, ignores SIGINT or asks: a clear result each, the other points finish."""
    files: dict[str, Content] = {f"notebooks/{name}.ipynb": ["1", code, "2"] for name, (code, _) in FAULTS.items()}
    files["notebooks/children.ipynb"] = ["import subprocess\nsubprocess.Popen(['sleep', '600'])\n1"]
    files["notebooks/good.ipynb"] = ["import octavo\noctavo.value('n', 1)"]
    for project in both(files):
        config = "".join(
            f"[tool.octavo.sweeps.{name}]\nnotebook = 'notebooks/{name}.ipynb'\ntimeout = 2\n" for name in FAULTS
        )
        project.write({"pyproject.toml": project.read("pyproject.toml") + config})
        said = project.octavo("build")
        assert said.code == 3
        for name, (_, words) in FAULTS.items():
            assert re.search(f"notebooks/{name}.ipynb: .*{re.escape(words)}", said.err), (name, said.err)
        assert "ran     good" in said.err and "ran     children" in said.err
        assert project.still_working(5) == []


def test_a_killed_zygote_costs_nothing_that_runs(tiny: Callable[..., Tiny]) -> None:
    """The process that workers are forked from is killed in the middle: its workers go on, a new one takes over."""
    wait = "import time, octavo\nfrom pathlib import Path\nwhile not Path('../go').exists(): time.sleep(0.05)"
    project = tiny({"notebooks/one.ipynb": [wait], "notebooks/two.ipynb": ["import octavo\nlen(octavo.sweep('one'))"]})
    build = project.begin("build")
    try:
        end = time.monotonic() + 60
        while not project.still_working(below="notebooks") and time.monotonic() < end:
            time.sleep(0.1)
        for _, pid in waiting():
            os.kill(pid, signal.SIGKILL)
        project.write({"go": ""})
        out, err = build.communicate(timeout=60)
    finally:
        if build.poll() is None:
            os.killpg(build.pid, signal.SIGKILL)
    assert build.returncode == 0, err
    assert "2 ran" in out


def test_stop_ends_what_waits(tiny: Callable[..., Tiny]) -> None:
    """`octavo stop` ends the process that kernels are forked from; the next build starts another."""
    project = tiny({"notebooks/one.ipynb": ["import octavo\noctavo.value('n', 1)"]})
    assert project.octavo("build").code == 0
    said = project.octavo("stop")
    assert said.code == 0 and re.fullmatch(r"Stopped [1-9]\d*\.\n", said.out)
    assert project.octavo("stop").out == "Nothing waits.\n"
    project.replace("notebooks/one.ipynb", "'n', 1", "'n', 2")
    assert "1 ran" in project.octavo("build").out


def test_what_was_printed_is_there_whatever_happens_at_the_end() -> None:
    """A function for the end that raises keeps nothing else from its turn, as in an interpreter."""
    code = """
import atexit, threading
from octavo.notebooks.pristine import to_its_end
threading._register_atexit(lambda: 1 / 0)
atexit.register(print, "at the end")
to_its_end(lambda: print("said"))
"""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables)
    assert said.stdout == "said\nat the end\n"
