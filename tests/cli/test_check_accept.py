"""check and accept, on tiny real projects: the verdict is the exit code, and nothing is accepted without a reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Content, Tiny

ONE: dict[str, Content] = {
    "pyproject.toml": (
        '[tool.octavo]\ntitle = "Tiny"\n[tool.octavo.media.column]\nwidth = 3.0\nformats = ["svg"]\n'
        '[tool.octavo.media.wide]\nwidth = 6.0\nformats = ["svg"]\n[tool.octavo.media.slide]\nwidth = 9.0\n'
        'formats = ["png"]\n'
    ),
    "figures/own.mplstyle": "lines.linewidth: 2\n",
    "data/x.txt": "1794.341\n",
    "notebooks/one.ipynb": [
        "import octavo, pandas as pd\nfrom pathlib import Path\nx = float(Path('../data/x.txt').read_text())",
        "octavo.value('x', x, unit='USD', digits=0)\noctavo.value('n', 5)",
        "octavo.table('t', pd.DataFrame({'name': ['ols', 'lasso'], 'est': [1.0, x]}), digits=0)",
        "def draw(fig):\n    fig.set_layout_engine('constrained')\n    axes = fig.subplots()\n"
        "    axes.plot([0, 1], [0, x / 1000])\n"
        "    axes.set(ylim=(0, 3), xlabel='n (1)', ylabel='cost (USD)')",
        "octavo.figure('line', draw, alt='A line.')",
    ],
}
PAPER: dict[str, Content] = {
    "pyproject.toml": '[tool.octavo.paper]\nsource = "paper/paper.md"\nbibliography = "bib/r.bib"\n',
    "paper/paper.md": "---\ntitle: Tiny\n---\n\n{cite:t}`a1` has it.\n",
    "bib/r.bib": "@article{a1,\n  author = {A, B},\n  title = {One},\n  journal = {J},\n  year = {2001},\n}\n",
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the tests of this file share."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def accepted_once(tiny: Callable[..., Tiny], shelf: Path) -> Tiny:
    """A built and accepted project, made once. Nobody changes it: take ``accepted``, a copy."""
    made = (shelf / "tiny").exists()
    project = tiny(ONE, folder=str(shelf / "tiny"))
    if not made:
        unchecked = project.octavo("check")
        assert unchecked.code == 4
        assert "Nothing has been accepted yet" in unchecked.out
        assert "Nothing has been accepted yet" in project.read("build/index.html")
        said = project.octavo("accept", "--all", "--because", "first results")
        assert said.code == 0, said
        assert "Accepted 2 values, 1 table and 1 figure." in said.out
    return project


@pytest.fixture
def accepted(accepted_once: Tiny, tmp_path: Path) -> Tiny:
    return accepted_once.copy(tmp_path / "tiny")


def test_nothing_accepted_yet_is_no_pass_and_what_was_accepted_is(accepted: Tiny) -> None:
    """Exit 4 before (see the fixture), 0 after; the page says so, and the user's style sheet is as it was."""
    said = accepted.octavo("check")
    good = (
        "Nothing changed: 2 values, 1 table and 1 figure are as accepted. The figure holds what is asked of figures.\n"
    )
    assert (said.code, said.out) == (0, good)
    assert "Nothing differs from the accepted results." in accepted.read("build/index.html")
    assert accepted.read("figures/own.mplstyle") == ONE["figures/own.mplstyle"]
    held = sorted(p.relative_to(accepted.root / "figures").as_posix() for p in (accepted.root / "figures").rglob("*.*"))
    assert held == [
        "accepted.json",
        "one.line.column.svg",
        "one.line.record.json",
        "one.line.wide.svg",
        "own.mplstyle",
        "tables/one.t.json",
        "values.json",
    ]


