"""The benchmark of the sweep counts, resumes and prints as it says. How long anything takes is never tested."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from benchmarks.sweep import __main__ as command
from benchmarks.sweep import measure, own, sequence, table, tools, work
from benchmarks.sweep.rows import Rows
from benchmarks.sweep.sequence import Bench

from octavo import project

ROOT = Path(__file__).parents[2]
# Stands in for a tool that looks at nothing: each build executes every point and the summary.
BUILD = """\
test ! -e broken || exit 3
while read name; do echo "point $name" >> "$SWEEP_COUNT"; done < points.txt
grep -q "One more" experiment.ipynb && echo edited >> ../seen
echo "summary $(wc -l < points.txt)" >> "$SWEEP_COUNT"
"""
FAKE = tools.Tool("fake", ("sh", "build.sh"), point="{name}", between="\n")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A benchmark of two points, with a folder of peers where the fake one's configuration lies."""
    peers = tmp_path / "configurations"
    (peers / "fake").mkdir(parents=True)
    (peers / "fake" / "build.sh").write_text(BUILD)
    (peers / "fake" / "points.txt").write_text("@POINTS@\n")
    monkeypatch.setattr(tools, "PEERS", peers)
    monkeypatch.setattr(sequence, "warm", lambda *_: None)  # it needs the libraries in an environment of the peer's
    (tmp_path / "scratch").mkdir()
    return Bench(Rows(tmp_path / "out" / "rows.jsonl"), tmp_path, tmp_path / "scratch", 2, 1)


def executed(rows: Rows) -> dict[str, Mapping[str, Any]]:
    return {row["row"]: row["executed"] for row in rows.read()}


def test_each_row_counts_what_was_executed_in_it(bench: Bench) -> None:
    """Points, summaries, and what a summary read: of this row alone. One point is changed; then one is added."""
    sequence.measure_tool(bench, FAKE, 1, tools.ROWS)
    found = executed(bench.rows)
    assert list(found) == list(tools.ROWS)
    assert found["clean"] == found["changed"] == {"points": 2, "summaries": 1, "read": 2}
    assert found["added"] == {"points": 3, "summaries": 1, "read": 3}
    assert [row["seconds"] > 0 and row["processor"] >= 0 for row in bench.rows.read()] == [True] * 6
    assert (bench.scratch / "seen").read_text().split() == ["edited"] * 4  # from the first edit on


def test_what_was_measured_is_not_measured_again(bench: Bench) -> None:
    """Broken off in the middle, the sequence begins anew; only the rows that were not there are added."""
    sequence.measure_tool(bench, FAKE, 1, tools.ROWS[:2])
    first = bench.rows.file.read_text()
    with bench.rows.file.open("a") as file:
        file.write('{"tool": "fake", "row": "mark')  # the power went
    sequence.measure_tool(bench, FAKE, 1, ("markdown", "added"))
    assert bench.rows.file.read_text().startswith(first)
    assert list(executed(bench.rows)) == ["clean", "nothing", "markdown", "added"]
    assert executed(bench.rows)["added"]["points"] == 3
    before = bench.rows.file.read_text()
    sequence.measure_tool(bench, FAKE, 1, ("clean", "nothing", "markdown", "added"))
    assert bench.rows.file.read_text() == before
    sequence.measure_tool(bench, FAKE, 2, ("clean",))
    assert [row["round"] for row in bench.rows.read()] == [1, 1, 1, 1, 2]


