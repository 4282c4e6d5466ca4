"""From the save of a changed sentence to the finished PDF: by `octavo serve`, and by `octavo build paper --to pdf`.

It runs as ``python -m benchmarks.live``, in temporary folders. Two papers: one of a page, one of about ten with
figures, tables, formulas, statements and citations. Their text is made up.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import queue
import re
import signal
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from pypdf import PdfReader

from benchmarks.build import OCTAVO, ROOT, markdown, timed

SECTIONS = {"one page": 1, "ten pages": 19}
BIBLIOGRAPHY = ROOT / "bib" / "references.bib"
SETTLE = 5.0  # seconds after the start, for what is loaded ahead, and one between two saves
CONFIG = """[tool.octavo]
[tool.octavo.media.column]
width = 3.35
formats = ["svg"]
[tool.octavo.paper]
source = "paper/paper.md"
bibliography = "bib/references.bib"
"""
HEAD = """---
title: A paper to measure
authors:
  - name: The Octavo contributors
math:
  '\\E': '\\mathbb{E}'
parts:
  abstract: |
    What is measured is the time that this paper takes, {val}`made.n0` of it.
---

This sentence changes 0 times.
"""
SECTION = """
(sec-@N@)=
# Section @N@

@PROSE@ See [](#sec-@N@), [](#eq-@N@) and @KEY0@; others [@KEY1@; @KEY2@] differ by {val}`made.n@N@`.

$$
\\tau_{@N@} = \\E\\left[ \\frac{Y(1) - Y(0)}{1 + x^{@N@}} \\;\\middle|\\; D = 1 \\right]
$$ (eq-@N@)

:::{prf:proposition} One of many
:label: prop-@N@
With finite moments, $\\tau_{@N@} \\leq \\sum_{i=1}^{n} w_i^2 / @N@$, and [](#eq-@N@) holds.
:::

- The first is $\\mu_0(x) = \\E[Y \\mid D = 0]$, with {val}`made.n0`.
- The second is **strong**, and *not* `code`.
@FLOAT@
@PROSE@
"""
FIGURE = """
:::{result-figure} made.points@N@
:label: fig-@N@
Points of section @N@, {val}`made.n@N@` in all.
:::
"""
TABLE = """
:::{table} Rows of section @N@.
:label: tab-@N@
```{result-table} made.rows
```
:::
"""
PROSE = """Someone offers a programme to some people and not to others, and wants to know what it did. The clean answer
comes from an experiment. Often there is none, and the question becomes which adjustment to trust. Take one whose answer
is known, throw its control group away, and see whether an estimator finds the answer again.
"""


@dataclass(frozen=True)
class Measured:
    """A paper: how many pages it has, and the seconds of each save, live and cold."""

    name: str
    pages: int
    live: tuple[float, ...]
    cold: tuple[float, ...]
    first: float  # cold, after `octavo stop`


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both papers and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--saves", type=int, default=15, metavar="N", help="how often a sentence is saved (15)")
    parser.add_argument("--builds", type=int, default=5, metavar="N", help="how often it is built cold (5)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="octavo-bench-") as folder:
        measured = [
            measure(name, make(Path(folder) / str(sections), sections), options.saves, options.builds)
            for name, sections in SECTIONS.items()
        ]
    print("\n".join(markdown(rows(measured))))
    print(f"\nLoad of the machine over the last minutes: {', '.join(f'{load:.1f}' for load in os.getloadavg())}.")


def make(root: Path, sections: int) -> Path:
    """Write a project whose paper has so many sections; return its folder."""
    keys = re.findall(r"^@\w+\{(\S+),", BIBLIOGRAPHY.read_text(encoding="utf-8"), re.MULTILINE)
    parts = [HEAD]
    for number in range(1, sections + 1):
        float_ = FIGURE if number % 3 else TABLE
        text = SECTION.replace("@FLOAT@", float_).replace("@PROSE@", PROSE * 2).replace("@N@", str(number))
        for place in range(3):
            text = text.replace(f"@KEY{place}@", f"@{keys[(3 * number + place) % len(keys)]}")
        parts.append(text)
    files = {
        "pyproject.toml": CONFIG,
        "paper/paper.md": "".join(parts),
        "bib/references.bib": BIBLIOGRAPHY.read_text(encoding="utf-8"),
        "notebooks/made.ipynb": nbformat.writes(notebook(sections)),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def notebook(sections: int) -> nbformat.NotebookNode:
    """Return a notebook that records what the paper of so many sections shows."""
    code = f"""import numpy as np
import octavo
import pandas as pd

draws = np.random.default_rng(1).normal(size=({sections + 1}, 2, 300))

def points(number):
    return lambda fig: fig.subplots().scatter(*draws[number], s=4)

for number in range({sections + 1}):
    octavo.value(f"n{{number}}", 100 + number)
    octavo.figure(f"points{{number}}", points(number), alt="A cloud of points")
octavo.table("rows", pd.DataFrame({{name: np.arange(8) * 1.5 for name in ("one", "two", "three")}}))
"""
    cell = nbformat.v4.new_code_cell(code, id="made")
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    return made


def measure(name: str, root: Path, saves: int, builds: int) -> Measured:
    """Return the seconds from saving a changed sentence to the PDF."""
    build = [*OCTAVO, "build", "paper", "--to", "pdf"]
    timed(build, root)
    pages = len(PdfReader(root / "build/paper/paper.pdf").pages)
    cold = []
    for number in range(builds):
        save(root, f"by {number} builds")
        cold.append(timed(build, root)[0])
    timed([*OCTAVO, "stop"], root)
    save(root, "once more")
    first = timed(build, root)[0]
    return Measured(name, pages, tuple(live(root, saves)), tuple(cold), first)


def save(root: Path, words: str) -> float:
    """Change a sentence; return the time when it was saved."""
    paper = root / "paper/paper.md"
    text = re.sub(r"This sentence changes .*", f"This sentence changes {words}.", paper.read_text(encoding="utf-8"))
    paper.write_text(text, encoding="utf-8")
    return time.monotonic()


def live(root: Path, saves: int) -> Iterator[float]:
    """Yield the seconds from a save to when `octavo serve` tells a browser of the new PDF, and has it at hand."""
    with serving(root) as (port, states):
        until(states, port, "")
        time.sleep(SETTLE)
        for number in range(saves):
            saved = save(root, f"live {number} times")
            yield until(states, port, f"live {number} times") - saved
            time.sleep(1)


def until(states: queue.Queue[dict[str, Any]], port: int, words: str) -> float:
    """Return when the PDF with some words was here; a new one is fetched as soon as it is told of. Errors end it."""
    fetched = None
    while True:
        state = states.get(timeout=120)
        if state["errors"]:
            raise SystemExit(f"The paper of the benchmark has errors: {state['errors']}")
        if (told := state["files"].get("paper.pdf")) and told != fetched:
            fetched = told
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/paper.pdf") as answer:
                data = answer.read()
            here = time.monotonic()
            if words in " ".join(PdfReader(io.BytesIO(data)).pages[0].extract_text().split()):
                return here


@contextmanager
def serving(root: Path) -> Iterator[tuple[int, queue.Queue[dict[str, Any]]]]:
    """Yield the port, and what `octavo serve` tells a browser, as it comes."""
    command = [*OCTAVO, "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        port = int(process.stdout.readline().split(":")[2].split("/")[0])
        states: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=hear, args=(port, states), daemon=True).start()
        yield port, states
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def hear(port: int, states: queue.Queue[dict[str, Any]]) -> None:
    """Put each state that is told at a port into a queue, until the end."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/events")
    for line in connection.getresponse():
        if line.startswith(b"data: "):
            states.put(json.loads(line[6:]))


def rows(measured: Sequence[Measured]) -> list[list[str]]:
    """Return the table: medians, and in brackets the least and the most."""
    table = [["from the save to the PDF (s)", *(f"{paper.name} ({paper.pages})" for paper in measured)]]
    table.append(["`octavo serve`", *(spread(paper.live) for paper in measured)])
    table.append(["`octavo build paper --to pdf`", *(spread(paper.cold) for paper in measured)])
    table.append(["the same after `octavo stop`", *(f"{paper.first:.2f}" for paper in measured)])
    return table


def spread(seconds: Sequence[float]) -> str:
    """Return the median, the least and the most."""
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})" if seconds else "–"


if __name__ == "__main__":
    main()