def test_a_change_is_told_in_words_then_accepted(accepted: Tiny) -> None:
    """The value, the cell and the drawing differ: exit 1, on the page too; with a reason they pass again."""
    accepted.replace("data/x.txt", "1794.341", "1801.2")
    said = accepted.octavo("check")
    assert said.code == 1
    assert "It was 1,794\u00a0USD and is now 1,801\u00a0USD." in said.out
    assert "Row 2 (lasso), column 'est': 1,794 became 1,801." in said.out
    assert "The line in #0072b2 moved by 0.38 % at x = 1: 1.794 became 1.801 (1 of 2 points)." in said.out
    assert said.out.splitlines()[-1].startswith("Not as accepted: 1 value, 1 table and 1 figure changed. 1 of 4")
    assert "1,801" in accepted.read("build/index.html")
    assert accepted.octavo("accept", "one.x", "--because", "three more rows").code == 0
    assert "one.x" not in accepted.octavo("check").out
    assert accepted.octavo("accept", "one", "--because", "three more rows").code == 0
    assert accepted.octavo("check").code == 0
    assert '"because": "three more rows"' in accepted.read("figures/accepted.json")
    assert '"one.n": {"kind": "value", "because": "first results"' in accepted.read("figures/accepted.json")


def test_a_change_below_the_printed_digit_is_the_same(accepted: Tiny) -> None:
    """Nobody can read it, so nobody is asked."""
    accepted.replace("data/x.txt", "1794.341", "1794.342")
    assert accepted.octavo("check", "results").code == 0


def test_what_no_reader_can_see_is_drift_and_passes(accepted: Tiny) -> None:
    """It is told, and a tolerance of its own makes it the same; a tolerance of nobody's is an error."""
    accepted.replace("data/x.txt", "1794.341", "1794.4")
    said = accepted.octavo("check", "results")
    assert said.code == 0 and "drift: figure one.line\n" in said.out and "drift: value one.x\n" in said.out, said
    assert "It was 1794.341 and is now 1794.4; in print it is the same." in said.out
    assert "drift: table one.t\n  Row 2 (lasso), column 'est': 1794.341 became 1794.4" in said.out
    assert "(1 value, 1 table and 1 figure by less than can be seen in print otherwise)" in said.out
    config = accepted.read("pyproject.toml")
    accepted.write({"pyproject.toml": config + '[tool.octavo.tolerances]\ndefault = "monte carlo"\n'})
    assert accepted.octavo("check", "results").out == (
        "Nothing changed: 2 values, 1 table and 1 figure are as accepted.\n"
    )
    accepted.write({"pyproject.toml": config + '[tool.octavo.tolerances]\n"one.lines" = 1e-3\n'})
    said = accepted.octavo("check", "results")
    assert said.code == 4 and "There is no result 'one.lines'." in said.out + said.err, said
    assert "one.line" in said.out + said.err


def test_a_record_that_is_damaged_or_newer_is_told(accepted: Tiny) -> None:
    """Exit 4 with the file's name; nothing is written over."""
    whole = accepted.read("figures/one.line.record.json")
    for broken, told in ((whole[:200], "cannot be read"), (whole.replace('"version": 1', '"version": 9'), "newer")):
        accepted.write({"figures/one.line.record.json": broken})
        said = accepted.octavo("check", "results")
        assert said.code == 4 and "figures/one.line.record.json" in said.out and told in said.out, said
        assert accepted.read("figures/one.line.record.json") == broken
    (accepted.root / "figures/one.line.record.json").unlink()
    said = accepted.octavo("check", "results")
    assert said.code == 4 and "not compared: figure one.line" in said.out, said


SAVES: dict[str, Content] = {
    "notebooks/plain.ipynb": [
        "import matplotlib.pyplot as plt\nimport seaborn as sns\nfrom pathlib import Path",
        "fig, ax = plt.subplots()\nax.plot([0, 1, 2], [1, 2, 4], label='cost')\nax.legend()\n"
        "fig.savefig('../build/over lap.png')\nfig.savefig('../build/over lap.pdf')\n"
        "ax.set_title('A')\nfig.savefig('../build/bare')\nplt.close(fig)",
        "fig, ax = plt.subplots()\nax.bar(['a', 'b'], [1, 2])\nplt.show()",
        "sns.relplot(x=[1, 2, 3], y=[1, 4, 9], height=2).savefig('../build/grid.svg')",
    ],
}