def test_a_tool_that_fails_has_no_row_and_others_go_on(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last words are shown; the exit code tells; the next run measures it."""
    (tools.PEERS / "fake" / "broken").touch()
    whole = tools.Tool("whole", ("true",), configuration="other")
    assert command.measure_all(bench, [FAKE, whole], [], 1, ["clean"]) == ["fake"]
    assert [row["tool"] for row in bench.rows.read()] == ["whole"]
    assert "ended with 3" in capsys.readouterr().err
    (tools.PEERS / "fake" / "broken").unlink()
    assert command.measure_all(bench, [FAKE, whole], [], 1, ["clean"]) == []
    assert [row["tool"] for row in bench.rows.read()] == ["whole", "fake"]


def test_often_measured_tools_take_turns(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Round by round, not tool by tool; what is measured once is measured in the first round."""
    often = [tools.Tool(name, ("true",), configuration="other", often=True) for name in "ab"]
    monkeypatch.setattr(own, "measure_own", lambda _, name, number: bench.rows.add("octavo", name, number, 2, {}))
    command.measure_all(bench, [*often, FAKE], ["bound", "memory"], 2, ["clean"])
    found = [(row["round"], row["row"] if row["tool"] == "octavo" else row["tool"]) for row in bench.rows.read()]
    assert found == [(1, "bound"), (1, "memory"), (1, "a"), (1, "b"), (1, "fake"), (2, "bound"), (2, "a"), (2, "b")]


def test_processor_time_counts_what_outlives_its_parent(tmp_path: Path) -> None:
    """As a zygote does: its time is seen while it lives and once it has ended, and each second once."""
    script = f"""
import os, subprocess, sys, time
from pathlib import Path
from benchmarks.sweep import measure
measure.adopt()
burn = "import time\\nwhile time.process_time() < {{}}: pass\\n"
waits = "import pathlib, time; pathlib.Path(\\"burnt\\").touch(); time.sleep(60)"
later = f"{{sys.executable}} -c '{{burn.format(0.5)}}{{waits}}' &"
folder = Path({str(tmp_path)!r})
both = f"{{later}} {{sys.executable}} -c '{{burn.format(0.3)}}'; until test -e burnt; do sleep 0.05; done"
first = measure.run(["sh", "-c", both], folder, os.environ, folder / "log").processor
second = measure.run(["true"], folder, os.environ, folder / "log").processor
measure.psutil.Process().children()[0].kill()
time.sleep(0.2)
third = measure.run(["true"], folder, os.environ, folder / "log").processor
print(first, second, third)
"""
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second, third = map(float, said.stdout.split())
    assert 0.75 < first < 2
    assert max(second, third) < 0.2


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its children; the benchmark goes on."""
    monkeypatch.setattr(measure, "LIMIT", 0.5)
    waits = ["sh", "-c", "echo $$ > group; sleep 60 & sleep 60"]
    with pytest.raises(measure.Failed, match="longer"):
        measure.run(waits, tmp_path, {"PATH": "/bin:/usr/bin"}, tmp_path / "log")
    group = int((tmp_path / "group").read_text())
    end = time.monotonic() + 5
    while (left := working(group)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left


def working(group: int) -> list[int]:
    """Return the processes of a group that have not ended."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def test_what_outlives_the_benchmark_is_ended(tmp_path: Path) -> None:
    """A server that a tool left behind, in a session of its own, ends with the benchmark."""
    script = f"""
import os
from pathlib import Path
from benchmarks.sweep import measure
folder = Path({str(tmp_path)!r})
measure.adopt()
measure.run(["sh", "-c", "setsid sleep 60 & echo $$ > parent"], folder, os.environ, folder / "log")
before = [child.pid for child in measure.psutil.Process().children()]
measure.end_all()
print(len(before), [pid for pid in before if measure.psutil.pid_exists(pid)])
"""
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1", "[]"]


def test_the_cells_are_the_same_for_every_tool(tmp_path: Path) -> None:
    """What fits, draws and counts is one text; each flavour is a notebook in which the edits find their place."""
    shared = [work.DATA, work.FIT, work.FIGURE]
    for flavour in ("files", "ploomber", "octavo"):
        folder = tmp_path / flavour
        work.write(folder, flavour)
        before = nbformat.read(folder / "experiment.ipynb", 4)
        nbformat.validate(before)
        assert [cell.source for cell in before.cells if cell.source in shared] == shared
        work.edit(folder / "experiment.ipynb", "markdown")
        work.edit(folder / "experiment.ipynb", "comment")
        after = nbformat.read(folder / "experiment.ipynb", 4)
        changed = [new.cell_type for old, new in zip(before.cells, after.cells, strict=True) if old != new]
        assert changed == ["markdown", "code"]
        nbformat.validate(nbformat.read(folder / "summary.ipynb", 4))


@pytest.mark.parametrize("row", ["clean", "changed", "added", "changed cold"])
@pytest.mark.parametrize("count", [1, 2, 7, 24])
def test_octavo_has_the_points_of_the_plan(row: str, count: int, tmp_path: Path) -> None:
    """Its grid and exclusions stand for exactly the points that the other tools list."""
    points = work.points(row, count)
    tools.create(tools.ALL[0], tmp_path, points, 2)
    found = next(s for s in project.read(tmp_path).sweeps if s.name == "experiment")
    assert {work.Point(int(p["seed"]), float(p["trim"])) for p in found.points} == set(points)  # type: ignore[arg-type]
    assert len(found.points) == len(points)


@pytest.mark.parametrize("tool", tools.ALL, ids=lambda tool: tool.name)
def test_every_configuration_is_filled(tool: tools.Tool, tmp_path: Path) -> None:
    """No room is left open; what does not change between two rows keeps its time, so that make sees no edit."""
    tools.create(tool, tmp_path, work.points("clean", 3), 2)
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    texts = {path: path.read_text() for path in files}
    assert not [path for path, text in texts.items() if "@" in text and ("@POINTS@" in text or "@JOBS@" in text)]
    times = {path: path.stat().st_mtime_ns for path in files}
    tools.write(tool, tmp_path, work.points("changed", 3), 2)
    changed = {path for path in files if path.stat().st_mtime_ns != times[path]}
    assert changed == {path for path in files if path.read_text() != texts[path]}
    assert len(changed) == 1


def test_peers_have_the_libraries_of_the_lock() -> None:
    """Every peer's notebooks import the versions that Octavo's do; all versions are pinned."""
    lock = dict(
        line.split(" ")[0].split("==")
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line and not line.startswith(" ")
    )
    for file in sorted((ROOT / "benchmarks" / "peers").rglob("*.in")):
        named = [line for line in file.read_text().splitlines() if line and not line.startswith(("#", "-r"))]
        pinned = dict(line.split("==") for line in named)
        assert {name: lock[name] for name in pinned if name in lock} == {n: v for n, v in pinned.items() if n in lock}
        assert file.name == "science.in" or "-r ../science.in" in file.read_text()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Bench]:
    """A benchmark of two points and a long plan of thirty, with Octavo itself."""
    with command.scratch() as folder:
        yield Bench(Rows(tmp_path / "rows.jsonl"), tmp_path, folder, 2, 2, many=30)


