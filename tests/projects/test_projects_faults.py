"""What a user does wrong, told by the real command: where, what, and the way out; never a traceback."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Content, Tiny

SWEEP = "[tool.octavo.sweeps.fit]\nnotebook = 'notebooks/fit.ipynb'\ngrid = { alpha = [1, 2] }\n"
FIT = {"notebooks/fit.ipynb": ["[parameters] alpha = 0"]}

# What is wrong, the files, the lines of the message. Nothing is run for any of them.
BEFORE_THE_RUN: list[tuple[str, dict[str, Content], list[str]]] = [
    (
        "a parameter that the notebook does not declare",
        {"pyproject.toml": SWEEP, "notebooks/fit.ipynb": ["[parameters] alfa = 0"]},
        [
            "error: pyproject.toml:3: The grid sets 'alpha', which notebooks/fit.ipynb does "
            "not declare as a parameter.",
            "  did you mean 'alfa'?",
        ],
    ),
    (
        "a notebook without a parameters cell",
        {"pyproject.toml": SWEEP, "notebooks/fit.ipynb": ["alpha = 0"]},
        [
            "error: pyproject.toml:3: The grid sets 'alpha', which notebooks/fit.ipynb does "
            "not declare as a parameter.",
            "  Give the tag 'parameters' to the cell that sets it (JupyterLab: Property Inspector, Cell Tags).",
        ],
    ),
    (
        "a notebook that is no JSON",
        {"notebooks/fit.ipynb": '{\n "cells": [\n<<<<<<< HEAD\n'},
        [
            "error: notebooks/fit.ipynb:3: This notebook is not JSON: Expecting value.",
            "  A merge may have left marks in it: mend that line, or restore the notebook from git.",
        ],
    ),
    (
        "a notebook of an old format",
        {"notebooks/fit.ipynb": '{"nbformat": 3, "worksheets": []}'},
        [
            "error: notebooks/fit.ipynb: This is not a notebook of format 4.",
            "  Open it in JupyterLab and save it again.",
        ],
    ),
    (
        "a notebook in another language",
        {
            "notebooks/fit.ipynb": '{"nbformat": 4, "nbformat_minor": 5, "cells": [], '
            '"metadata": {"kernelspec": {"language": "R"}}}'
        },
        ["error: notebooks/fit.ipynb: Its language is R; Octavo runs Python."],
    ),
    (
        "a sweep that does not exist",
        {"notebooks/fit.ipynb": ["import octavo", "octavo.sweep('fitt')"]},
        [
            "error: notebooks/fit.ipynb: It reads the sweep 'fitt', which does not exist.",
            "  did you mean 'fit'?",
        ],
    ),
    (
        "notebooks that read each other",
        {"notebooks/a.ipynb": ["octavo.sweep('b')"], "notebooks/b.ipynb": ["octavo.sweep('a')"]},
        ["error: These wait for each other: ", "  Take one octavo.sweep(…) out of one of them."],
    ),
    (
        "invalid TOML",
        {"pyproject.toml": "[tool.octavo]\ntitle =\njobs = 1\n"},
        ["error: pyproject.toml:2: This is not valid TOML: Invalid value.", "  Mend that line."],
    ),
    (
        "TOML that is not UTF-8",
        {"pyproject.toml": b"[tool.octavo]\ntitle = '\xe9'\n"},
        ["error: pyproject.toml: This file is not UTF-8 text.", "  Save it as UTF-8."],
    ),
    (
        "a folder of no project",
        {"pyproject.toml": "[project]\nname = 'x'\n"},
        ["error: No pyproject.toml with a [tool.octavo] section in", "  Go to the folder of your project"],
    ),
]


@pytest.mark.parametrize(("files", "lines"), [c[1:] for c in BEFORE_THE_RUN], ids=[c[0] for c in BEFORE_THE_RUN])
def test_what_is_wrong_before_anything_runs(
    tiny: Callable[..., Tiny], files: dict[str, Content], lines: list[str]
) -> None:
    """The message says where, what and the way out; nothing was begun."""
    project = tiny(files)
    said = project.octavo("build")
    assert said.code in (2, 3)
    told = said.err.splitlines()
    assert len(told) == len(lines), said.err
    for line, wanted in zip(told, lines, strict=True):
        assert line.startswith(wanted)
    assert said.out == "" and not (project.root / "build").exists()
    as_json = json.loads(project.octavo("status", "--json").out)
    assert as_json["errors"][0]["what"] and as_json["errors"][0]["what"] in told[0]


def test_several_faults_are_told_at_once(tiny: Callable[..., Tiny]) -> None:
    """All that is wrong with the notebooks comes in one go, each with a mark in front."""
    project = tiny(
        {
            "pyproject.toml": SWEEP,
            "notebooks/fit.ipynb": ["[parameters] alfa = 0", "octavo.sweep('nothing')"],
            "notebooks/other.ipynb": "{",
        }
    )
    said = project.octavo("build")
    assert said.code == 3
    assert [line for line in said.err.splitlines() if line.startswith("error: ")] == [
        "error: notebooks/other.ipynb:1: This notebook is not JSON: Expecting property name enclosed in double quotes.",
        "error: pyproject.toml:3: The grid sets 'alpha', which notebooks/fit.ipynb does not declare as a parameter.",
        "error: notebooks/fit.ipynb: It reads the sweep 'nothing', which does not exist.",
    ]


def test_a_notebook_that_raises(study: Tiny) -> None:
    """One point raises: its cell, line, code and words are told, the others go on, the last good outputs stay."""
    before = study.read("build/results.json"), study.read("build/notebooks/fit/a=2.ipynb")
    study.replace("notebooks/fit.ipynb", "helper.twice(a) * n", "check(helper.twice(a)) * n")
    check = "import helper\ndef check(x):\n    if x == 4:\n        raise ValueError('four\\nis too many')\n    return x"
    study.replace("notebooks/fit.ipynb", "import helper", json.dumps(check)[1:-1])
    said = study.octavo("build")
    assert said.code == 3
    assert said.err[said.err.index("error: ") :].splitlines() == [
        "error: notebooks/fit.ipynb (a=2): Cell 3 raised ValueError: four",
        "    is too many",
        "  Its code, at line 3:",
        "    # the factor",
        "    n = int(Path('../data/n.txt').read_text())",
        "    octavo.value('twice', check(helper.twice(a)) * n)",
        "  The notebook as far as it ran: build/notebooks/fit/a=2.failed.ipynb",
        "error: 4 further result(s) wait for these; what was built before is still in build/.",
    ]
    assert "held    all  (waits for fit/a=2)" in said.err
    assert "ran     fit/a=1" in said.err and "ran     fit/a=3" in said.err
    assert (study.read("build/results.json"), study.read("build/notebooks/fit/a=2.ipynb")) == before
    kept = study.read("build/notebooks/fit/a=2.failed.ipynb")
    assert "is too many" in kept and str(study.root) not in kept
    assert "fit/a=2: code changed" in study.octavo("status").out
    as_json = json.loads(study.octavo("build", "--json").out)
    assert as_json["counts"] == {"stored": 2, "ran": 0, "failed": 1, "held": 4}
    study.replace("notebooks/fit.ipynb", "x == 4", "x == 40")
    study.replace("pyproject.toml", "[1, 2, 3]", "[1, 3]")
    assert study.octavo("build").code == 0
    assert not list(study.root.glob("build/**/*.failed.ipynb")), "what failed once and is no more is not shown"


def test_what_failed_is_gone_once_it_holds_again(tiny: Callable[..., Tiny]) -> None:
    """A part is built again after a failure, from the store as well; a point may be called as such a notebook is."""
    project = tiny(
        {
            "pyproject.toml": '[tool.octavo.sweeps.s]\nnotebook = "notebooks/s.ipynb"\n'
            'grid = { m = ["x.failed", "y"] }\n',
            "notebooks/s.ipynb": ["[parameters] m = ''", "import octavo\noctavo.value('m', m)"],
        }
    )
    names = {"build/notebooks/s/m=x.failed.ipynb", "build/notebooks/s/m=y.ipynb"}
    for _ in range(2):
        assert project.octavo("build").code == 0
        assert {name for name in project.files() if name.startswith("build/notebooks")} == names
    good = project.read("notebooks/s.ipynb")
    project.replace("notebooks/s.ipynb", "octavo.value", "assert m != 'y'\\noctavo.value")
    assert project.octavo("build").code == 3
    assert (project.root / "build/notebooks/s/m=y.failed.ipynb").exists()
    project.write({"notebooks/s.ipynb": good})
    assert project.octavo("build", "s").code == 0
    assert {name for name in project.files() if name.startswith("build/notebooks")} == names


def test_points_that_fail_alike_are_told_once(tiny: Callable[..., Tiny]) -> None:
    """A fault that many points share is told in full for one, with the names of some more; JSON lists each of them.

    With `--fail-fast`, what did not depend on them is not said to wait.
    """
    project = tiny(
        {
            "pyproject.toml": "[tool.octavo]\njobs = 1\n"
            '[tool.octavo.sweeps.fit]\nnotebook = "notebooks/fit.ipynb"\ngrid = { a = { count = 8 } }\n',
            "notebooks/fit.ipynb": ["[parameters] a = 0", "1 / 0"],
        }
    )
    said = project.octavo("build", "--json")
    assert said.code == 3 and said.err.count("ZeroDivisionError") == 1, said.err
    assert said.err.splitlines()[-1] == (
        "  And the same of 7 more points: fit/a=1, fit/a=2, fit/a=3, fit/a=4, fit/a=5, …"
    )
    places = [error["where"] for error in json.loads(said.out)["errors"]]
    assert places == [f"notebooks/fit.ipynb (a={a})" for a in range(8)]
    said = project.octavo("build", "--fail-fast")
    assert said.err.splitlines()[-1] == (
        "error: 7 further result(s) were not begun; what was built before is still in build/."
    )


def test_ways_in_which_a_run_can_end(tiny: Callable[..., Tiny]) -> None:
    """Recording mistakes, a kernel that dies, one that leaves early, one that takes too long: each by its name."""
    config = "[tool.octavo.sweeps.slow]\nnotebook = 'notebooks/slow.ipynb'\ntimeout = 0.5\n"
    project = tiny(
        {
            "pyproject.toml": config,
            "notebooks/slow.ipynb": ["import time\ntime.sleep(60)"],
            "notebooks/twice.ipynb": ["import octavo", "octavo.value('att', 1)\noctavo.value('att', 2)"],
            "notebooks/nan.ipynb": ["import octavo\noctavo.value('att', float('nan'))"],
            "notebooks/syntax.ipynb": ["x = 1", "[md] Text", "x = = 1"],
            "notebooks/dies.ipynb": ["import os\nos._exit(1)"],
            "notebooks/leaves.ipynb": ["import octavo, sys", "sys.exit()", "octavo.value('late', 1)"],
            "notebooks/kernel.ipynb": '{"nbformat": 4, "nbformat_minor": 5, "cells": [], "metadata": '
            '{"kernelspec": {"name": "mine", "language": "python", "display_name": "Mine"}}}',
            "notebooks/good.ipynb": ["import octavo\noctavo.value('att', 1)"],
        }
    )
    said = project.octavo("build")
    assert said.code == 3
    for text in (
        "notebooks/slow.ipynb: It was stopped: a cell took longer than",
        "notebooks/twice.ipynb: Cell 2 raised NotebookError: This run already recorded 'att'.\n"
        "      A name stands for one result: choose another, or record it once.\n  Its code, at line 2:\n",
        "notebooks/nan.ipynb: Cell 1 raised NotebookError: The value 'att' is nan, not a finite number.",
        "notebooks/syntax.ipynb: Cell 2 raised SyntaxError: invalid syntax",
        "notebooks/dies.ipynb: It was stopped: its kernel died.",
        "notebooks/leaves.ipynb: It was stopped: it left by sys.exit() before its last cell.",
        "notebooks/kernel.ipynb: Its kernel 'mine' is not installed.",
    ):
        assert text in said.err
    assert "ran     good" in said.err and (project.root / "build/notebooks/good.ipynb").exists()
    assert said.err.count("error: ") == 7


def test_a_disk_that_takes_no_more(tiny: Callable[..., Tiny]) -> None:
    """No file can grow (a full disk, a quota): one message, nothing half written is believed, then it is made."""
    project = tiny({"notebooks/one.ipynb": ["import octavo\nprint('much ' * 9000)\noctavo.value('n', 1)"]})

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    said = project.octavo("build", preexec_fn=full)
    assert said.code == 3
    assert said.err[said.err.index("error: ") :].splitlines() == [
        "error: The disk takes no more: File too large.",
        "  Free some space and run the same command again.",
    ]
    assert project.octavo("status").out.startswith("one: new")
    assert project.octavo("build").code == 0


def test_a_build_folder_that_cannot_be_written(study: Tiny) -> None:
    """Something in the way of build/: one message, and the store stays good."""
    shutil.rmtree(study.root / "build")
    study.write({"build": "mine"})
    said = study.octavo("build")
    assert (said.code, said.out) == (3, "")
    assert said.err.startswith(f"error: {study.root}/build")
    assert said.err.endswith(": A file stands where a folder must be.\n  Move it away and run again.\n")
    (study.root / "build").unlink()
    assert study.octavo("build").out.startswith("Nothing to do")


def test_a_folder_in_the_place_of_a_file(study: Tiny) -> None:
    """A folder stands where a file of build/ belongs: it is named. Where one was that is made no more, it stays."""
    (study.root / "build/notebooks/all.ipynb").unlink()
    (study.root / "build/notebooks/all.ipynb").mkdir()
    said = study.octavo("build")
    there = f"{study.root}/build/notebooks/all.ipynb"
    assert (said.code, said.err) == (
        3,
        f"error: {there}: A folder stands where a file must be.\n  Move it away and run again.\n",
    )
    (study.root / "build/notebooks/all.ipynb").rmdir()
    study.replace("pyproject.toml", "a = [1, 2, 3]", "a = [1]")
    (study.root / "build/notebooks/fit/a=2.ipynb").unlink()
    (study.root / "build/notebooks/fit/a=2.ipynb").mkdir()
    assert study.octavo("build").code == 0
    assert (study.root / "build/notebooks/fit/a=2.ipynb").is_dir()


def test_a_build_folder_that_is_read_only(study: Tiny) -> None:
    """A new number, and build/ takes no writes, not even root's: one message, the last good outputs stay."""
    mount = ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*mount, "true"], capture_output=True).returncode:
        pytest.skip("the kernel lets nobody mount a folder read-only for themselves (unshare --user --mount)")
    before = (study.root / "build/results.json").read_bytes()
    study.replace("notebooks/helper.py", "2 * x", "3 * x")
    bind = 'mount --bind build build && mount -o remount,bind,ro build && exec "$@"'
    said = study.octavo("build", under=(*mount, "sh", "-c", bind, "sh"))
    assert (said.code, said.out) == (3, "")
    assert said.err.endswith(": This cannot be written to.\n  Make the folder writable and run again.\n")
    assert said.err.count("error: ") == 1
    assert (study.root / "build/results.json").read_bytes() == before
    said = study.octavo("build")
    assert said.code == 0 and " ran" not in said.out, "what was run is in the store: it is only published now"
    assert (study.root / "build/results.json").read_bytes() != before


