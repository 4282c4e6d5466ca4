"""The bound: the cells of all points in one warm process, whose imports are loaded, one numerical thread.

It runs as ``python -m benchmarks.sweep.bound FOLDER POINTS`` and prints JSON: the seconds of each point and of the
summary. The process is an IPython shell that draws figures as a notebook's kernel does, without a kernel's messages.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.sweep import work


def main(folder: Path, count: int) -> None:
    """Run the cells and print what they took; the first point and the summary run once before, unmeasured."""
    from IPython.core.interactiveshell import InteractiveShell

    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    shell = InteractiveShell.instance()
    points = work.points("clean", count)
    run(shell, work.experiment("files"), parameters(points[0]))
    run(shell, work.summary("files"), "")
    seconds = [run(shell, work.experiment("files"), parameters(point)) for point in points]
    whole = run(shell, work.summary("files"), "")
    print(json.dumps({"seconds": [round(s, 4) for s in seconds], "summary": round(whole, 4)}))


def parameters(point: work.Point) -> str:
    """Return the cell that sets the parameters of a point."""
    return f"seed = {point.seed}\ntrim = {point.trim}\nout = 'results/{point.name}.json'"


def run(shell: Any, cells: Sequence[tuple[str, str]], given: str) -> float:
    """Run the cells of a notebook, ``given`` behind its parameters; return their seconds, with the figure's drawing."""
    from IPython.utils.capture import capture_output

    texts = []
    for kind, text in cells:
        texts += [text] if kind != "markdown" else []
        texts += [given] if kind == "parameters" and given else []
    begun = time.perf_counter()
    with capture_output() as captured:
        for text in texts:
            shell.run_cell(text).raise_error()
    seconds = time.perf_counter() - begun
    assert any("image/png" in output.data for output in captured.outputs), "the figure was not drawn"
    return seconds


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
