"""Sources that mean harm, or are far too large: refused or survived, with a message; the last good paper stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Tiny

HEAD = "---\ntitle: T\nauthors: [Ann Other]\n---\n# One\n\n"
CONFIG = "[tool.octavo]\n[tool.octavo.paper]\nsource = 'paper/paper.md'\nbibliography = 'bib/refs.bib'\n"
ENTRY = "@article{{k{0},\n author={{Other, Ann}}, title={{Work {0}}}, journal={{A Journal}}, year={{2020}}\n}}\n"


@pytest.fixture(scope="module")
def built(lasting: Callable[..., Tiny]) -> Tiny:
    """A paper that was built once. Nobody changes it: take ``good``, a copy."""
    project = lasting(
        {"pyproject.toml": CONFIG, "paper/paper.md": f"{HEAD}Good words.\n", "bib/refs.bib": ENTRY.format(1)}
    )
    assert project.octavo("build", "paper", "--to", "html,pdf").code == 0
    return project


@pytest.fixture
def good(built: Tiny, tmp_path: Path) -> Tiny:
    """A copy of it."""
    return built.copy(tmp_path / "good")


CASES = {
    "a file that includes itself": ("```{include} paper.md\n```", "includes itself"),
    "a file outside the project": ("```{include} ../../secret.md\n```", "'../../secret.md' does not exist"),
    "a file of the system": ("```{include} /etc/hostname\n```", "'/etc/hostname' does not exist"),
    "code of the system": ("```{literalinclude} /etc/passwd\n```", "'/etc/passwd' does not exist"),
    "a picture outside the project": ("```{figure} ../../secret.png\n:alt: x\nCap\n```", "'../../secret.png' does not"),
    "LaTeX that runs a program": ("```{raw} latex\n\\immediate\\write18{touch ran}\n```", "jupyter-book says"),
    "a formula that runs a program": ("$\\write18{touch ran}$", "is not valid TeX"),
    "a formula that reads a file": ("$\\input{/etc/passwd}$", "is not valid TeX"),
    "a script": ("<script>alert(1)</script>", "'<script>' is HTML, and what stands in it would be left out"),
}


@pytest.mark.parametrize("kind", CASES)
def test_what_means_harm_is_refused(good: Tiny, kind: str) -> None:
    """With a message of one line or two; the last good paper stays as it is."""
    text, told = CASES[kind]
    (good.root.parent / "secret.md").write_text("Secret words.\n")
    before = {name: good.read(f"build/paper/{name}") for name in ("paper.html",)}
    good.write({"paper/paper.md": f"{HEAD}{text}\n"})
    said = good.octavo("build", "paper", "--to", "html,pdf")
    assert said.code == 3 and told in said.err and "Traceback" not in said.err, said.err
    assert before == {name: good.read(f"build/paper/{name}") for name in before}
    assert not list(good.root.rglob("ran"))


@pytest.mark.proof
def test_a_table_of_five_thousand_rows(good: Tiny) -> None:
    """On a page there is no room for it, and that is said with its line; the web page has it."""
    rows = "\n".join(f"| {number} | row {number} |" for number in range(5000))
    good.write({"paper/paper.md": f"{HEAD}:::{{table}} Long.\n:label: tab-l\n\n| a | b |\n|---|---|\n{rows}\n:::\n"})
    said = good.octavo("build", "paper", "--to", "html,pdf", timeout=300)
    assert said.code == 3 and "paper/paper.md:7: This figure, table or listing is taller than a page" in said.err
    assert "row 4999" in good.read("build/paper/paper.html")


def test_a_bibliography_that_is_far_too_large(good: Tiny) -> None:
    """Two hundred megabytes would take seven gigabytes of memory to read: its size is asked first."""
    with (good.root / "bib/refs.bib").open("r+b") as file:
        file.truncate(200_000_000)
    good.write({"paper/paper.md": f"{HEAD}Words of @k1.\n"})
    said = good.octavo("build", "paper", "--to", "html")
    assert said.code == 3 and "bib/refs.bib: This bibliography has 200 MB; Octavo reads 20 MB." in said.err, said.err
    assert "Good words." in good.read("build/paper/paper.html")