def test_a_long_plan_is_filled_without_kernels(real: Bench) -> None:
    """The real command finds every point in the store that was filled, runs none, and its memory is seen."""
    found = own.many(real)
    assert found["many"] == 30
    assert isinstance(found["memory"], float) and 5 < found["memory"] < 400
    results = json.loads((real.scratch / "many" / "build" / "results.json").read_text())
    assert [point["record"]["values"]["twice"]["number"] for point in results["notebooks"]["trivial"]][-1] == 58


def test_help_and_an_idle_build_import_nothing_heavy(real: Bench) -> None:
    """Neither of the two commands that are run all day imports what takes long."""
    found: Any = own.start(real)
    assert [found[name]["heavy"] for name in ("help", "build")] == [[], []]


@pytest.mark.proof
def test_octavo_executes_what_an_edit_can_change_and_no_more(real: Bench) -> None:
    """The real sweep through all its rows: 0 after Markdown and comments, 1 and the summary after a changed point."""
    sequence.measure_tool(real, tools.ALL[0], 1, tools.ALL[0].rows)
    found = {name: (e["points"], e["summaries"], e["read"]) for name, e in executed(real.rows).items()}
    idle = dict.fromkeys(("nothing", "markdown", "comment"), (0, 0, None))
    edited = {"changed": (1, 1, 2), "added": (1, 1, 3), "changed cold": (1, 1, 3)}
    assert found == {"clean": (2, 1, 2), **idle, **edited, "clean alive": (2, 1, 2)}


@pytest.mark.proof
def test_the_bound_and_the_memory_are_measured(real: Bench) -> None:
    """A warm cell for each point; two notebooks that wait hold more than none does."""
    bound: Any = own.bound(real)
    assert len(bound["cells"]) == 2 and sum(bound["cells"]) / 2 < bound["seconds"] < sum(bound["cells"])
    memory: Any = own.memory(real)
    assert memory["zygote"] < memory["forked"]["imported"] < memory["forked"]["done"]
    assert memory["cold"]["imported"] < memory["cold"]["done"]
    assert not [p for p in psutil.process_iter() if str(real.scratch) in " ".join(_command_line(p))]


