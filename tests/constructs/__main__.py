"""Make docs/constructs.md anew: `python -m tests.constructs`.

Exits with 1 where an output does not show a construct, with 4 where not every output can be looked at.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.constructs.manuscript import read
from tests.constructs.page import PAGE, page, shown
from tests.constructs.readings import PROGRAMS, reading
from tests.constructs.rows import OUTPUTS, ROWS


def main() -> int:
    """Write the page and say what is not shown."""
    lacking = [program for program in PROGRAMS.values() if not shutil.which(program)]
    if lacking:
        print(f"error: {', '.join(lacking)} is not installed: every output is looked at, or none", file=sys.stderr)
        return 4
    with TemporaryDirectory() as name:
        manuscript = read(Path(name))
        readings = {output: reading(manuscript, output, Path(name) / "out") for output in OUTPUTS}
        PAGE.write_text(page(manuscript, readings), encoding="utf-8")
    lost = [(row.name, o) for row in ROWS for o in OUTPUTS if o not in row.holes and not shown(row, readings[o])]
    for row_name, output in lost:
        print(f"{output} does not show: {row_name}")
    holes = sum(len(row.holes) for row in ROWS)
    print(f"{len(ROWS)} constructs in {len(OUTPUTS)} outputs: {len(lost)} not shown, {holes} known holes; {PAGE.name}")
    return bool(lost)


if __name__ == "__main__":
    raise SystemExit(main())
