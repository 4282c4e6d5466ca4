"""What papermill and nbclient document, side by side with a stock run: the same notebook out, byte for byte.

Three ways: papermill as it is, papermill with kernels of the provisioner's, papermill with the engine of the build.
What `neutralise` strips (times, paths, random ids) is stripped from each.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from octavo.notebooks.neutral import neutralise

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = [
    pytest.mark.proof,
    pytest.mark.xdist_group("papermill_kept"),  # what it compares is executed once
    pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone"),
]
Cell = tuple[str, ...]  # a code cell's source, then its tags


def code(source: str, *tags: str) -> Cell:
    return (source, *tags)


WIDGET = """
import comm
MODEL = {"_model_module": "@jupyter-widgets/output", "_model_module_version": "1.0.0", "_model_name": "OutputModel"}
heard = []
out = comm.create_comm(
    target_name="jupyter.widget", comm_id="out", data={"state": {**MODEL, "outputs": [], "msg_id": ""}})
out.on_msg(lambda message: heard.append(message["content"]["data"]))
slider = comm.create_comm(target_name="jupyter.widget", comm_id="slider",
    data={"state": {"_model_module": "@jupyter-widgets/controls", "_model_module_version": "2.0.0",
                    "_model_name": "IntSliderModel", "value": 3}, "buffer_paths": [["pixels"]]}, buffers=[b"abc"])
"""
INSIDE = """
ident = get_ipython().kernel.get_parent()["header"]["msg_id"]
out.send({"method": "update", "state": {"msg_id": ident}})
print("inside the widget")
display("inside too")
out.send({"method": "update", "state": {"msg_id": ""}})
print("outside")
"""
ASYNC = """
async def count():
    for n in range(3):
        await asyncio.sleep(0)
        yield n
async def later():
    await asyncio.sleep(0)
    print("in a task")
task = asyncio.create_task(later())
"""
DEEP = """
def deep(n):
    return deep(n - 1) if n else {}["missing"]
try:
    1 / 0
except Exception:
    deep(2)