@pytest.mark.parametrize(
    ("target", "hint"),
    [("paperr", "did you mean 'paper'?"), ("fitt", "did you mean 'fit'?"), ("fit/a=9", "'a' is one of 1, 2, 3.")],
)
def test_an_unknown_target_offers_the_nearest(study: Tiny, target: str, hint: str) -> None:
    """A target that does not exist is refused, with the nearest name, before anything runs."""
    said = study.octavo("build", target)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"error: There is no target '{target}'.\n  {hint}\n")


SLOW = "import time, octavo\nfrom pathlib import Path\nn = int(Path('../data/n.txt').read_text())"
WAIT = "while not Path('../go').exists():\n    time.sleep(0.05)\noctavo.value('n', n)"


def edited_while_it_runs(project: Tiny, edit: Callable[[], object]) -> tuple[int, str]:
    """Build, edit when the notebook waits, let it go on; return the exit code and the errors."""
    build = project.begin("build", "--json")
    end = time.monotonic() + 60
    while not (project.root / "begun").exists() and time.monotonic() < end:
        time.sleep(0.05)
    edit()
    project.write({"go": ""})
    _, err = build.communicate(timeout=60)
    assert build.returncode is not None
    return build.returncode, err


def test_a_file_that_changes_while_it_is_used(tiny: Callable[..., Tiny]) -> None:
    """What the run read is not what the file holds now: the result is not kept, and the next build makes it."""
    cells = [SLOW, "Path('../begun').touch()\n" + WAIT]
    project = tiny({"data/n.txt": "1", "notebooks/slow.ipynb": cells})
    code, err = edited_while_it_runs(project, lambda: project.write({"data/n.txt": "22"}))
    assert code == 3
    assert "notebooks/slow.ipynb: 'data/n.txt' changed while it ran.\n  Run the same command again." in err
    assert project.octavo("build").code == 0
    assert '"number": 22' in project.read("build/results.json")