def _command_line(process: Any) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return list(process.cmdline())
    return []


def row(tool: str, name: str, number: int, **fields: object) -> dict[str, Any]:
    counted = {"points": 0, "summaries": 0, "read": None}
    return {"tool": tool, "row": name, "round": number, "points": 2, "processor": 1.0, "executed": counted, **fields}


def test_ratios_are_of_the_same_round() -> None:
    """Pair by pair; a round that one of the two lacks is left out."""
    rows = [row("octavo", "clean", n, seconds=s) for n, s in ((1, 1.0), (2, 2.0), (3, 4.0))]
    rows += [row("make", "clean", n, seconds=s) for n, s in ((1, 8.0), (2, 12.0), (4, 1.0))]
    rows += [row("octavo", "bound", 1, seconds=0.5, cells=[0.5]), row("octavo", "bound", 2, seconds=2.0, cells=[1.0])]
    assert table.pairs(rows, "make", "clean") == [8.0, 6.0]
    assert table.bounds(rows) == [2.0, 1.0]
    found = {target.what: target for target in table.targets(rows)}
    best = found["clean: times faster than the best peer, make"]
    assert (best.measured, best.to_reach, best.reached) == ("7", "at least 6", True)
    assert found["clean: times the bound"].reached is True
    assert found["nothing changed: seconds"].reached is None


def test_a_verdict_is_what_was_measured() -> None:
    """Too slow is no; one point too many is no; not measured is not measured; what a summary misread is told."""
    once = {"points": 1, "summaries": 1, "read": 2}
    twice = {"points": 2, "summaries": 1, "read": 3}
    rows = [
        row("octavo", "nothing", 1, seconds=0.3),
        row("octavo", "changed", 1, seconds=1.0, executed=once),
        row("octavo", "changed", 2, seconds=1.5, executed=twice),
        row("make", "clean", 1, seconds=9.0, executed=twice),
        row("jupyter-book", "changed", 1, seconds=1.0),
        row(
            "octavo",
            "memory",
            1,
            zygote=100.0,
            forked={"imported": 130.0, "done": 140.0},
            cold={"imported": 150.0, "done": 175.0},
        ),
    ]
    lines = table.tables(rows, 2).splitlines()
    assert "| nothing changed: seconds | 0.3 | at most 0.25 | no |" in lines
    assert "| nothing changed: points + summaries executed | 0 + 0 | 0 + 0 | yes |" in lines
    assert "| one point changed: points + summaries executed | 1 + 1, 2 + 1 | 1 + 1 | no |" in lines
    assert "| one point changed: seconds | 1.25 | at most 2 | yes |" in lines
    assert "| one point added: seconds | not measured | at most 2 | not measured |" in lines
    assert "- make, clean: 3 results were read, the plan has 2 points." in lines
    assert "- jupyter-book, one point changed: the summary was not run." in lines
    assert any(line.endswith("zygote's alone | 1.3 | at most 1.2 | no |") for line in lines)
    assert any(line.endswith("zygote's alone | 1.15 | at most 1.2 | yes |") for line in lines)


def test_the_table_alone_measures_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--table`` prints what is in the file."""
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row("make", "clean", 1, seconds=9.0)) + "\n")
    assert command.main(["--table", "--out", str(file), "--points", "2"]) == 0
    assert "| clean | 9.00 (0 + 0) |" in capsys.readouterr().out


def test_a_peer_without_its_environment_is_told(tmp_path: Path) -> None:
    """The message says how to make it, before anything is measured."""
    with pytest.raises(SystemExit, match=r"no environment .*make: python -m benchmarks.sweep --set-up"):
        command.main(["--peers", str(tmp_path / "none"), "--out", str(tmp_path / "rows.jsonl"), "--measure", "make"])
    assert not (tmp_path / "rows.jsonl").exists()


def test_octavos_configuration_can_be_read() -> None:
    """The file that users would write is TOML once its room is filled."""
    text = (tools.PEERS / "octavo" / "pyproject.toml").read_text()
    filled = tools.filled(text, tools.ALL[0], work.points("added", 24), 2)
    assert tomllib.loads(filled)["tool"]["octavo"]["sweeps"]["experiment"]["grid"]["seed"] == [0, 1, 2, 3, 4]
