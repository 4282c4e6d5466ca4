"""CI's question, asked of the study itself: a number of a figure is moved, and the check says which, by how much."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.study, pytest.mark.proof]

ROOT = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "notebooks", "src", "figures", "bib", "paper", "slides", ".octavo")
PLACED = "ax.plot(gaps.loc[order, name], rows + shift"
MOVED = "ax.plot(gaps.loc[order, name] * (1.03 if name == 'matching' else 1), rows + shift"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the study with its store: nothing of it runs again but what is changed."""
    if not (ROOT / ".octavo" / "last.json").exists():
        pytest.fail("the study was not built: run `make` first")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, symlinks=True, ignore=shutil.ignore_patterns("*.lock", "lock"))
        else:
            shutil.copy(source, tmp_path / part)
    return tmp_path


def test_a_change_of_three_per_cent_fails_the_check_with_the_right_words(copy: Path) -> None:
    """The series and the place are named; the other figures, tables and values are as accepted."""
    notebook = copy / "notebooks" / "compare.ipynb"
    text = notebook.read_text(encoding="utf-8")
    assert text.count(PLACED) == 1
    notebook.write_text(text.replace(PLACED, MOVED), encoding="utf-8")
    command = [sys.executable, "-c", "from octavo.cli import main; main()", "check", "figures"]
    said = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=300)
    assert said.returncode == 1, said
    assert "changed: figure compare.balance_plot\n" in said.stdout
    assert "The points 'After matching' moved in x by 3 % at y = '" in said.stdout, said.stdout
    assert said.stdout.count("changed: ") == 1 and "1 figure changed. 9 of 10 results are as accepted." in said.stdout