@pytest.mark.parametrize("kernels", ["forked", pytest.param("ordinary", marks=pytest.mark.proof)])
def test_figures_that_a_notebook_saves_or_shows_are_compared(tiny: Callable[..., Tiny], kernels: str) -> None:
    """Without an edit to it: by their files' names or their cells; a change is told by the name in the legend."""
    config = f'[tool.octavo]\ntitle = "T"\nkernels = "{kernels}"\n'
    project = tiny({**SAVES, "pyproject.toml": config, "build/.keep": ""})
    assert project.octavo("build").code == 0
    said = project.octavo("accept", "--all", "--because", "first")
    assert said.code == 0 and "4 figures" in said.out, said
    held = sorted(p.name for p in (project.root / "figures").glob("*.record.json"))
    assert held == [f"plain.{name}.record.json" for name in ("bare", "cell3", "grid", "over_lap")]
    assert "All 4 figures hold what is asked of" in project.octavo("check", "figures").out
    project.replace("notebooks/plain.ipynb", "[1, 2, 4]", "[1, 2, 4.2]")
    said = project.octavo("check", "results")
    assert said.code == 1, said
    assert "changed: figure plain.over_lap\n  The line 'cost' moved by 5 % at x = 2: 4 became 4.2" in said.out


def test_points_that_do_not_reproduce_are_found(tiny: Callable[..., Tiny]) -> None:
    """Executed again, in ordinary kernels: what hangs on the clock is told, what does not is the same."""
    project = tiny(
        {
            "pyproject.toml": '[tool.octavo]\njobs = 2\n[tool.octavo.sweeps.fit]\nnotebook = "notebooks/fit.ipynb"\n'
            "grid = { a = { count = 3 } }\n",
            "notebooks/fit.ipynb": ["[parameters] a = 0", "import octavo\noctavo.value('n', a)"],
            "notebooks/all.ipynb": ["import octavo\noctavo.value('sum', int(octavo.sweep('fit').n.sum()))"],
        }
    )
    said = project.octavo("check", "--from-scratch")
    assert said.code == 0, said
    assert "Executed again, in ordinary kernels: all points.\n" in said.out
    assert "Nothing changed: 4 values are as in the store." in said.out
    project.write({"notebooks/late.ipynb": ["import time, octavo\noctavo.value('now', time.time())"]})
    before = project.octavo("build").code, project.files()
    said = project.octavo("check", "--from-scratch")
    assert said.code == 1 and "changed: value late.now\n" in said.out, said
    assert "It does not reproduce: 1 value changed." in said.out
    assert project.files() == before[1], "neither the store nor build/ is changed"
    said = project.octavo("check", "--sample", "20%")
    assert "Executed again, in ordinary kernels: 1 of 5 points: " in said.out, said
    assert project.octavo("check", "--sample", "none").code == 2
    both = project.octavo("check", "--from-scratch", "--sample", "20%")
    assert both.code == 2 and "`--sample` a part of them.\n  Take one of the two out." in both.err, both
    more = project.octavo("check", "bib", "--from-scratch")
    assert more.code == 2 and "looks at nothing else: not at 'bib'.\n  Take it out" in more.err, more


def test_a_point_is_executed_again_whatever_its_name(tiny: Callable[..., Tiny]) -> None:
    """Values may have the sign that stands before the medium of a drawing; what ran again is counted, and not new."""
    project = tiny(
        {
            "pyproject.toml": '[tool.octavo.sweeps.fit]\nnotebook = "notebooks/fit.ipynb"\n'
            'grid = { m = ["a@b", "c"] }\n',
            "notebooks/fit.ipynb": ["[parameters] m = ''", "import octavo, time\noctavo.value('now', time.time())"],
        }
    )
    said = project.octavo("check", "--from-scratch")
    assert said.code == 1 and "2 values changed" in said.out, said
    again = said.err.splitlines()[2:]
    assert [line[:6] for line in again] == ["[1/2] ", "[2/2] "] and all(line.endswith("(again)") for line in again)


def test_pytest_collects_a_test_for_each_result(accepted: Tiny) -> None:
    """With the differences in words as the message; what could not be compared is an error, not a failure."""

    def pytest_says(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "octavo.pytest_plugin", "--octavo", "-p", "no:cacheprovider"]
        alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # installed, it would be there twice
        return subprocess.run([*command, *options], cwd=accepted.root, capture_output=True, text=True, env=alone)

    said = pytest_says()
    assert said.returncode == 0 and "4 passed" in said.stdout, said
    accepted.replace("data/x.txt", "1794.341", "1801.2")
    said = pytest_says("--junit-xml=junit.xml")
    assert said.returncode == 1 and "3 failed, 1 passed" in said.stdout, said
    assert "The line in #0072b2 moved by 0.38 %" in said.stdout
    assert 'failures="3"' in accepted.read("junit.xml")
    accepted.write({"figures/values.json": accepted.read("figures/values.json").replace("1,794", "1,795")})
    said = pytest_says()
    assert said.returncode == 1 and "2 failed, 1 passed, 1 error" in said.stdout, said