"""
IMAGES = """
import base64
from IPython.display import HTML, JSON, SVG, Image, Latex, Markdown, display
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
display(Image(base64.b64decode(PNG)), SVG("<svg xmlns='http://www.w3.org/2000/svg'/>"), HTML("<b>bold</b>"))
display(Latex("$x^2$"), Markdown("*m*"), JSON({"a": [1]}), metadata={"note": 1})
display({"application/vnd.mine+json": {"b": 2}, "text/plain": "b"}, raw=True)
"""
THREAD = "t = Thread(target=sys.stdout.write, args=['a thread\\n'])"
# For each notebook its cells, and what papermill is asked for besides.
NOTEBOOKS: dict[str, tuple[list[Cell], Mapping[str, Any]]] = {
    "tags": (
        [
            code("a = 1\nb = 'x'", "parameters"),
            code("print(a, b)", "hide-input", "mine"),
            code("1 / 0", "raises-exception"),
            code("raise SystemError('never')", "skip-execution"),
            code("# papermill_description=Description\na"),
        ],
        {"parameters": {"a": 5, "b": "é'\"", "unknown": [1, None]}, "report_mode": True},
    ),
    "untagged": ([code("print(a)")], {"parameters": {"a": {"k": [1.5, True]}}}),
    "again": (
        [code("a = 1", "parameters"), code("# Parameters\na = 2\n", "injected-parameters"), code("print(a)")],
        {"parameters": {"a": 3}},
    ),
    "images": (
        [
            code(IMAGES),
            code("%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 3])\nplt.show()\n'after'"),
            code("plt.bar([1], [2]);"),
            code("import pandas as pd\npd.DataFrame({'a': [1.5, None]})"),
            code(
                "class Both:\n    def _repr_mimebundle_(self, **_):\n        return {'text/html': '<i>i</i>'}\nBoth()"
            ),
        ],
        {},
    ),
    "changing": (
        [
            code("from IPython.display import clear_output\nhandle = display('first', display_id='one')"),
            code("display('first here too', display_id='one')\nhandle.update('second')"),
            code("print('gone')\nclear_output()\nprint('kept')\nclear_output(wait=True)\ndisplay('instead')"),
            code("print('stays')\nclear_output(wait=True)"),
            code("handle.update('third')"),
        ],
        {},
    ),
    "streams": (
        [
            code("import sys, os, logging, warnings\nprint('o1')\nprint('e1', file=sys.stderr)\nprint('o2')"),
            code("for n in range(3):\n    print(n, flush=True)\n    print(-n, file=sys.stderr, flush=True)"),
            code("warnings.warn('careful')\nlogging.warning('logged')"),
            code("print('\\r50 %\\r100 %')\nprint('a\\x1b[31mred\\x1b[0m')"),
            code("%%capture kept\nprint('not shown')"),
            code("!echo from a shell\n%precision 2\n3.14159"),
            # In one piece: stock ipykernel may send what print() writes of a line before it writes the line's end.
            code(f"from threading import Thread\n{THREAD}\nt.start()\nt.join()"),
            code("len?"),
            code("get_ipython().set_next_input('never shown')"),
        ],
        {"log_output": True, "stdout_file": True, "stderr_file": True, "progress_bar": {"mininterval": 0}},
    ),
    "long": ([code("print('x' * 200_000)\nfor n in range(20_000):\n    print(n)")], {}),
    "async": (
        [
            code("import asyncio\nawait asyncio.sleep(0.01)\n'awaited'"),
            code(ASYNC),
            code("await task"),
            code("async with asyncio.timeout(5):\n    print(await asyncio.gather(asyncio.sleep(0, 1)))"),
            code("async for n in count():\n    print(n)"),
        ],
        {},
    ),
    "widgets": ([code(WIDGET), code(INSIDE), code("heard")], {}),
    "fails": (
        [
            code("import sys\nprint('before', file=sys.stderr)"),
            code(DEEP),
            code("print('not reached')"),
        ],
        {"progress_bar": {"mininterval": 0}},
    ),
    "syntax": ([code("1 +")], {}),
    "leaves": ([code("print('bye')\nimport sys\nsys.exit(0)"), code("print('not reached')")], {}),
    "asks": ([code("input('name? ')")], {}),
    "slow": ([code("print('begun', flush=True)\nimport time\ntime.sleep(60)"), code("2")], {"execution_timeout": 1}),
    "stuck": (
        [code("import time\ntime.sleep(60)"), code("2")],
        {"execution_timeout": 1, "interrupt_on_timeout": True},
    ),
    "dies": ([code("1"), code("import os, time\ntime.sleep(0.3)\nos._exit(7)")], {}),
}
RUNNER = """
import io, json, logging, os, sys, traceback
from pathlib import Path
import papermill
way, folder, options = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
if way == "engine":
    from octavo import workers
    from octavo.notebooks import engine
    engine.register()
    kernels = workers.zygote("kernels", workers.imports(()), {**os.environ, **workers.FIXED})
for name, given in options.items():
    if (folder / f"{name}.json").exists():  # it ran before another one hung
        continue
    said, files = io.StringIO(), {k: io.StringIO() for k in ("stdout_file", "stderr_file") if given.get(k)}
    handler = logging.StreamHandler(said)
    logging.getLogger("papermill").addHandler(handler)
    logging.getLogger("papermill").setLevel(logging.INFO)
    progress, sys.stderr = sys.stderr, io.StringIO()
    if way == "engine":
        given |= {"engine_name": engine.FORKING, "forked": workers.ForkedProcess(kernels.connect())}
        given |= {"begun": lambda pid: None, "took": lambda memory: None}
    error = None
    try:
        asked = {"progress_bar": False, **given, **files}
        papermill.execute_notebook(f"{name}.ipynb", str(folder / f"{name}.ipynb"), **asked)
    except Exception as raised:
        error = [type(raised).__name__, str(raised)]
    progress, sys.stderr = sys.stderr.getvalue(), progress
    logging.getLogger("papermill").removeHandler(handler)
    told = {"error": error, "log": said.getvalue(), "progress": progress, **{k: v.getvalue() for k, v in files.items()}}
    Path("told.json").write_text(json.dumps(told))
    Path("told.json").rename(folder / f"{name}.json")
"""


def written(cells: list[Cell]) -> str:
    book = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(source, id=f"c{n}", metadata={"tags": list(tags)})
            for n, (source, *tags) in enumerate(cells)
        ],
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
    )
    return str(nbformat.writes(book))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all the notebooks, executed in each of the ways: one process each."""
    folder = tmp_path_factory.mktemp("kept")
    for name, (cells, _) in NOTEBOOKS.items():
        (folder / f"{name}.ipynb").write_text(written(cells))
    options = json.dumps({name: asked for name, (_, asked) in NOTEBOOKS.items()})
    variables = {"PYTHONHASHSEED": "0", "MINE": "yes"}
    for way in ("stock", "provisioner", "engine"):
        provisioner = "octavo" if way == "provisioner" else "local-provisioner"
        (folder / way).mkdir()
        environment = {**os.environ, **variables, "JUPYTER_DEFAULT_PROVISIONER_NAME": provisioner}
        environment.pop("PYTEST_CURRENT_TEST", None)
        said = executed([sys.executable, "-c", RUNNER, way, way, options], folder, environment, again=way != "engine")
        assert said.returncode == 0, said.stderr
    return folder