def test_a_notebook_that_is_edited_before_its_turn(tiny: Callable[..., Tiny]) -> None:
    """Edited after the build began and before it ran: it does not run under the key of the older code."""
    cells = [
        "import time\nfrom pathlib import Path\nPath('../begun').touch()",
        WAIT.replace("octavo.value('n', n)", "1"),
    ]
    later = ["import octavo\nlen(octavo.sweep('slow'))", "octavo.value('n', 1)"]
    project = tiny({"notebooks/slow.ipynb": cells, "notebooks/later.ipynb": later})
    edit = lambda: project.replace("notebooks/later.ipynb", "'n', 1", "'n', 2")  # noqa: E731
    code, err = edited_while_it_runs(project, edit)
    assert code == 3 and "notebooks/later.ipynb: Its code was changed while the build was at work." in err
    assert project.octavo("build").code == 0
    assert '"number": 2' in project.read("build/results.json")


def test_files_that_come_and_folders_that_grow(tiny: Callable[..., Tiny]) -> None:
    """A file that was looked for in vain, and a folder that was listed, count: when they change, it runs again."""
    code = (
        "import octavo\nfrom pathlib import Path\ntry:\n    extra = int(open('../extra.txt').read())\n"
        "except FileNotFoundError:\n    extra = 0\noctavo.value('n', extra + len(list(Path('../data').glob('*.txt'))))"
    )
    project = tiny({"data/a.txt": "", "notebooks/one.ipynb": [code]})
    assert project.octavo("build").code == 0
    assert project.octavo("status").out == "The one result is up to date.\n"
    project.write({"data/b.txt": ""})
    assert project.octavo("status").out.startswith("one: data file data changed\n")
    assert project.octavo("build").code == 0 and '"number": 2' in project.read("build/results.json")
    project.write({"extra.txt": "10"})
    assert project.octavo("status").out.startswith("one: data file extra.txt is there now\n")
    assert project.octavo("build").code == 0 and '"number": 12' in project.read("build/results.json")


