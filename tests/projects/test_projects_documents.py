"""A deck of a tiny project by the real command: what is wrong is told once, what is right is built and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Tiny

CONFIG = """[tool.octavo]
title = "A study"
[tool.octavo.media.slide]
width = 11.5
height = 5.2
formats = ["svg", "pdf", "png"]
[tool.octavo.slides]
source = "slides/deck.md"
bibliography = "bib/refs.bib"
template = "theme/template.pptx"
"""
DECK = """---
title: A deck
---

:::{notes}
Welcome.
:::

# One

We count {val}`count.n`, as @smith1986 did.

:::{notes}
Spoken.
:::
"""
BIB = "@article{smith1986,\n author={Smith, Ann}, title={On it}, journal={A Journal}, year={1986}\n}\n"


def test_a_deck_from_its_first_mistakes_to_a_build_with_nothing_to_do(tiny: Callable[..., Tiny]) -> None:
    """Faults are told once for all outputs; mended, three files are there; then edits rerun what they must."""
    from octavo.slides import template

    project = tiny(
        {
            "pyproject.toml": CONFIG,
            "slides/deck.md": DECK.replace("smith1986", "smth1986").replace("count.n", "count.m"),
            "bib/refs.bib": BIB,
            "theme/template.pptx": template.make(),
            "notebooks/count.ipynb": ["import octavo\noctavo.value('n', 41)"],
        }
    )
    said = project.octavo("build")
    assert said.code == 3
    assert said.err[said.err.index("error: ") :].splitlines() == [
        "error: slides/deck.md:11: The citation 'smth1986' is not in the bibliography.",
        "  did you mean 'smith1986'?",
        "error: 3 further result(s) wait for these; what was built before is still in build/.",
    ]
    project.replace("slides/deck.md", "smth1986", "smith1986")
    said = project.octavo("build")
    assert said.code == 3
    told = said.err[said.err.index("error: ") :]
    assert told.startswith("error: slides/deck.md:11: ") and told.count("error: ") == 1, "three outputs, one message"
    assert "count.m" in told and "did you mean 'count.n'?" in told
    project.replace("slides/deck.md", "count.m", "count.n")
    assert project.octavo("build").code == 0
    built = {
        name: (project.root / "build/slides" / name).read_bytes() for name in ("deck.html", "deck.pptx", "deck.pdf")
    }
    assert not [name for name, data in built.items() if str(project.root).encode() in data]
    before = project.files()
    assert project.octavo("build").out.startswith("Nothing to do: all 5")
    assert project.files() == before
    project.replace("notebooks/count.ipynb", "41", "42")
    said = project.octavo("build")
    assert "ran     deck.html" in said.err and "upstream: count changed" in said.err
    assert "deck.content" not in said.err, "a new number needs no new parse"
    assert b">42<" in (project.root / "build/slides/deck.html").read_bytes()
    project.write({"theme/template.pptx": b"not a template"})
    assert "deck.pptx: " in project.octavo("status").out, "a template from another folder counts"
    kept = (project.root / "build/slides/deck.pptx").read_bytes()
    said = project.octavo("build", "slides")
    assert said.code == 3 and "cannot be opened as a .pptx file" in said.err
    assert (project.root / "build/slides/deck.pptx").read_bytes() == kept, "the last good output stays"


def test_a_deck_without_a_template_takes_a_plain_one(tiny: Callable[..., Tiny]) -> None:
    """A template is for those who have one: without it, the PowerPoint file is there as well."""
    deck = "---\ntitle: A deck\n---\n\n:::{notes}\nHello.\n:::\n\n# One\n\nWords.\n\n:::{notes}\nSpoken.\n:::\n"
    project = tiny({"pyproject.toml": "[tool.octavo.slides]\nsource = 'slides/deck.md'\n", "slides/deck.md": deck})
    said = project.octavo("build")
    assert said.code == 0, said.err
    assert (project.root / "build/slides/deck.pptx").stat().st_size > 10_000


def test_a_notebook_that_comes_is_the_reason_of_documents(tiny: Callable[..., Tiny]) -> None:
    """Which notebooks there are belongs to a document's key: a new one is told as that, not as a sweep's change."""
    project = tiny({"pyproject.toml": '[tool.octavo.paper]\nsource = "paper/paper.md"\n'})
    project.write({"paper/paper.md": "---\ntitle: Short\n---\n\nText.\n"})
    assert project.octavo("build", "paper.content").code == 0
    project.write({"notebooks/new.ipynb": ["1"]})
    assert project.octavo("status", "paper.content").out.splitlines()[0] == "paper.content: notebooks changed"
