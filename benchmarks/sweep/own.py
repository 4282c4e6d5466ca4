"""What is measured of Octavo alone: the bound of the sweep, 10,000 points, memory, start-up."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.sweep import measure, tools, work
from benchmarks.sweep.sequence import Bench, log_of

ROOT = Path(__file__).parents[2]
TOOL = tools.octavo("octavo", "octavo", ())
OFTEN = ("bound",)  # measured in every round
MANY = 10_000
STARTS = 5  # how often each start-up is measured
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Whatever takes long to import: none of it may be there when octavo says its help, or has nothing to build.
HEAVY = (
    *("IPython", "dask", "distributed", "fsspec", "ipykernel", "jinja2", "jupyter_client", "lxml", "matplotlib"),
    *("nbclient", "nbconvert", "nbformat", "numpy", "pandas", "papermill", "pptx", "rich", "scipy", "seaborn"),
    *("sklearn", "traitlets", "typst", "zmq"),
)
IMPORTED = """\
import atexit, json, sys
sys.argv = ["octavo", *sys.argv[1:]]
from octavo.cli import main
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
main()
"""


def bound(bench: Bench) -> dict[str, object]:
    """Return what the cells take in a warm process.

    ``cells`` are the seconds of each point; ``seconds`` is their sum over the jobs, and the summary's.
    """
    work.write(bench.scratch / "bound", "files")
    said = _said(bench, "bound", bench.scratch / "bound", bench.points)
    return {"seconds": sum(said["seconds"]) / bench.jobs + said["summary"], "cells": said["seconds"]}


def many(bench: Bench) -> dict[str, object]:
    """Return what a build takes when all of many points are in the store; the first one, which publishes, is not it."""
    folder = bench.scratch / "many"
    _said(bench, "scale", folder, bench.many)
    environment, log = bench.environment(TOOL), log_of(bench, TOOL)
    stale = json.loads(_printed(["octavo", "status", "--json"], folder, environment, log))["stale"]
    if stale:  # else they would run now
        raise measure.Failed(f"The store was filled, yet {len(stale)} points would run: {next(iter(stale.items()))}")
    measure.run(["octavo", "build", "--quiet"], folder, environment, log)
    taken = measure.run(["octavo", "build", "--quiet"], folder, environment, log)
    return {"many": bench.many, "seconds": taken.seconds, "processor": taken.processor, "memory": taken.memory}


def memory(bench: Bench) -> dict[str, object]:
    """Return the PSS of the zygote alone, with two forked workers, and of two cold kernels (MB)."""
    return _said(bench, "memory", bench.scratch / "memory")


def start(bench: Bench) -> dict[str, object]:
    """Return the seconds of ``octavo --help`` and of a build with nothing to do, and the heavy modules they import."""
    folder = bench.scratch / "start"
    _said(bench, "scale", folder, 2)
    environment, log = bench.environment(TOOL), log_of(bench, TOOL)
    measure.run(["octavo", "build", "--quiet"], folder, environment, log)
    found: dict[str, object] = {}
    for name, words in (("help", ["--help"]), ("build", ["build", "--quiet"])):
        runs = [measure.run(["octavo", *words], folder, environment, log).seconds for _ in range(STARTS)]
        modules = json.loads(_printed(["python", "-c", IMPORTED, *words], folder, environment, log).splitlines()[-1])
        found[name] = {"seconds": sorted(runs)[STARTS // 2], "heavy": sorted(set(HEAVY).intersection(modules))}
    return found


ALL: Mapping[str, Callable[[Bench], dict[str, object]]] = {
    "bound": bound,
    "10,000 points": many,
    "memory": memory,
    "start-up": start,
}


def measure_own(bench: Bench, name: str, number: int) -> None:
    """Measure one of ALL, unless it was measured. Raises measure.Failed."""
    points = bench.many if name == "10,000 points" else bench.points
    if bench.rows.has("octavo", name, number, points):
        return
    for folder in ("bound", "many", "memory", "start"):
        shutil.rmtree(bench.scratch / folder, ignore_errors=True)
    found = ALL[name](bench)
    bench.rows.add("octavo", name, number, points, found)
    print(f"round {number}  {name}: {json.dumps(found)[:100]}", file=sys.stderr, flush=True)


def _said(bench: Bench, module: str, folder: Path, *words: object) -> dict[str, Any]:
    """Run a module of this package in a process of its own, one numerical thread each; return the JSON it printed."""
    environment = {**bench.environment(TOOL), **ONE_THREAD, "PYTHONPATH": str(ROOT)}
    command = ["python", "-m", f"benchmarks.sweep.{module}", str(folder), *map(str, words)]
    printed = _printed(command, bench.scratch, environment, log_of(bench, TOOL))
    found = [line for line in printed.splitlines() if line.startswith("{")]
    return dict(json.loads(found[-1])) if found else {}


def _printed(command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> str:
    """Run a command and return what it printed."""
    measure.run(command, folder, environment, log)
    return log.read_text(encoding="utf-8")
