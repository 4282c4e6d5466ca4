"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.sweep import measure, own, table, tools
from benchmarks.sweep.rows import Rows
from benchmarks.sweep.sequence import Bench, measure_tool


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for and print the tables; return 1 when a tool failed."""
    options = parse(arguments)
    chosen = [tool for tool in tools.ALL if tool.name in options.measure]
    alone = [name for name in own.ALL if name in options.measure]
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
            bench = Bench(rows, options.peers.absolute(), folder, options.points, cores(), options.many)
            try:
                failed = measure_all(bench, chosen, alone, options.rounds, options.rows)
            except KeyboardInterrupt:
                print(f"Stopped. What was measured is in {rows.file}; the same command goes on.", file=sys.stderr)
                return 130
            finally:
                measure.end_all()
    print(table.tables(rows.read(), options.points))
    return 1 if failed else 0


def measure_all(
    bench: Bench, chosen: Sequence[tools.Tool], alone: Sequence[str], rounds: int, rows: Sequence[str]
) -> list[str]:
    """Measure round by round, what is measured once in the first; return what failed, and go on with the others."""
    failed: list[str] = []
    for number in range(1, rounds + 1):
        steps = [(n, partial(own.measure_own, bench, n, number)) for n in alone if number == 1 or n in own.OFTEN]
        steps += [(t.name, partial(measure_tool, bench, t, number, rows)) for t in chosen if number == 1 or t.often]
        for name, step in steps:
            try:
                step()
            except measure.Failed as error:
                failed.append(name)
                print(f"{name} failed. {error}", file=sys.stderr, flush=True)
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
    names = [*own.ALL, *(tool.name for tool in tools.ALL)]
    rows = list(dict.fromkeys(row for tool in tools.ALL for row in tool.rows))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--set-up", type=Path, metavar="FOLDER", help="make the peers' environments there and end")
    parser.add_argument("--peers", type=Path, default=Path("build/peers"), metavar="FOLDER", help="where they are")
    parser.add_argument("--out", type=Path, default=Path("build/sweep.jsonl"), metavar="FILE", help="rows measured")
    parser.add_argument("--table", action="store_true", help="only print the tables of what is in FILE")
    parser.add_argument("--points", type=int, default=24, choices=range(1, 25), metavar="N", help="points (24)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of the often measured (5)")
    parser.add_argument("--many", type=int, default=own.MANY, metavar="N", help="points of the long plan (10000)")
    parser.add_argument(
        "--measure", nargs="+", choices=names, default=names, metavar="WHAT", help=f"of: {'; '.join(names)}"
    )
    parser.add_argument("--rows", nargs="+", choices=rows, default=rows, metavar="ROW", help=f"of: {'; '.join(rows)}")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