def test_a_new_and_a_missing_result_fail_and_are_accepted(accepted: Tiny) -> None:
    """A result under another name is one that is missing and one that is new."""
    accepted.replace("notebooks/one.ipynb", "octavo.value('n', 5)", "octavo.value('rows', 5)")
    said = accepted.octavo("check")
    assert said.code == 1
    assert "new: value one.rows\n" in said.out
    assert "missing: value one.n\n" in said.out
    assert accepted.octavo("accept", "one.n", "one.rows", "--because", "renamed").code == 0
    assert accepted.octavo("check").code == 0
    assert "one.n" not in accepted.read("figures/values.json")


def test_what_is_stale_is_not_accepted_unseen(accepted: Tiny) -> None:
    """accept takes over what was built, not what a run would give."""
    accepted.replace("data/x.txt", "1794.341", "1801.2")
    said = accepted.octavo("accept", "--all", "--because", "why")
    assert said.code == 2
    assert "'one' is not up to date (data file data/x.txt changed)" in said.err
    assert "octavo build" in said.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("one.x",), "There is no reason."),
        (("one.x", "--because", "  "), "There is no reason."),
        (("--because", "why"), "Nothing is named."),
        (("one.x", "--all", "--because", "why"), "Both names and --all are given."),
        (("one.xx", "--because", "why"), "did you mean 'one.x'?"),
        (("onne", "--because", "why"), "did you mean 'one'?"),
    ],
)
def test_accepting_without_a_reason_or_a_known_name_is_exit_2(
    accepted_once: Tiny, arguments: tuple[str, ...], told: str
) -> None:
    """The command line is wrong, and nothing is written."""
    before = accepted_once.files()
    said = accepted_once.octavo("accept", *arguments)
    assert said.code == 2
    assert told in said.err
    assert accepted_once.files() == before


def test_accepting_what_is_accepted_changes_nothing(accepted_once: Tiny) -> None:
    """The reason that was given stays."""
    before = accepted_once.files()
    said = accepted_once.octavo("accept", "one.x", "--because", "again")
    assert (said.code, said.out) == (0, "Nothing to accept: all of it is as accepted already.\n")
    assert accepted_once.files() == before


def test_a_second_build_and_a_second_check_write_no_file(accepted_once: Tiny) -> None:
    """Neither the page nor the record is touched while nothing changes."""
    assert accepted_once.octavo("build").code == 0
    before = accepted_once.files()
    assert accepted_once.octavo("build").code == 0
    assert accepted_once.octavo("check").code == 0
    assert accepted_once.files() == before


def test_the_json_of_check_and_accept_parses(accepted: Tiny) -> None:
    """Another program reads the verdict, each result and what was taken over."""
    passed = json.loads(accepted.octavo("check", "--json").out)
    assert (passed["passed"], passed["counts"]["same"]) == (True, 4)
    accepted.replace("data/x.txt", "1794.341", "1801.2")
    said = accepted.octavo("check", "results", "--json")
    found = json.loads(said.out)
    assert (said.code, found["exit_code"], found["passed"]) == (1, 1, False)
    assert {r["name"]: r["state"] for r in found["results"] if "state" in r}["one.x"] == "changed"
    taken = json.loads(accepted.octavo("accept", "--all", "--because", "why", "--json").out)
    assert {"name": "one.x", "kind": "value", "was": "changed"} in taken["accepted"]
    refused = json.loads(accepted.octavo("accept", "one.y", "--because", "why", "--json").out)
    assert refused["errors"]


def test_a_failed_notebook_is_neither_the_same_nor_missing(accepted: Tiny) -> None:
    """Exit 3, its results not compared, and the page says so too."""
    accepted.replace("data/x.txt", "1794.341", "none")
    said = accepted.octavo("check")
    assert said.code == 3
    assert "not compared: value one.x\n  Its notebook failed." in said.out
    assert "missing" not in said.out
    assert "raised ValueError" in said.err
    assert "This build did not finish." in accepted.read("build/index.html")
    found = json.loads(accepted.octavo("check", "--json").out)
    assert (found["passed"], found["exit_code"], len(found["errors"])) == (False, 3, 2)


