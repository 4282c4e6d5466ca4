"""A tiny paper under `octavo serve`, and a browser's part in it."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Tiny

CONFIG = """[tool.octavo]
title = "A study"
[tool.octavo.media.column]
width = 3.35
formats = ["svg"]
[tool.octavo.paper]
source = "paper/paper.md"
bibliography = "bib/refs.bib"
"""
PAPER = """---
title: A paper
authors:
  - name: Ann Author
---

# One

We count {val}`count.n`, as @smith1986 did; see [](#fig-line).

:::{result-figure} count.line
:label: fig-line
A line.
:::

```{include} part.md
```
"""
BIB = "@article{smith1986,\n author={Smith, Ann}, title={On it}, journal={A Journal}, year={1986}\n}\n"
COUNT = (
    "import octavo\nn = 432\noctavo.value('n', n)\n"
    "octavo.figure('line', lambda fig: fig.subplots().plot([1, 2]), alt='A line that rises')"
)
FILES: dict[str, Any] = {
    "pyproject.toml": CONFIG,
    "paper/paper.md": PAPER,
    "paper/part.md": "Included words.\n",
    "bib/refs.bib": BIB,
    "notebooks/count.ipynb": [COUNT],
}
State = dict[str, Any]


@dataclass
class Preview:
    """The command at work: its process, where it is, and what it tells a browser."""

    project: Tiny
    process: subprocess.Popen[str]
    port: int
    states: queue.Queue[State] = field(default_factory=queue.Queue)
    seen: list[State] = field(default_factory=list)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def until(self, holds: Callable[[State], bool], seconds: float = 90) -> State:
        """Return the first state from now on for which something holds and nothing is at work any more."""
        end = time.monotonic() + seconds
        while True:
            state = self.states.get(timeout=max(0.1, end - time.monotonic()))
            self.seen.append(state)
            if not state["working"] and holds(state):
                return state

    def until_read(self, words: str) -> State:
        """Return the first state from now on in which some words stand in the paper's page."""
        return self.until(lambda state: words in self.page())

    def page(self) -> str:
        """Return the paper's page as it is served."""
        status, body = self.ask("/paper.html")
        assert status == 200
        return body.decode()

    def begun(self, *words: str) -> set[int]:
        """Return the command's process and all that it began, once there is one for each of some words."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pids = self._processes()
            commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
            if all(sum(word in command for command in commands) == words.count(word) for word in words):
                return pids
            time.sleep(0.05)
        raise AssertionError(commands)

    def _processes(self) -> set[int]:
        found, todo = set[int](), [self.process.pid]
        while todo:
            pid = todo.pop()
            found.add(pid)
            for thread in Path(f"/proc/{pid}/task").glob("*/children"):
                todo += map(int, thread.read_text().split())
        return found

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Send a signal as a terminal does, to the whole group; return exit code and what was printed."""
        os.killpg(self.process.pid, number)
        out, err = self.process.communicate(timeout=30)
        assert "Traceback" not in out + err, err
        return self.process.returncode, out, err

    def _listen(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/events")
        for line in connection.getresponse():
            if line.startswith(b"data: "):
                self.states.put(json.loads(line[6:]))

    def listen(self) -> Preview:
        """Begin to hear what a browser is told."""
        threading.Thread(target=self._heard, daemon=True).start()
        return self

    def _heard(self) -> None:
        try:
            self._listen()
        except OSError:  # it was ended
            return


def gone(pids: set[int], seconds: float = 10) -> set[int]:
    """Return which processes are still there after some seconds; what has ended and was not asked for is not."""

    def there(pid: int) -> bool:
        try:
            return " Z " not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
        except OSError:
            return False

    end = time.monotonic() + seconds
    while (left := {pid for pid in pids if there(pid)}) and time.monotonic() < end:
        time.sleep(0.05)
    return left


@pytest.fixture
def serve() -> Iterator[Callable[[Tiny], Preview]]:
    """Return a starter of `octavo serve` for a project; what is still at work afterwards is ended."""
    begun: list[subprocess.Popen[str]] = []

    def start(project: Tiny) -> Preview:
        process = project.begin("serve", "--port", "0")
        begun.append(process)
        assert process.stdout
        first = process.stdout.readline()
        assert first.startswith("The paper is at http://127.0.0.1:"), first
        port = int(first.split(":")[2].split("/")[0])
        return Preview(project, process, port).listen()

    yield start
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture(scope="session")
def paper_once(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The tiny paper, built once. Nobody changes it."""
    project = Tiny(tmp_path_factory.mktemp("once") / "paper").write(FILES)
    said = project.octavo("build", "paper", "--to", "pdf,html")
    assert said.code == 0, said
    return project


@pytest.fixture
def project(paper_once: Tiny, tmp_path: Path) -> Tiny:
    """A copy of the tiny paper, built."""
    return paper_once.copy(tmp_path / "project")
