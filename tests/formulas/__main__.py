"""Compare every formula in every output with LaTeX; write docs/formulas.md, spoken.txt: python -m tests.formulas."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.formulas import corpus, page, table

PAGE = Path(__file__).parents[2] / "docs" / "formulas.md"
SPOKEN = Path(__file__).with_name("spoken.txt")


def main() -> int:
    """Write the page; exit with 1 where a formula differs that nobody has looked at."""
    with TemporaryDirectory(prefix="octavo-") as name:
        formulas, macros = corpus.read()
        known = [formula for formula in formulas if formula.topic != table.UNKNOWN]
        SPOKEN.write_text(page.spoken(corpus.parse(known, macros, Path(name) / "parsed")), encoding="utf-8")
    found = table.every()
    looked = table.reasons()
    PAGE.write_text(page.written(found, looked), encoding="utf-8")
    new = [each for each in found if each.verdict == table.DIFFERS and (each.output, each.formula.tex) not in looked]
    gone = set(looked) - {(each.output, each.formula.tex) for each in found if each.verdict == table.DIFFERS}
    for each in new:
        print(f"{each.output}: {each.formula.tex}: {each.told}. Look at it, and say in looked.txt what is to be seen.")
    for output, tex in sorted(gone):
        print(f"{output}: {tex} does not differ any more: take it out of looked.txt.")
    return 1 if new or gone else 0


if __name__ == "__main__":
    sys.exit(main())
