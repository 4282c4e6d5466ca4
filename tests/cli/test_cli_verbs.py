"""The command itself: help that teaches, exit codes, JSON of each verb, and what a terminal shows."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from octavo.cli.clean import clean
from octavo.cli.main import VERBS
from octavo.cli.progress import Counts
from octavo.engine.events import Ended, Planned, Started
from octavo.engine.store import Store
from octavo.engine.task import Outcome, Status, Task
from octavo.errors import UsageError

if TYPE_CHECKING:
    from tests.conftest import Tiny

ONE: dict[str, object] = {"notebooks/one.ipynb": ["import octavo\noctavo.value('n', 1)"]}


@pytest.mark.parametrize("verb", [v for v in VERBS if v not in ("check", "accept")])
def test_help_teaches(tiny: Callable[..., Tiny], verb: str) -> None:
    """`octavo VERB --help` says what it does and shows an example; it needs no project."""
    said = tiny({"pyproject.toml": ""}).octavo(verb, "--help")
    assert (said.code, said.err) == (0, "")
    assert re.search(rf"^  octavo {verb}( \S+)?  +\w", said.out, re.MULTILINE), said.out


def test_the_first_words_of_a_newcomer(tiny: Callable[..., Tiny]) -> None:
    """No arguments, `--help` and `--version` answer; all verbs and exit codes are named."""
    project = tiny({})
    said = project.octavo("--help")
    assert said.code == 0 and all(f"  {verb} " in said.out for verb in VERBS)
    assert "130 Ctrl-C" in said.out and "-C FOLDER" in said.out
    assert "Usage:" in (project.octavo().out + project.octavo().err)
    assert project.octavo("--version").out.startswith("octavo")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("biuld",), "There is no verb 'biuld'. Did you mean 'build'?"),
        (("store", "dv"), "There is no verb 'dv' of `octavo store`. Did you mean 'du'?"),
        (("store", "xyz"), "There is no verb 'xyz' of `octavo store`. The verbs: du, gc, verify."),
        (("xyz",), "There is no verb 'xyz'. The verbs: build, status"),
        (("build", "--jsn"), "No such option"),
        (("status", "nothing"), "There is no target 'nothing'"),
        (("-C", "nowhere", "build"), "Directory 'nowhere' does not exist."),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(
    tiny: Callable[..., Tiny], arguments: tuple[str, ...], expected: str
) -> None:
    """What cannot be meant is refused with the nearest name; nothing was begun."""
    said = tiny({}).octavo(*arguments)
    assert (said.code, said.out) == (2, "")
    assert expected in said.err


def test_json_of_each_verb_parses_and_is_alone_on_stdout(tiny: Callable[..., Tiny]) -> None:
    """`--json` prints one document and nothing else, before a build, after it, and when a build fails."""
    project = tiny(ONE)
    assert json.loads(project.octavo("status", "--json").out) == {"total": 1, "stale": {"one": "new"}}
    said = project.octavo("build", "--json")
    built = json.loads(said.out)
    assert said.err == ""
    assert built["counts"] == {"stored": 0, "ran": 1, "failed": 0, "held": 0} and built["errors"] == []
    assert built["tasks"][0]["reason"] == "new" and built["tasks"][0]["key"]
    assert project.octavo("status").out == "The one result is up to date.\n"
    assert project.octavo("build").out.startswith("Nothing to do: the one result is up to date.")
    assert project.octavo("store", "verify").out.startswith("The one result is whole: ")
    project.write({"notebooks/one.ipynb": ["1 / 0"]})
    said = project.octavo("build", "--json")
    failed = json.loads(said.out)
    assert said.code == 3 and "ZeroDivisionError" in said.err
    assert failed["errors"] == failed["tasks"][0]["errors"]
    assert failed["errors"][0]["where"] == "notebooks/one.ipynb"
    assert json.loads(project.octavo("clean", "--json").out) == {"removed": ["build"]}
    assert json.loads(project.octavo("status", "--schema").out)["$defs"]
    project.write({"pyproject.toml": "[tool.octavo]\ntitel = 1\n"})
    for verb in ("build", "status", "clean"):
        said = project.octavo(verb, "--json")
        assert said.code == 2
        assert json.loads(said.out)["errors"][0]["where"] == "pyproject.toml:2"
    said = project.octavo("build", "--json", "--jsn")
    assert said.code == 2 and "No such option" in json.loads(said.out)["errors"][0]["what"] and "Usage:" in said.err
    assert {rule["severity"] for rule in json.loads(project.octavo("check", "--rules", "--json").out)}


def test_a_terminal_that_lacks_letters(tiny: Callable[..., Tiny], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the terminal's encoding has no such letters they are escaped, so that JSON can still be read."""
    project = tiny({"notebooks/one.ipynb": ["import octavo\noctavo.value('x', 'é −3 😀')"]})
    assert project.octavo("build").code == 0
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    said = project.octavo("why", "one.x")
    assert said.code == 0 and said.out.startswith("one.x = \\u00e9 \\u22123 \\ud83d\\ude00\n")
    assert json.loads(project.octavo("why", "one.x", "--json").out)["recorded"] == "é −3 😀"


def test_from_any_folder_of_the_project(tiny: Callable[..., Tiny]) -> None:
    """The project is found from below, or named with -C."""
    project = tiny(ONE)
    for arguments, cwd in ((("status",), project.root / "notebooks"), (("-C", str(project.root), "status"), Path("/"))):
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
        )
        assert done.stdout == "one: new\n1 would run, 0 up to date.\n", done.stderr


COMMAND = [sys.executable, "-c", "from octavo.cli import main; main()"]