def test_a_module_of_the_user_is_read_anew(tiny: Callable[..., Tiny], monkeypatch: pytest.MonkeyPatch) -> None:
    """A module outside the project that the user edits is no part of the process that kernels are forked from."""
    project = tiny(
        {"lib/ours.py": "X = 1\n", "study/notebooks/one.ipynb": ["import octavo, ours\noctavo.value('n', ours.X)"]}
    )
    study = inner(project, "study")
    monkeypatch.setenv("PYTHONPATH", f"{project.root / 'lib'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    assert study.octavo("build").code == 0
    project.write({"lib/ours.py": "X = 22\n"})
    assert study.octavo("build").code == 0
    assert '"number": 22' in study.read("build/results.json")


def inner(project: Tiny, folder: str) -> Tiny:
    """Return a project in a folder of another."""
    inner = type(project)(project.root / folder)
    return inner.write({"pyproject.toml": "[tool.octavo]\n"})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"notebooks/paper.ipynb": ["1"]},
            "notebooks/paper.ipynb: 'paper' cannot name a notebook: Octavo's own outputs",
        ),
        ({"notebooks/my.nb.ipynb": ["1"]}, "notebooks/my.nb.ipynb: 'my.nb' cannot name a notebook: results are quoted"),
        (
            {**FIT, "pyproject.toml": SWEEP.replace("fit]", '"../evil"]')},
            "'../evil' cannot be a name in [tool.octavo.sweeps].\n  Use letters, digits, - and _",
        ),
        (
            {
                "pyproject.toml": SWEEP.replace("alpha = [1, 2]", 'a = ["x","x,b=1"], b = ["1,b=2","2"]'),
                "notebooks/fit.ipynb": ["[parameters] a = b = 0"],
            },
            "'fit/a=x,b=1,b=2' stands for two points.",
        ),
        ({f"notebooks/{'n' * 240}.ipynb": ["1"]}, "is too long for the name of a file.\n  Rename it: less"),
        ({"notebooks/a.ipynb": '{"nbformat": 4, "cells": ["x"]}'}, "This is not a notebook of format 4."),
        ({"notebooks/a.ipynb": '{"nbformat": 4, "cells": [], "metadata": {"kernelspec": null}}'}, "not a notebook"),
    ],
)
def test_names_and_shapes_that_cannot_be(tiny: Callable[..., Tiny], files: dict[str, Content], said: str) -> None:
    """Names that results could not be known by, and files that are no notebooks, are refused before anything runs."""
    done = tiny(files).octavo("build")
    assert done.code in (2, 3) and said in done.err, done.err


def test_a_notebook_that_names_no_kernel_and_one_too_deep(tiny: Callable[..., Tiny]) -> None:
    """Both are legal: the first runs in Python, the second is known by its text."""
    bare = '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "id": "a", '
    bare += (
        '"metadata": {}, "execution_count": null, "outputs": [], "source": "import octavo\\noctavo.value(\'n\', 1)"}]}'
    )
    deep = "+".join(["1"] * 3000)
    project = tiny({"notebooks/bare.ipynb": bare, "notebooks/deep.ipynb": [f"n = eval('{deep}')", "m = " + deep]})
    said = project.octavo("build", "bare")
    assert (said.code, "ran     bare" in said.err) == (0, True)
    assert project.octavo("status").code == 0
