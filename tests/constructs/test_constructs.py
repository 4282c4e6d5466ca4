"""What goes into a paper comes out in every output (promise 1): each construct, looked for in each output."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests.constructs.breaks import break_it
from tests.constructs.manuscript import Manuscript, read
from tests.constructs.page import PAGE, came_out, counts, page, shown
from tests.constructs.reading import Reading
from tests.constructs.readings import PROGRAMS, reading
from tests.constructs.rows import OUTPUTS, ROWS, Row

from octavo.errors import OctavoError

CELLS = [(row, output) for row in ROWS for output in OUTPUTS]
WAYS = sorted({(output, row.breaks) for row, output in CELLS if output not in row.holes})


def needs(output: str) -> list[pytest.MarkDecorator]:
    """Return the mark that skips an output by name where what shows it is missing."""
    program = PROGRAMS.get(output, "")
    lacking = bool(program) and not shutil.which(program)
    return [pytest.mark.skipif(lacking, reason=f"{program} is not installed: {output} was not looked at")]


@pytest.fixture(scope="session")
def manuscript(tmp_path_factory: pytest.TempPathFactory) -> Manuscript:
    """The paper of every construct, parsed once."""
    return read(tmp_path_factory.mktemp("constructs"))


@pytest.fixture(scope="session")
def readings(manuscript: Manuscript, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reading]:
    """Each output that can be looked at here, read back."""
    folder = tmp_path_factory.mktemp("outputs")
    known = [output for output in OUTPUTS if output not in PROGRAMS or shutil.which(PROGRAMS[output])]
    return {output: reading(manuscript, output, folder) for output in known}


@pytest.mark.parametrize("output", [pytest.param(o, marks=needs(o)) for o in OUTPUTS])
def test_every_construct_is_in_the_output(readings: dict[str, Reading], output: str) -> None:
    """Each has its look, place, number or link; what an output cannot show is a hole with its reason, and is one."""
    lost = [row.name for row in ROWS if output not in row.holes and not shown(row, readings[output])]
    filled = [row.name for row in ROWS if output in row.holes and shown(row, readings[output])]
    assert (lost, filled) == ([], [])


@pytest.mark.parametrize("output", [pytest.param(o, marks=needs(o)) for o in OUTPUTS])
def test_as_many_come_out_as_went_in(manuscript: Manuscript, readings: dict[str, Reading], output: str) -> None:
    """Formulas, figures, tables, footnotes, works, references and citations: none more, none less."""
    found = came_out(readings[output])
    assert found == {name: number for name, number in counts(manuscript).items() if name in found}


def test_the_page_in_docs_is_of_this_state(manuscript: Manuscript, readings: dict[str, Reading]) -> None:
    """docs/constructs.md says what is so; `make constructs` makes it anew."""
    if set(readings) != set(OUTPUTS):
        pytest.skip("not every output could be looked at here")
    assert PAGE.read_text(encoding="utf-8") == page(manuscript, readings)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("output", "breaks"), [pytest.param(*way, marks=needs(way[0]), id=f"{way[0]}-{way[1][0]}") for way in WAYS]
)
def test_a_construct_that_is_broken_in_the_writer_is_found(
    manuscript: Manuscript, output: str, breaks: tuple[str, ...], tmp_path: Path
) -> None:
    """Each question fails where its construct was broken; or the build stops at what leads to it."""
    broken: Reading | None = None
    with pytest.MonkeyPatch.context() as patch:
        break_it(patch, output, breaks)
        try:
            broken = reading(manuscript, output, tmp_path)
        except OctavoError as stopped:
            assert re.search("leads? nowhere|does not exist in the document|and the source has", str(stopped)), stopped
    asked: list[Row] = [row for row, o in CELLS if o == output and row.breaks == breaks and output not in row.holes]
    assert asked
    if broken:
        assert [row.name for row in asked if shown(row, broken)] == []