def test_a_terminal_shows_what_is_done_and_running(tiny: Callable[..., Tiny]) -> None:
    """On a terminal one line tells how many are done and running, and is gone at the end."""
    pty = pytest.importorskip("pty")
    project = tiny({"notebooks/one.ipynb": ["import time, octavo\ntime.sleep(1)\noctavo.value('x', 1)"]})
    master, slave = pty.openpty()
    done = subprocess.Popen([*COMMAND, "build"], cwd=project.root, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(master)
    assert done.wait() == 0
    assert b"0/1 done" in shown and b"1 running" in shown and b"1/1 done" in shown


def test_a_stopped_build_gives_the_cursor_back(tiny: Callable[..., Tiny]) -> None:
    """A signal that ends it on a terminal leaves that as it was."""
    pty = pytest.importorskip("pty")
    project = tiny({"notebooks/one.ipynb": ["import time\ntime.sleep(60)"]})
    master, slave = pty.openpty()
    terminal = {**os.environ, "TERM": "xterm"}
    done = subprocess.Popen([*COMMAND, "build"], cwd=project.root, stdout=slave, stderr=slave, env=terminal)
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # that is how the terminal ends
        while data := os.read(master, 4096):
            if b"1 running" in data and b"1 running" not in shown:
                done.terminate()
            shown += data
    os.close(master)
    assert done.wait() == 143
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h") == 1


@pytest.mark.parametrize("shell", ["{} build 2>&1 | head -1; echo ${{PIPESTATUS[0]}}", "{} build 2>&- >&-; echo $?"])
def test_a_build_that_nobody_hears_goes_on(tiny: Callable[..., Tiny], shell: str) -> None:
    """Who reads the first line only, or closed the streams, gets the build all the same."""
    project = tiny({"notebooks/one.ipynb": ["1"], "notebooks/two.ipynb": ["2"], "pyproject.toml": "[tool.octavo]\n"})
    command = shell.format(f"'{sys.executable}' -c 'from octavo.cli import main; main()'")
    done = subprocess.run(["bash", "-c", command], cwd=project.root, capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines()[-1], done.stderr) == ("0", "")
    assert "All 2 results are up to date" in project.octavo("status").out


def test_the_state_of_a_build_in_one_line() -> None:
    """Done, running, from the store, failed, held back, and how long it may still take."""
    now = iter([0.0, 30.0])
    counts = Counts(clock=lambda: next(now))
    tasks = [Task(str(n), {}, lambda folder, upstream: ()) for n in range(6)]
    counts.note(Planned(6))
    for task, status in zip(tasks, (Status.RAN, Status.RAN, Status.FAILED, Status.STORED), strict=False):
        counts.note(Started(task.name, "new"))
        counts.note(Ended(Outcome(task, status)))
    counts.note(Started("4", "new"))
    assert counts.words() == "4/6 done · 1 running · 1 from the store · 1 failed · about 20 s left"


def test_a_second_build_is_counted_anew() -> None:
    """A check that executes points again builds twice: no line counts past its total."""
    counts = Counts()
    for _ in range(2):
        counts.note(Planned(1))
        counts.note(Started("a", "new"))
        counts.note(Ended(Outcome(Task("a", {}, lambda folder, upstream: ()), Status.RAN)))
        assert counts.words() == "1/1 done · 0 running"


ENDING = """
import atexit, sys, threading, time
from octavo import cli

def late():
    time.sleep(0.3)
    print("thread", flush=True)

atexit.register(print, "registered")
threading.Thread(target=late).start()
print("command", end=" ")
cli._leave(5)
"""


def test_a_command_ends_as_python_does() -> None:
    """Threads are waited for, what is registered for the end is done, what was said is written, the code is given."""
    done = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (5, ["command", "thread", "registered"], "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no file that takes nothing")
def test_a_command_that_could_not_say_it_all_tells_so() -> None:
    """Where what it says cannot be written, the code is not that of success."""
    done = subprocess.run(
        f"'{sys.executable}' -c 'from octavo import cli; print(1); cli._leave(0)' > /dev/full",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0 and "No space left" in done.stderr


def test_a_build_may_begin_while_the_store_is_removed(
    tiny: Callable[..., Tiny], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is out of the way before its files are removed, which takes long: a build has a new one."""
    project = tiny({".octavo/store/a/b/c": "", ".octavo.removed-killed/store": ""})
    store = Store(project.root / ".octavo", project.root)
    entered, remove = [], shutil.rmtree

    def build() -> None:
        with store.in_use():
            entered.append(sorted(path.name for path in store.state.iterdir()))

    def rename(self: Path, target: Path) -> Path:
        waits.start()
        time.sleep(0.1)  # it waits for the lock by now
        return replace(self, target)

    def removing(folder: Path) -> None:
        if "removed" in folder.name:
            build()
        remove(folder)

    waits, replace = threading.Thread(target=build), Path.rename
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(shutil, "rmtree", removing)
    assert CliRunner().invoke(clean, ["--all"], obj=project.root).output == "Removed .octavo/.\n"
    waits.join(10)
    assert entered == [["lock"]] * 3 and not list(project.root.glob("*removed*"))


def test_clean_removes_nothing_where_one_of_both_is_a_link(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """It says so before it has begun, as its exit code says."""
    project = tiny({"build/paper": ""})
    (tmp_path / "elsewhere").mkdir()
    (project.root / ".octavo").symlink_to(tmp_path / "elsewhere")
    result = CliRunner().invoke(clean, ["--all"], obj=project.root)
    assert isinstance(result.exception, UsageError) and "'.octavo' is a link" in str(result.exception)
    assert (project.root / "build/paper").exists()
