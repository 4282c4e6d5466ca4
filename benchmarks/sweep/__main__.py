"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.sweep import measure, tools, work
from benchmarks.sweep.rows import Rows
from benchmarks.sweep.sequence import Bench, measure_tool


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for and print the tables; return 1 when a tool failed."""
    options = parse(arguments)
    names = options.tools or [tool.name for tool in tools.ALL]
    chosen = [tool for tool in tools.ALL if tool.name in names]
    if options.set_up:
        tools.set_up(options.set_up.absolute(), (tool.folder for tool in chosen))
        return 0
    rows = Rows(options.out.absolute())
    failed: list[str] = []
    if not options.table:
        if lacking := tools.missing(chosen, options.peers.absolute()):
            sys.exit("\n".join(lacking))
        measure.adopt()
        with scratch() as folder:
            bench = Bench(rows, options.peers.absolute(), folder, options.points, cores())
            failed = measure_all(bench, chosen, options.rounds, options.rows)
    return 1 if failed else 0


def measure_all(bench: Bench, chosen: Sequence[tools.Tool], rounds: int, rows: Sequence[str]) -> list[str]:
    """Measure the tools round by round, those that are measured once in the first; return what failed."""
    failed: list[str] = []
    for number in range(1, rounds + 1):
        for tool in chosen:
            if number == 1 or tool.often:
                try:
                    measure_tool(bench, tool, number, rows)
                except measure.Failed as error:
                    failed.append(tool.name)
                    print(f"{tool.name} failed. {error}", file=sys.stderr, flush=True)
    return failed


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder for projects; its name is short, for sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="sweep-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def cores() -> int:
    """Return the number of cores that this process may use: each tool runs as many notebooks at once."""
    return len(os.sched_getaffinity(0))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a command line."""
    names = [tool.name for tool in tools.ALL]
    rows = list(dict.fromkeys(row for tool in tools.ALL for row in tool.rows))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--set-up", type=Path, metavar="FOLDER", help="make the peers' environments there and end")
    parser.add_argument("--peers", type=Path, default=Path("build/peers"), metavar="FOLDER", help="where they are")
    parser.add_argument("--out", type=Path, default=Path("build/sweep.jsonl"), metavar="FILE", help="rows measured")
    parser.add_argument("--table", action="store_true", help="only print the tables of what is in FILE")
    parser.add_argument("--points", type=int, default=24, choices=range(1, 25), metavar="N", help="points (24)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of the often measured (5)")
    parser.add_argument("--tools", nargs="+", choices=names, metavar="TOOL", help=f"of: {'; '.join(names)}")
    parser.add_argument("--rows", nargs="+", choices=rows, default=rows, metavar="ROW", help=f"of: {'; '.join(rows)}")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