def test_an_edit_of_the_record_by_hand_does_not_pass(accepted: Tiny) -> None:
    """What accept did not write is not believed; accepting anew mends it."""
    accepted.replace("figures/values.json", "1,794", "1,795")
    said = accepted.octavo("check", "results")
    assert said.code == 4
    assert "figures/values.json and figures/accepted.json do not agree" in said.out
    assert accepted.octavo("accept", "one.x", "--because", "mended").code == 0
    assert accepted.octavo("check", "results").code == 0


def test_a_broken_record_fails_the_check_and_not_the_build(accepted: Tiny) -> None:
    """The build goes on, its page says what is wrong, and check exits with 4."""
    accepted.write({"figures/accepted.json": "<<<<<<< HEAD\n"})
    assert accepted.octavo("build").code == 0
    assert "figures/accepted.json" in accepted.read("build/index.html")
    said = accepted.octavo("check")
    assert said.code == 4
    assert "Nothing was compared. figures/accepted.json: This file" in said.out


def test_the_page_of_a_partial_build_keeps_the_other_notebooks(accepted: Tiny) -> None:
    """`octavo build NOTEBOOK` does not make the others vanish, nor those that are stale for what they read."""
    accepted.write({"notebooks/two.ipynb": ["import octavo\noctavo.value('y', 2)"], "data/x.txt": "1794.4\n"})
    assert accepted.octavo("build", "two").code == 0
    page = accepted.read("build/index.html")
    assert "one.x" in page
    assert "two.y" in page
    assert "has not been built yet" not in page


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "told"),
    [
        ("bib/r.bib", "", "", 0, "The bibliography holds: 1 entry, 1 cited."),
        ("bib/r.bib", "  year = {2001},\n", "", 1, "has no year. [bib-field-present]"),
        ("bib/r.bib", "year = {2001}", "year = {c. 2001}", 0, "warning: bib/r.bib:5"),
        ("paper/paper.md", "{cite:t}`a1`", "{citt}`a1`", 3, "Citations were not checked: paper/paper.md could not"),
    ],
    ids=["in order", "field missing", "warning", "not parsed"],
)
def test_check_bib_looks_at_the_bibliography_alone(
    tiny: Callable[..., Tiny], file: str, old: str, new: str, code: int, told: str
) -> None:
    """An error fails, a warning does not, and a paper that cannot be parsed is said to be unread."""
    project = tiny(PAPER).replace(file, old, new)
    said = project.octavo("check", "bib")
    assert told in said.out
    assert said.code == code, said
    assert not (project.root / "build/paper").exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "paper/paper.md",
            "`a1`",
            "`b1`",
            "error: paper/paper.md:5: The citation 'b1' is not in the bibliography. "
            "[bib-citation-defined]\n  did you mean 'a1'?\nThe bibliography has 1 error.\n",
        ),
        ("bib/r.bib", "@article{a1,", "@article{a1,\n}\n@article{a1,", "[bib-key-unique]"),
        ("bib/r.bib", "year = {2001}", "year = {2001", "[bib-parses]"),
    ],
    ids=["citation", "key", "brace"],
)
def test_what_stops_the_paper_is_told_once_by_its_rule(
    tiny: Callable[..., Tiny], file: str, old: str, new: str, told: str
) -> None:
    """A fault of the bibliography that stops the paper too is a finding: exit 1, told once, and nothing "holds"."""
    said = tiny(PAPER).replace(file, old, new).octavo("check", "bib")
    assert said.code == 1 and told in said.out and said.out.count(told) == 1, said
    assert "error: " not in said.err and "holds" not in said.out, said


def test_a_check_that_cannot_look_says_so(accepted_once: Tiny) -> None:
    """No bibliography is no pass when it was asked for; an unknown check is an error with the nearest name."""
    said = accepted_once.octavo("check", "bib")
    assert (said.code, "No bibliography was checked" in said.out) == (4, True)
    wrong = accepted_once.octavo("check", "bibb")
    assert (wrong.code, "did you mean 'bib'?" in wrong.err) == (2, True)


def test_the_rules_can_be_read(accepted_once: Tiny) -> None:
    """Every rule is a line: what it asks and the way out."""
    said = accepted_once.octavo("check", "--rules")
    assert said.code == 0
    assert "figure-as-accepted (error): " in said.out
