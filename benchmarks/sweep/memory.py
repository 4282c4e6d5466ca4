"""Memory: the zygote alone, with two forked workers, and two cold kernels beside it.

It runs as ``python -m benchmarks.sweep.memory FOLDER`` and prints JSON: the PSS, in MB, of all processes of each kind
when both notebooks have done their imports, and when they have run all cells. The notebooks wait there to be looked at.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil  # comes with ipykernel

from benchmarks.sweep import measure, work

HELD = "SWEEP_HELD"  # the environment variable that names the folder where notebooks say that they wait
STAGES = ("imported", "done")
PATIENCE = 300.0  # seconds
WAIT = """\
import pathlib, time
held = pathlib.Path(os.environ["SWEEP_HELD"])
(held / f"{stage}-{{os.getpid()}}").touch()
while not (held / "{stage}").exists():
    time.sleep(0.02)"""
PROJECT = """\
[tool.octavo]
jobs = 2

[tool.octavo.sweeps.experiment]
notebook = "notebooks/experiment.ipynb"
grid = { seed = [0, 1], trim = [0.01] }
"""


def main(folder: Path) -> None:
    """Measure, and print what was found."""
    measure.adopt()
    work.write(folder / "notebooks", "octavo")
    (folder / "notebooks" / "summary.ipynb").unlink()
    (folder / "notebooks" / "experiment.ipynb").write_text(work.notebook(waiting("octavo")), encoding="utf-8")
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    forked = held(folder / "forked", lambda: building(folder))
    alone = round(sum(map(measure.proportional, alive())), 1)
    subprocess.run([program("octavo"), "stop"], check=True, stdout=subprocess.DEVNULL)
    cold = held(folder / "cold", lambda: kernels(folder / "notebooks"))
    print(json.dumps({"zygote": alone, "forked": forked, "cold": cold}))


def waiting(flavour: str) -> list[tuple[str, str]]:
    """Return the cells of the experiment, with a cell that waits behind the imports and one at the end."""
    cells = work.experiment(flavour)
    after = next(number for number, (_, text) in enumerate(cells) if work.IMPORTS in text) + 1
    imported, done = (("code", WAIT.format(stage=stage)) for stage in STAGES)
    return [*cells[:after], imported, *cells[after:], done]


def held(folder: Path, start: Callable[[], contextlib.AbstractContextManager[set[int]]]) -> dict[str, float]:
    """Start two notebooks; return the PSS of all our processes at each stage, those apart that ``start`` yields."""
    folder.mkdir()
    os.environ[HELD] = str(folder)
    found = {}
    with start() as apart:
        for stage in STAGES:
            _until(lambda: len(list(folder.glob(f"{stage}-*"))) == 2, stage)  # noqa: B023
            found[stage] = round(sum(measure.proportional(p) for p in alive() if p.pid not in apart), 1)
            (folder / stage).touch()
    return found


@contextlib.contextmanager
def building(folder: Path) -> Iterator[set[int]]:
    """Build the project in the background; yield the command's own process, which is no worker."""
    process = subprocess.Popen([program("octavo"), "build", "--quiet"], cwd=folder)
    try:
        yield {process.pid}
        if process.wait(PATIENCE):
            sys.exit("`octavo build` failed.")
    finally:
        process.kill()


@contextlib.contextmanager
def kernels(folder: Path) -> Iterator[set[int]]:
    """Start two ordinary kernels and give them the cells, without Octavo."""
    from jupyter_client.manager import KernelManager

    begun = []
    try:
        for number in range(2):
            # No open port.
            manager = KernelManager(kernel_name="python3", transport="ipc", ip=str(folder / f"k{number}"))
            begun.append(manager)
            manager.start_kernel(cwd=str(folder))
            _execute(manager, [f"{text}\nseed = {number}" for kind, text in waiting("files") if kind != "markdown"])
        yield set()
    finally:
        for manager in begun:
            manager.shutdown_kernel(now=True)


def _execute(manager: Any, cells: Sequence[str]) -> None:
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=PATIENCE)
    for cell in cells:
        client.execute(cell)  # whose answer nobody waits for: the last ones come when the notebook was looked at


def alive() -> list[psutil.Process]:
    """Return all processes that descend from this one and have not ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]


def program(name: str) -> str:
    """Return a program of this environment."""
    return str(Path(sys.executable).with_name(name))


def _until(ready: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            sys.exit(f"After {PATIENCE:.0f} s the notebooks have not come to: {what}.")
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