def executed(
    command: list[str], folder: Path, environment: Mapping[str, str], *, again: bool
) -> subprocess.CompletedProcess[str]:
    """Run a command; where it hangs, run it ``again``, from that notebook on: stock papermill does, at widgets.

    So it does whatever its kernels are: its client waits for a message without end, in the same place.
    """
    run = partial(subprocess.run, command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    for _ in range(4 * again):
        with suppress(subprocess.TimeoutExpired):
            return run(timeout=60)
    return run(timeout=120)


def told(folder: Path, way: str, name: str) -> dict[str, Any]:
    """Return what papermill raised, logged and showed, without times, ids of processes and the way's own name."""
    found: dict[str, Any] = json.loads((folder / way / f"{name}.json").read_text())
    text = json.dumps(found).replace(f"{way}/{name}.ipynb", "OUT")
    text = re.sub(r"\d\d:\d\d<[^\]]*|ipykernel_\d+|/tmp/[\w/]*(?=/\d+\.py)", "…", text)
    # A kernel that is slow to say that it was interrupted is interrupted again.
    text = re.sub(r"(Timeout waiting for execute reply \(1s\)\.\\\\nInterrupting kernel\\\\n)+", r"\1", text)
    return json.loads(text)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.parametrize("way", ["provisioner", "engine"])
def test_the_same_notebook_comes_out(ran: Path, way: str, name: str) -> None:
    """Tags, parameters, rich outputs, displays that change, streams, async cells, widgets, errors, timeouts, deaths."""
    found = []
    for place in ("stock", way):
        made = ran / place / f"{name}.ipynb"
        copy = ran / place / f"{name}.neutral.ipynb"
        copy.write_bytes(made.read_bytes())
        neutralise(copy, ran)
        found.append(copy.read_text())
    assert found[1] == found[0]


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.parametrize("way", ["provisioner", "engine"])
def test_papermill_says_the_same(ran: Path, way: str, name: str) -> None:
    """Errors raised, the log with outputs in it, files of the streams, the progress bar's steps and descriptions."""
    assert told(ran, way, name) == told(ran, "stock", name)


@pytest.mark.parametrize("way", ["stock", "provisioner", "engine"])
def test_widgets_and_language_are_kept(ran: Path, way: str) -> None:
    """The state of widgets (which is stripped later) and the language are in the notebook's metadata."""
    metadata = json.loads((ran / way / "widgets.ipynb").read_text())["metadata"]
    state = metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert state["slider"]["state"]["value"] == 3
    assert state["slider"]["buffers"] == [{"encoding": "base64", "path": ["pixels"], "data": "YWJj"}]
    assert [output["output_type"] for output in state["out"]["state"]["outputs"]] == ["stream", "display_data"]
    assert metadata["language_info"]["version"] == ".".join(map(str, sys.version_info[:3]))


def test_the_runs_were_what_they_say(ran: Path) -> None:
    """Nothing above is trivially true: the stock run has the outputs, the errors and the steps that it is about."""
    cells = {name: json.loads((ran / "stock" / f"{name}.ipynb").read_text())["cells"] for name in NOTEBOOKS}
    kinds = {key for cell in cells["images"] for output in cell["outputs"] for key in output.get("data", ())}
    assert {"image/png", "image/svg+xml", "text/html", "text/latex", "text/markdown", "application/json"} <= kinds
    assert "inside" not in json.dumps(cells["widgets"][1]["outputs"])
    errors = {name: (told(ran, "stock", name)["error"] or [None])[0] for name in NOTEBOOKS}
    expected = dict.fromkeys(("tags", "fails", "syntax", "asks", "stuck"), "PapermillExecutionError")
    expected |= {"slow": "CellTimeoutError", "dies": "DeadKernelError"}
    assert {name: error for name, error in errors.items() if error} == expected
    assert "Passed unknown parameter: unknown" in told(ran, "stock", "tags")["log"]
    assert "9/9" in told(ran, "stock", "streams")["progress"]
