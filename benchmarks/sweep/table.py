"""The tables, in Markdown, of what was measured. A verdict is said by the figure and what it had to reach, no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.sweep import work
from benchmarks.sweep.rows import Row
from benchmarks.sweep.tools import ALL, ROWS

OURS = "octavo"
NAMES = tuple(tool.name for tool in ALL)
PEERS = tuple(tool.name for tool in ALL if not tool.own and tool.rows == ROWS)
WORDS = {
    "clean": "clean",
    "nothing": "nothing changed",
    "markdown": "Markdown edited",
    "comment": "a comment edited",
    "changed": "one point changed",
    "added": "one point added",
    "changed cold": "one point changed, zygote stopped first",
    "clean alive": "clean once more, zygote alive",
}
CLEAN = ("clean", "clean alive")
BETTER, BOUND, DASK = 6.0, 1.6, 1.1  # times the best peer, the bound, the same without Dask
IDLE, EDITED, ALIVE, STOPPED, MANY = 0.25, 0.5, 2.0, 3.5, 2.0  # seconds
MANY_MEMORY, SHARE = 400.0, 1.2  # MB; times the zygote alone


@dataclass(frozen=True)
class Target:
    """One line of what was to be reached; ``reached`` is None where it was not measured."""

    what: str
    measured: str
    to_reach: str
    reached: bool | None


def tables(rows: Sequence[Row], points: int) -> str:
    """Return all tables of the rows with this number of points (and of the long plan)."""
    mine = [row for row in rows if row["points"] == points or row["row"] == "10,000 points"]
    ours = max((row["round"] for row in mine if row["tool"] == OURS), default=0)
    parts = [
        f"{points} points and a summary. Medians of up to {ours} rounds, "
        "in brackets what was executed: points + summaries.\n",
        *markdown(seconds(mine, "seconds")),
        "\nProcessor seconds, user and system, of all processes:\n",
        *markdown(seconds(mine, "processor")),
        "\nClean, pair by pair: a tool's seconds over Octavo's of the same round.\n",
        *markdown(ratios(mine)),
        "\nTo reach:\n",
        *markdown(
            [["", "measured", "to reach", "reached"]]
            + [[t.what, t.measured, t.to_reach, _verdict(t.reached)] for t in targets(mine)]
        ),
        *_listed("\nSummaries that read more or less than the plan's points:\n", misread(mine, points)),
        *_listed("\nBesides:\n", besides(mine)),
    ]
    return "\n".join(parts) + "\n"


def seconds(rows: Sequence[Row], field: str) -> list[list[str]]:
    """Return a line for each row and a column for each tool that was measured."""
    tools = [name for name in NAMES if of(rows, name, "clean")]
    lines = [["", *(_titled(rows, name) for name in tools)]]
    for row, words in WORDS.items():
        cells = [_cell(of(rows, tool, row), field) for tool in tools]
        if any(cells):
            lines.append([words, *cells])
    return lines


def ratios(rows: Sequence[Row]) -> list[list[str]]:
    """Return for each tool its clean builds over ours of the same round: median, least and most."""
    lines = [["", "median", "least", "most", "rounds"]]
    for name in NAMES[1:]:
        if found := pairs(rows, name, "clean"):
            lines.append([name, *(f"{n:.2f}" for n in (median(found), min(found), max(found))), str(len(found))])
    return lines


def pairs(rows: Sequence[Row], tool: str, row: str, own: str = "") -> list[float]:
    """Return a tool's seconds over Octavo's (in the row ``own``, or the same one), for each round that both have."""
    ours = {found["round"]: found["seconds"] for found in of(rows, OURS, own or row)}
    theirs = {found["round"]: found["seconds"] for found in of(rows, tool, row)}
    return [theirs[number] / ours[number] for number in sorted(ours.keys() & theirs.keys())]


def targets(rows: Sequence[Row]) -> Iterator[Target]:
    """Yield what was to be reached, with what was measured."""
    best = {name: _median(of(rows, name, "clean"), "seconds") for name in PEERS if of(rows, name, "clean")}
    if best:
        name = min(best, key=lambda tool: best[tool])
        for ours in CLEAN:
            found = pairs(rows, name, "clean", ours)
            what = f"{WORDS[ours]}: times faster than the best peer, {name}"
            yield _target(what, median(found) if found else None, BETTER, "at least {:g}", least=True)
    for ours in CLEAN:
        over = bounds(rows, ours)
        yield _target(f"{WORDS[ours]}: times the bound", median(over) if over else None, BOUND, "at most {:g}")
    dask = pairs(rows, "octavo, Dask", "clean")
    yield _target("clean, on Dask: times the local pool", median(dask) if dask else None, DASK, "at most {:g}")
    limits = {"nothing": (IDLE, 0, 0), "markdown": (EDITED, 0, 0), "comment": (EDITED, 0, 0)}
    limits |= {"changed": (ALIVE, 1, 1), "added": (ALIVE, 1, 1), "changed cold": (STOPPED, 1, 1)}
    for row, (limit, executed, summaries) in limits.items():
        yield from _executed(of(rows, OURS, row), WORDS[row], executed, summaries)
        taken = of(rows, OURS, row)
        yield _target(f"{WORDS[row]}: seconds", _median(taken, "seconds") if taken else None, limit, "at most {:g}")
    yield from _alone(rows)


def bounds(rows: Sequence[Row], own: str = "clean") -> list[float]:
    """Return Octavo's seconds for a clean build over the bound, for each round that has both."""
    bound = {found["round"]: found["seconds"] for found in of(rows, OURS, "bound")}
    clean = {found["round"]: found["seconds"] for found in of(rows, OURS, own)}
    return [clean[number] / bound[number] for number in sorted(bound.keys() & clean.keys())]


