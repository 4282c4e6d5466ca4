"""The benchmark's runner works on a small project. What it measures is never tested."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import build as bench

if TYPE_CHECKING:
    from tests.conftest import Tiny

PAPER = "---\ntitle: A title\n---\n\nA sentence.\n"


def test_a_copy_holds_what_git_holds_or_would_hold(tmp_path: Path) -> None:
    """Ignored files stay behind: no store, nothing built. A file that was deleted is no fault."""
    root = tmp_path / "root"
    (root / "build").mkdir(parents=True)
    names = ["a.txt", "b.txt", ".gitignore", "build/c.txt", "gone.txt"]
    for name in names:
        (root / name).write_text("build/\n", encoding="utf-8")
    for command in (["init", "-q"], ["add", "a.txt", "gone.txt"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    (root / "gone.txt").unlink()
    copy = bench.copy_tree(root, tmp_path / "copy")
    assert {p.relative_to(copy).as_posix() for p in copy.rglob("*")} == {"a.txt", "b.txt", ".gitignore"}


def test_tasks_are_added_up_by_kind() -> None:
    """Points count for their notebook, outputs for their document, whatever dots the parameters have."""
    names = ["fit/a=0.5", "fit/a=1.0", "all", "paper.pdf", "paper.html", "deck.pptx"]
    kinds = bench.by_kind([{"name": name, "seconds": 1.0} for name in names])
    assert kinds == {"fit": 2.0, "all": 1.0, "paper.*": 2.0, "deck.*": 1.0}


def test_a_rule_for_each_point() -> None:
    """Texts are handed over raw; the notebook and the modules beside it are what a point depends on."""
    text = bench.makefile(Path("notebooks/fit.ipynb"), [{"a": "it's $1", "n": 2}, {"a": "x", "n": 3}])
    lines = text.splitlines()
    assert lines[0] == "all: made/0.ipynb made/1.ipynb"
    assert lines[2] == "made/0.ipynb: notebooks/fit.ipynb $(wildcard notebooks/*.py)"
    assert """-r a 'it'"'"'s $$1' -p n 2 && mv""" in lines[3]


@pytest.mark.proof
def test_the_study_is_built_three_times(study: Tiny) -> None:
    """Clean, unchanged, and with a sentence more: after that, only the paper is written again."""
    study.write({"paper/paper.md": PAPER})
    study.replace("pyproject.toml", "jobs = 2\n", 'jobs = 2\npaper = { source = "paper/paper.md" }\n')
    timings = bench.time_study(study.root)
    assert [timing.name for timing in timings] == ["clean", "unchanged", "one sentence"]
    assert [list(timing.kinds) for timing in timings[1:]] == [[], ["paper.*"]]
    assert "| unchanged |" in bench.study_table(timings)


@pytest.mark.proof
@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_a_sweep_is_run_by_octavo_and_by_make(study: Tiny, tmp_path: Path) -> None:
    """Both run the points that are asked for, and nothing the second time."""
    subprocess.run(["git", "init", "-q"], cwd=study.root, check=True)
    study.write({".gitignore": "build/\n.octavo/\n"})
    ours, theirs = bench.compare(study.root, tmp_path, "fit", 1)
    assert [timing.ran for timing in ours] == [1, 0]
    assert (tmp_path / "make" / "made" / "0.ipynb").is_file()
    assert not (tmp_path / "make" / "made" / "1.ipynb").exists()
    lines = bench.comparison_table(ours, theirs, headers=True)
    assert [line.split(" | ")[0] for line in lines] == ["| ", "| ---", "| clean", "| unchanged"]
