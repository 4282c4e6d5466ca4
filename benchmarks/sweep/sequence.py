"""One tool through its rows: a clean build, then one edit after another."""

from __future__ import annotations

import compileall
import dataclasses
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import octavo
from benchmarks.sweep import measure, tools, work
from benchmarks.sweep.rows import Rows
from benchmarks.sweep.tools import Tool


@dataclass(frozen=True)
class Bench:
    """What all measurements share: where they are written, the peers' environments, a scratch folder, the size."""

    rows: Rows
    peers: Path
    scratch: Path
    points: int
    jobs: int
    many: int = 10_000

    def environment(self, tool: Tool) -> dict[str, str]:
        """Return the environment of a tool's commands; they have a home of their own in the scratch folder."""
        home = self.scratch / "home"
        if not home.is_dir():
            # jupyter-book starts a Jupyter server, which a superuser must allow.
            (home / ".jupyter").mkdir(parents=True, mode=0o700)
            (home / ".jupyter" / "jupyter_server_config.json").write_text('{"ServerApp": {"allow_root": true}}')
        return tools.environment(tool, self.peers, home, self.count)

    @property
    def count(self) -> Path:
        """The file where each executed notebook adds a line."""
        return self.scratch / "count"


def measure_tool(bench: Bench, tool: Tool, number: int, wanted: Sequence[str]) -> None:
    """Take a tool through its rows and add those that are wanted and not there.

    Each row starts from what the one before left, so a sequence that was broken off begins anew: what comes before the
    first missing row is done again, without being measured. Raises Failed when the tool's command fails.
    """
    missing = [r for r in tool.rows if r in wanted and not bench.rows.has(tool.name, r, number, bench.points)]
    if not missing:
        return
    project = bench.scratch / "project"
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir(parents=True)
    tools.create(tool, project, work.points("clean", bench.points), bench.jobs)
    warm(bench, tool, project)
    try:
        for row in tool.rows[: tool.rows.index(missing[-1]) + 1]:
            taken = build(bench, tool, project, row)
            executed = measure.counted(bench.count)
            _note(tool, row, number, taken, executed, kept=row in missing)
            if row in missing:
                measured = {**dataclasses.asdict(taken), "executed": dataclasses.asdict(executed)}
                bench.rows.add(tool.name, row, number, bench.points, measured)
    finally:
        end_zygote(bench, tool)
    shutil.rmtree(project)


def build(bench: Bench, tool: Tool, project: Path, row: str) -> measure.Taken:
    """Make the edit of a row, then run the tool's command; return what that took."""
    points = work.points(row, bench.points)
    if row in ("markdown", "comment"):
        work.edit(project / tool.notebooks / "experiment.ipynb", row)
    elif row in ("changed", "added", "changed cold"):
        tools.write(tool, project, points, bench.jobs)
    elif row == "clean alive":
        tools.write(tool, project, points, bench.jobs)
        for made in (".octavo", "build"):
            shutil.rmtree(project / made)
    if row in tools.COLD:
        end_zygote(bench, tool)
    bench.count.write_text("")
    command = [tools.filled(word, tool, points, bench.jobs) for word in tool.command]
    return measure.run(command, project, bench.environment(tool), log_of(bench, tool))


def warm(bench: Bench, tool: Tool, project: Path) -> None:
    """Import once, unmeasured, what the notebooks import, so that no tool pays for a cold disk or a list of fonts.

    Octavo's own modules are compiled, as pip did with those of the others: Octavo lies in the tree that it is made in.
    """
    environment = bench.environment(tool)
    if tool.own:
        compileall.compile_dir(Path(octavo.__file__).parent, quiet=1)
    script = f"{work.IMPORTS}\n{work.DATA}"
    if shutil.which("python", path=environment["PATH"]):
        measure.run(["python", "-c", script], project / tool.notebooks, environment, log_of(bench, tool))


def end_zygote(bench: Bench, tool: Tool) -> None:
    """End the process that Octavo's kernels are forked from."""
    if tool.own:
        measure.run(["octavo", "stop"], bench.scratch, bench.environment(tool), log_of(bench, tool))


def log_of(bench: Bench, tool: Tool) -> Path:
    """Return where a tool's last words are kept."""
    return bench.rows.file.with_name(f"{tool.name.replace(', ', '-').replace(' ', '-')}.log")


def _note(tool: Tool, row: str, number: int, taken: measure.Taken, executed: measure.Counted, *, kept: bool) -> None:
    what = f"{executed.points} + {executed.summaries} executed" if kept else "done to go on from, not measured"
    print(f"round {number}  {tool.name:24} {row:14} {taken.seconds:8.2f} s  {what}", file=sys.stderr, flush=True)