def misread(rows: Sequence[Row], points: int) -> Iterator[str]:
    """Yield which summaries did not read exactly the points of the plan, or were not made anew when these changed."""
    for tool in NAMES:
        for row in WORDS:
            plan = len(work.points(row, points))
            for found in of(rows, tool, row)[:1]:
                read = found["executed"]["read"]
                if read is not None and read != plan:
                    yield f"{tool}, {WORDS[row]}: {read} results were read, the plan has {plan} points."
                elif read is None and row in (*CLEAN, "changed", "added", "changed cold"):
                    yield f"{tool}, {WORDS[row]}: the summary was not run."


def besides(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the other figures: the bound itself, memory as measured, start-up."""
    if found := of(rows, OURS, "bound"):
        cells = median(cell for row in found for cell in row["cells"])
        yield f"The bound: {_median(found, 'seconds'):.2f} s; a point's cells in a warm process: {cells:.3f} s."
    for row in of(rows, OURS, "memory"):
        yield (
            f"PSS in MB. Zygote alone: {row['zygote']}. With two forked points: {_stages(row['forked'])}. "
            f"Two cold kernels: {_stages(row['cold'])}."
        )
    for row in of(rows, OURS, "start-up"):
        for name, words in (("help", "octavo --help"), ("build", "octavo build, nothing to do")):
            heavy = ", ".join(row[name]["heavy"]) or "none"
            yield f"{words}: {row[name]['seconds']:.3f} s; heavy modules imported: {heavy}."


def of(rows: Sequence[Row], tool: str, row: str) -> list[Row]:
    """Return the rows of a tool of one kind, by round."""
    return sorted((r for r in rows if r["tool"] == tool and r["row"] == row), key=lambda r: int(r["round"]))


def markdown(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table; the first one has the headers."""
    for number, line in enumerate(lines):
        yield f"| {' | '.join(line)} |"
        if not number:
            yield f"| --- |{' ---: |' * (len(line) - 1)}"


def _alone(rows: Sequence[Row]) -> Iterator[Target]:
    many = sorted(of(rows, OURS, "10,000 points"), key=lambda row: -int(row["many"]))  # the longest plan counts
    name = f"{many[0]['many']:,} points, nothing changed" if many else "10,000 points, nothing changed"
    yield _target(f"{name}: seconds", many[0]["seconds"] if many else None, MANY, "at most {:g}")
    yield _target(f"{name}: peak RSS (MB)", many[0]["memory"] if many else None, MANY_MEMORY, "at most {:g}")
    memory = of(rows, OURS, "memory")
    share = memory[0]["forked"]["imported"] / memory[0]["zygote"] if memory else None
    yield _target("PSS with two forked points, imports done: times the zygote's alone", share, SHARE, "at most {:g}")
    allocated = memory[0]["cold"]["done"] - memory[0]["cold"]["imported"] if memory else 0.0
    share = (memory[0]["forked"]["done"] - allocated) / memory[0]["zygote"] if memory else None
    what = "PSS with two forked points, all cells run, less what these add to cold kernels: times the zygote's alone"
    yield _target(what, share, SHARE, "at most {:g}")


def _executed(found: Sequence[Row], words: str, points: int, summaries: int) -> Iterator[Target]:
    said = sorted({(row["executed"]["points"], row["executed"]["summaries"]) for row in found})
    measured = ", ".join(f"{a} + {b}" for a, b in said) or "not measured"
    reached = said == [(points, summaries)] if said else None
    yield Target(f"{words}: points + summaries executed", measured, f"{points} + {summaries}", reached)


def _target(what: str, measured: float | None, limit: float, words: str, *, least: bool = False) -> Target:
    if measured is None:
        return Target(what, "not measured", words.format(limit), None)
    return Target(what, f"{measured:.3g}", words.format(limit), measured >= limit if least else measured <= limit)


def _cell(found: Sequence[Row], field: str) -> str:
    if not found:
        return ""
    said = sorted({(row["executed"]["points"], row["executed"]["summaries"]) for row in found})
    executed = f" ({', '.join(f'{a} + {b}' for a, b in said)})" if field == "seconds" else ""
    return f"{_median(found, field):.2f}{executed}"


def _titled(rows: Sequence[Row], tool: str) -> str:
    count = len(of(rows, tool, "clean"))
    return f"{tool} ({count} {'round' if count == 1 else 'rounds'})"


def _median(found: Sequence[Row], field: str) -> float:
    return float(median(row[field] for row in found))


def _verdict(reached: bool | None) -> str:
    return "not measured" if reached is None else "yes" if reached else "no"


def _stages(found: Mapping[str, Any]) -> str:
    return f"{found['imported']} after the imports, {found['done']} after all cells"


def _listed(title: str, lines: Iterator[str]) -> list[str]:
    found = [f"- {line}" for line in lines]
    return [title, *found] if found else []
