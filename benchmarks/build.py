"""Time the study's builds, and beside them the same sweep with GNU make and papermill.

Run it from the root of the repository: ``python -m benchmarks.build``. Seconds depend on the machine and on what else
it does; ratios within one run say more.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from octavo import project
from octavo.planning import cores, point_name

ROOT = Path(__file__).parents[1]
OCTAVO = (sys.executable, "-c", "from octavo.cli import main; main()")
PAPERMILL = (sys.executable, "-m", "papermill")
SENTENCE = "\n\nOne more sentence.\n"
CAPS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


@dataclass(frozen=True)
class Timing:
    """One build: from start to end, and what its tasks took, by kind (they run side by side)."""

    name: str
    seconds: float
    ran: int = 0
    kinds: Mapping[str, float] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> None:
    """Time what the command line asks for and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build", description=__doc__)
    parser.add_argument("--sweep-points", type=_count, default=12, metavar="N", help="points of the comparison (12)")
    parser.add_argument("--sweep", default="estimate", metavar="NAME", help="the sweep of the comparison (estimate)")
    parser.add_argument("--repeat", type=_count, default=3, metavar="N", help="how often the comparison is made (3)")
    parser.add_argument("--skip-study", action="store_true", help="only the comparison with make and papermill")
    parser.add_argument("--root", type=Path, default=ROOT, metavar="FOLDER", help="another project to time")
    options = parser.parse_args(arguments)
    print(f"{cores()} cores. Everything happens in a copy.")
    with tempfile.TemporaryDirectory(prefix="octavo-bench-") as folder:
        if not options.skip_study:
            print(study_table(time_study(copy_tree(options.root, Path(folder) / "study"))), flush=True)
        print(f"\nThe first {options.sweep_points} points of the sweep {options.sweep}:\n")
        for number in range(options.repeat):
            both = compare(options.root, Path(folder) / str(number), options.sweep, options.sweep_points)
            print("\n".join(comparison_table(*both, headers=not number)), flush=True)


def copy_tree(root: Path, target: Path) -> Path:
    """Copy what git holds of a tree, and what it would hold, to ``target``; return that."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (root / name).is_file():  # not a file that was deleted and not committed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, target / name)
    return target


def time_study(root: Path) -> list[Timing]:
    """Build a tree clean, unchanged, and with a sentence more in its paper."""
    paper = project.read(root).paper
    timings = [time_octavo("clean", root), time_octavo("unchanged", root)]
    if paper:
        with paper.source.open("a", encoding="utf-8") as file:
            file.write(SENTENCE)
        timings.append(time_octavo("one sentence", root))
    return timings


def time_octavo(name: str, root: Path, *targets: str) -> Timing:
    """Run ``octavo build`` and return what it took."""
    seconds, said = timed([*OCTAVO, "build", "--json", *targets], root)
    tasks = [task for task in json.loads(said)["tasks"] if task["status"] == "ran"]
    return Timing(name, seconds, len(tasks), by_kind(tasks))


def by_kind(tasks: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the seconds of tasks by kind: ``estimate`` for its points, ``paper.*`` for the paper's outputs."""
    kinds: dict[str, float] = {}
    for task in tasks:
        stem, dot, _ = task["name"].partition(".")
        kind = f"{stem}.*" if dot and "/" not in stem else task["name"].partition("/")[0]
        kinds[kind] = kinds.get(kind, 0.0) + task["seconds"]
    return kinds


def timed(command: Sequence[str], folder: Path) -> tuple[float, str]:
    """Run a command and return its seconds and what it printed; end here, with its own words, if it fails."""
    # What Octavo sets for its own runs, so that both sides have it; and no __pycache__, which would be new to make.
    fixed = {**dict.fromkeys(CAPS, "1"), "PYTHONDONTWRITEBYTECODE": "1"}
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, **fixed})
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed with exit code {done.returncode}:\n{done.stderr or done.stdout}")
    return seconds, done.stdout


def compare(root: Path, folder: Path, sweep: str, count: int) -> tuple[list[Timing], list[Timing]]:
    """Run the first ``count`` points of a sweep by Octavo, and by make with papermill; return both timings."""
    ours, theirs = copy_tree(root, folder / "octavo"), copy_tree(root, folder / "make")
    found = next((s for s in project.read(root).sweeps if s.name == sweep), None)
    if found is None:
        sys.exit(f"There is no sweep '{sweep}' in {root}.")
    points = found.points[:count]
    targets = [point_name(sweep, point) for point in points]
    (theirs / "sweep.mk").write_text(makefile(found.notebook.relative_to(root), points), encoding="utf-8")
    by_octavo, by_make = [], []
    for name in ("clean", "unchanged"):
        by_octavo.append(time_octavo(name, ours, *targets))
        by_make.append(Timing(name, timed(["make", f"-j{cores()}", "-f", "sweep.mk"], theirs)[0]))
    return by_octavo, by_make


def makefile(notebook: Path, points: Sequence[Mapping[str, Any]]) -> str:
    """Return a Makefile with a rule for each point; each depends on the notebook and the modules beside it."""
    names = [f"made/{number}.ipynb" for number in range(len(points))]
    source, folder = notebook.as_posix(), notebook.parent.as_posix()
    command = f"{shlex.join(PAPERMILL)} --no-progress-bar --cwd {folder} {source}"
    lines = [f"all: {' '.join(names)}", ""]
    for name, point in zip(names, points, strict=True):
        part = name.replace(".ipynb", ".part.ipynb")  # a run that was stopped must not count as done
        lines.append(f"{name}: {source} $(wildcard {folder}/*.py)")
        lines.append(f"\t@mkdir -p made && {command} {part} {_given(point)} && mv {part} {name}")
    return "\n".join([*lines, ""])


def _given(point: Mapping[str, Any]) -> str:
    """Return parameters as papermill's command takes them: texts raw, anything else by its look."""
    words = [["-r" if isinstance(value, str) else "-p", name, str(value)] for name, value in point.items()]
    return " ".join(map(shlex.join, words)).replace("$", "$$")


def study_table(timings: Sequence[Timing]) -> str:
    """Return the study's builds as a Markdown table: a row for each kind of task, and the ratio to the clean build."""
    kinds = list(dict.fromkeys(kind for timing in timings for kind in timing.kinds))
    rows = [["", *(t.name for t in timings)]]
    rows.append(["from start to end (s)", *(f"{t.seconds:.1f}" for t in timings)])
    rows.append(["of the clean build", *(f"{t.seconds / timings[0].seconds:.3f}" for t in timings)])
    rows.append(["tasks that ran", *(str(t.ran) for t in timings)])
    for kind in kinds:
        rows.append([f"{kind} (s)", *(f"{t.kinds[kind]:.1f}" if kind in t.kinds else "–" for t in timings)])
    return "\n".join(["", "The study:", "", *markdown(rows)])


def comparison_table(ours: Sequence[Timing], theirs: Sequence[Timing], *, headers: bool) -> list[str]:
    """Return the lines of the comparison's table; a ratio below 1 means that Octavo took less time."""
    rows = [["", "Octavo (s)", "make and papermill (s)", "ratio"]]
    for mine, other in zip(ours, theirs, strict=True):
        ratio = f"{mine.seconds / other.seconds:.3g}"
        rows.append([mine.name, f"{mine.seconds:.2f}", f"{other.seconds:.2f}", ratio])
    lines = list(markdown(rows))
    return lines if headers else lines[2:]


def markdown(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table; the first row has the headers."""
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if not number:
            yield f"| --- |{' ---: |' * (len(row) - 1)}"


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
