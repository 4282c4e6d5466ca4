"""One declaration, every medium: drawn for each, and again for a new style without the notebook."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Content, Said, Tiny

MEDIA = ("column", "wide", "slide", "web")
NOTES = ":::{notes}\nSaid.\n:::\n"
DRAW = """\
SCALE = 3.0
def spread(ax, x):
    ax.fill_between(x, frame.low, frame.high, alpha=0.3)
def draw(fig):
    ax = fig.subplots()
    spread(ax, frame.x)
    ax.plot(frame.x, helper.times(frame.x, SCALE), label='thrice')
    ax.set(xlabel='Weight (g)', ylabel='Cost (USD)')
    ax.legend()"""
SLOW: dict[str, Content] = {
    "pyproject.toml": "[tool.octavo]\njobs = 2\n[tool.octavo.paper]\nsource = 'paper/paper.md'\n"
    "[tool.octavo.slides]\nsource = 'slides/deck.md'\n",
    "notebooks/helper.py": "def times(x, by):\n    return x * by\n",
    "notebooks/slow.ipynb": [
        "from pathlib import Path\nwith Path('../runs').open('a') as file:\n    file.write('ran\\n')",  # ten hours
        "import helper\nimport octavo\nimport pandas as pd\n"
        "frame = pd.DataFrame({'x': [1.0, 2, 3], 'low': [2.0, 5, 8], 'high': [4.0, 7, 10]})",
        DRAW,
        "octavo.value('n', len(frame))\noctavo.figure('cost', draw, alt='Cost grows with weight')",
    ],
    "paper/paper.md": "---\ntitle: T\nauthors:\n  - name: The Octavo contributors\n---\n# One\n\n"
    "There are {val}`slow.n`.\n\n:::{result-figure} slow.cost\n:label: fig:cost\nCost.\n:::\n",
    "slides/deck.md": f"---\ntitle: T\n---\n{NOTES}\n# Cost grows\n\n"
    f":::{{result-figure}} slow.cost\nCost.\n:::\n\n{NOTES}",
}


def ran(said: Said) -> list[str]:
    """Return the names of what ran, sorted."""
    return sorted(line.split()[2] for line in said.err.splitlines() if "] ran " in line)


def executions(project: Tiny) -> int:
    """Return how often the notebook was executed."""
    return len(project.read("runs").splitlines())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, lasting: Callable[..., Tiny]) -> Tiny:
    """A project with a paper and a deck that show one figure. Nobody changes it: take ``slow``, a copy."""
    project = lasting(SLOW)
    said = project.octavo("build")
    assert said.code == 0, said
    return project


@pytest.fixture
def slow(built: Tiny, tmp_path: Path) -> Tiny:
    """A copy of it."""
    return built.copy(tmp_path / "slow")


def test_every_medium_has_its_size_type_and_lines(built: Tiny) -> None:
    """At its placed size, with the type and the lines of its own style; text is text."""
    size = {"column": 3.35, "wide": 7.0, "slide": 11.5, "web": 7.5}
    type_size = {"column": 8, "wide": 8, "slide": 20, "web": 11}
    line = {"column": 1.2, "wide": 1.2, "slide": 2.6, "web": 1.6}
    for medium in MEDIA:
        svg = built.read(f"build/figures/slow.cost.{medium}.svg")
        width = re.search(r'<svg [^>]*width="([0-9.]+)pt"', svg)
        assert width and float(width[1]) == pytest.approx(72 * size[medium])
        label = re.search(r"<text style=\"font-size: ([0-9.]+)px; font-family: 'Source Sans Pro'[^>]*>Weight", svg)
        assert label and float(label[1]) == type_size[medium]
        assert f"stroke-width: {line[medium]}" in svg


def test_pdfs_have_truetype_fonts(built: Tiny) -> None:
    """Embedded as TrueType (Type 42), never as drawings of letters (Type 3); PNG only where a medium asks for it."""
    made = {p.name for p in (built.root / "build/figures").iterdir()}
    assert {name for name in made if name.endswith(".png")} == {"slow.cost.slide.png"}
    for medium in ("column", "wide", "slide"):
        data = (built.root / f"build/figures/slow.cost.{medium}.pdf").read_bytes()
        assert b"/FontFile2" in data and b"/Type3" not in data, medium
    png = (built.root / "build/figures/slow.cost.slide.png").read_bytes()
    assert struct.unpack(">II", png[16:24]) == (int(11.5 * 150), int(5.2 * 150))


def test_a_new_style_draws_without_running_the_notebook(slow: Tiny, tmp_path: Path) -> None:
    """Ten hours are not spent again for a font: the medium is drawn, what shows it is written, and nothing else."""
    slow.write({"figures/slide.mplstyle": "font.size: 24\naxes.labelsize: 24\n"})
    assert ran(slow.octavo("build")) == ["deck.html", "deck.pdf", "deck.pptx", "slow@slide"]
    assert "font-size: 24px" in slow.read("build/figures/slow.cost.slide.svg")
    slow.write({"figures/slide.mplstyle": "font.size: 24\naxes.labelsize: 25\n"})
    said = slow.octavo("status").out
    assert "slow@slide: data file figures/slide.mplstyle changed" in said
    assert ran(slow.octavo("build")) == ["deck.html", "deck.pdf", "deck.pptx", "slow@slide"]
    assert executions(slow) == 1
    other = slow.copy(tmp_path / "other")
    shutil.rmtree(other.root / ".octavo")
    shutil.rmtree(other.root / "build")
    assert other.octavo("build").code == 0 and executions(other) == 2
    for medium in MEDIA:
        for file in sorted((slow.root / "build/figures").glob(f"slow.cost.{medium}.*")):
            assert file.read_bytes() == (other.root / "build/figures" / file.name).read_bytes(), "as if from scratch"


def test_a_new_medium_or_size_is_drawn_from_what_was_kept(slow: Tiny) -> None:
    """A medium that is added or made wider runs no cell."""
    slow.replace("pyproject.toml", "jobs = 2", "jobs = 2\n[tool.octavo.media.poster]\nwidth = 20\nformats = ['svg']")
    assert ran(slow.octavo("build"))[-1] == "slow@poster"
    slow.replace("pyproject.toml", "width = 20", "width = 22")
    assert "slow@poster: parameter changed" in slow.octavo("status").out
    assert slow.octavo("build").code == 0
    assert f'width="{22 * 72}pt"' in slow.read("build/figures/slow.cost.poster.svg")
    assert executions(slow) == 1


def test_a_changed_drawing_is_drawn_and_changed_values_are_shown(slow: Tiny) -> None:
    """Code of the drawing, its variables and its modules are in what is kept; an early cut-off stays one."""
    before = slow.read("build/figures/slow.cost.column.svg")
    slow.replace("notebooks/slow.ipynb", "SCALE = 3.0", "SCALE = 4.0")
    assert set(ran(slow.octavo("build"))) >= {"slow", *(f"slow@{medium}" for medium in MEDIA), "paper.pdf"}
    drawn = slow.read("build/figures/slow.cost.column.svg")
    assert drawn != before
    slow.write({"notebooks/helper.py": "def times(x, by):\n    return by * x\n"})
    said = ran(slow.octavo("build"))
    assert "slow" in said and "paper.pdf" not in said and "deck.html" not in said, "drawn the same, so written nowhere"
    slow.write({"notebooks/helper.py": "def times(x, by):\n    return by * x + 1\n"})
    assert "paper.pdf" in ran(slow.octavo("build"))
    assert slow.read("build/figures/slow.cost.column.svg") != drawn


def test_a_dark_deck_has_dark_figures(slow: Tiny) -> None:
    """One switch: slides, the figures on them, and the template of PowerPoint."""
    slow.replace("pyproject.toml", "'slides/deck.md'", "'slides/deck.md'\ntheme = 'dark'")
    said = slow.octavo("build")
    assert said.code == 0 and executions(slow) == 1, said
    svg = slow.read("build/figures/slow.cost.slide_dark.svg")
    assert re.search(r'<g id="patch_1">\s*<path [^>]*style="fill: #14191f"', svg)
    page = slow.read("build/slides/deck.html")
    assert "--back: #14191F" in page and "#14191f" in page
    slow.octavo("accept", "--all", "--because", "first")
    assert "text-contrast" not in slow.octavo("check", "figures").out


def test_executed_notebooks_show_the_figures(slow: Tiny) -> None:
    """As they are drawn for the first medium, and as they are drawn by now."""
    assert "<svg" in slow.read("build/notebooks/slow.ipynb")
    slow.write({"figures/column.mplstyle": "font.size: 13\naxes.labelsize: 13\n"})
    assert slow.octavo("build").code == 0
    assert "font-size: 13px" in slow.read("build/notebooks/slow.ipynb")
    assert executions(slow) == 1


def test_what_others_kept_is_not_run_unasked(slow: Tiny, tmp_path: Path) -> None:
    """Results are fetched, drawings too; a new style asks for trust, or for a run of one's own."""
    config = slow.read("pyproject.toml")
    slow.write({"pyproject.toml": f"{config}[tool.octavo.store]\naddress = '../lab'\n"})
    assert slow.octavo("build").code == 0
    other = slow.copy(tmp_path / "other")
    shutil.rmtree(other.root / ".octavo")
    said = other.octavo("build")
    assert said.code == 0 and "0 ran" in said.out and executions(other) == 1
    other.write({"figures/slide.mplstyle": "font.size: 24\n"})
    said = other.octavo("build")
    assert said.code == 3
    assert f"error: slow@slide: What it needs of 'slow' was fetched from {tmp_path}/lab, and would run code" in said.err
    assert "Make it here, `octavo build --force slow`, or say `trusted = true` of that store." in said.err
    other.replace("pyproject.toml", "'../lab'", "'../lab'\ntrusted = true")
    assert "slow@slide" in ran(other.octavo("build")) and executions(other) == 1


@pytest.mark.proof
def test_forked_and_ordinary_kernels_keep_the_same(slow: Tiny, tmp_path: Path) -> None:
    """What is kept is the same to the byte, so nothing is drawn again for where it was made."""
    other = slow.copy(tmp_path / "other")
    other.replace("pyproject.toml", "jobs = 2", "jobs = 2\nkernels = 'ordinary'")
    assert other.octavo("build", "--force", "slow", "notebooks").code == 0
    first, second = (next(p.root.glob(".octavo/store/*/*/kept/cost.declaration")) for p in (slow, other))
    assert executions(other) == 2 and first.read_bytes() == second.read_bytes()


KINDS = [
    "import functools\nfrom dataclasses import dataclass\n\nimport octavo\n\nimport helper",
    "@dataclass\nclass Line:\n    top: int\n    def draw(self, fig):\n        fig.subplots().plot([1, self.top])\n\n\n"
    "class Other:\n    def __call__(self, fig):\n        fig.subplots().plot([3, 4])\n\n\n"
    "def plain(fig, data, color='C0'):\n    fig.subplots().plot(data, color=color)",
    "octavo.figure('method', Line(3).draw)\noctavo.figure('other', Other())\n"
    "octavo.figure('partial', functools.partial(plain, data=[1, 2], color='C1'))\nhelper.show('module', [1, 5])\n"
    "for top in (7, 8):\n    octavo.figure(f'top{top}', lambda fig, top=top: plain(fig, [0, top]))",
]
HELPER = "import octavo\n\n\ndef show(name, x):\n    octavo.figure(name, lambda fig: fig.subplots().plot(x))\n"


def test_functions_of_every_kind_are_kept(tiny: Callable[..., Tiny]) -> None:
    """Methods, objects, partial functions, functions of a module, loops; and kept again they are the same bytes."""
    project = tiny({"notebooks/one.ipynb": KINDS, "notebooks/helper.py": HELPER})
    said = project.octavo("build")
    assert said.code == 0, said
    names = sorted(p.name.split(".")[1] for p in (project.root / "build/figures").glob("*.column.svg"))
    assert names == ["method", "module", "other", "partial", "top7", "top8"]
    assert project.octavo("build", "--force", "one").code == 0
    (kept,) = project.root.glob(".octavo/store/*/*/kept")
    before = {p.name: p.read_bytes() for p in kept.iterdir()}
    shutil.rmtree(project.root / ".octavo")
    assert project.octavo("build").code == 0
    assert before == {p.name: p.read_bytes() for p in kept.iterdir()}
    assert project.read("build/figures/one.top7.column.svg") != project.read("build/figures/one.top8.column.svg")


RANDOM = """\
import numpy as np, octavo
np.random.seed(7)
seen = np.random.normal()
def draw(fig):
    fig.subplots().scatter(range(50), np.random.normal(size=50))
octavo.figure('cloud', draw, alt='A cloud')
octavo.value('after', float(np.random.normal()))"""


def test_random_numbers_are_those_of_the_notebook(tiny: Callable[..., Tiny]) -> None:
    """A drawing that takes random numbers shows those that it would have had there; the notebook's own go on."""
    project = tiny({"notebooks/one.ipynb": [RANDOM], "notebooks/two.ipynb": [RANDOM.replace("octavo.figure", "# ")]})
    assert project.octavo("build").code == 0
    said = project.octavo("why", "one.after").out.splitlines()[0]
    assert said.split(" = ")[1] == project.octavo("why", "two.after").out.splitlines()[0].split(" = ")[1]
    first = {m: project.read(f"build/figures/one.cloud.{m}.svg") for m in ("column", "wide")}
    shutil.rmtree(project.root / ".octavo")
    assert project.octavo("build").code == 0
    assert first == {m: project.read(f"build/figures/one.cloud.{m}.svg") for m in first}


WRONG = {
    "a lock": (
        "import threading, octavo\nheld = [threading.Lock()]\n"
        "octavo.figure('f', lambda fig: fig.subplots().plot([1, 2], label=str(held)))",
        "The drawing of 'f' cannot be kept for drawing it again: it uses 'held', a list.",
    ),
    "one medium": (
        "import octavo\ndef draw(fig):\n    ax = fig.subplots()\n    ax.plot([1, 2])\n"
        "    if fig.get_figwidth() > 9:\n        ax.plot(missing)\noctavo.figure('f', draw)",
        "The figure 'f' could not be drawn for the medium 'slide': NameError: name 'missing' is not defined\n"
        "  Its code, in draw, at line 6 of the cell: ax.plot(missing)",
    ),
    "every medium": (
        "import octavo\ndef draw(fig):\n    fig.subplots().plot(missing)\noctavo.figure('f', draw)",
        "notebooks/one.ipynb: Cell 1 raised NameError: name 'missing' is not defined\n  Its code, at line 3:",
    ),
    "nothing": (
        "import octavo\nimport matplotlib.pyplot as plt\noctavo.figure('f', lambda fig: plt.plot([1]))",
        "The figure 'f' stayed empty: draw(fig) drew nothing on it.",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_drawn_is_told(tiny: Callable[..., Tiny], kind: str) -> None:
    """In the cell where that can be; the figure, the medium and the line where it is one medium's alone."""
    code, words = WRONG[kind]
    said = tiny({"notebooks/one.ipynb": [code]}).octavo("build")
    assert said.code == 3 and words in said.err, said.err
    assert "Traceback" not in said.err


def test_what_cannot_be_kept_is_an_error_before_the_run(tiny: Callable[..., Tiny]) -> None:
    """Where the code tells it, nothing runs."""
    code = (
        "import octavo\nrows = (n for n in range(3))\noctavo.figure('f', lambda fig: fig.subplots().plot(list(rows)))"
    )
    project = tiny({"notebooks/one.ipynb": ["open('../ran', 'w').close()", code]})
    said = project.octavo("build")
    assert said.code == 3 and not (project.root / "ran").exists()
    assert (
        "notebooks/one.ipynb: Cell 2: what draws 'f' uses 'rows', a generator, which gives its items once" in said.err
    )


SAVES = """\
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(6.7, 4))
ax.plot([1, 2, 3], [2, 4, 3])
ax.set(xlabel='Weight (g)', ylabel='Cost (USD)')
fig.savefig('../build/costs.png')
plt.close(fig)"""


def test_what_a_notebook_saves_is_scaled_and_told(tiny: Callable[..., Tiny]) -> None:
    """Paper and deck show it, at the size of their media; what is not drawn anew is said, with the way out."""
    files = {name: content for name, content in SLOW.items() if not name.startswith("notebooks/")}
    shown = {n: str(c).replace("slow.cost", "plain.costs\n:alt: Costs") for n, c in files.items() if n.endswith(".md")}
    shown["paper/paper.md"] = shown["paper/paper.md"].replace("There are {val}`slow.n`.", "Few.")
    project = tiny({**files, **shown, "notebooks/plain.ipynb": [SAVES], "build/.keep": ""})
    said = project.octavo("build")
    assert said.code == 0, said
    assert "'plain.costs' is shown as its notebook saved it, scaled and not drawn anew" in said.err
    assert re.search(r"max-width:4\.52in", project.read("build/paper/paper.html")), "3.35 inches, enlarged for the page"
    for kind in ("svg", "pdf", "png"):
        assert (project.root / f"build/figures/plain.costs.saved.{kind}").exists()
    assert b"/Type3" not in (project.root / "build/figures/plain.costs.saved.pdf").read_bytes()
    assert ">Weight (g)<" in project.read("build/figures/plain.costs.saved.svg")
    project.octavo("accept", "--all", "--because", "first")
    found = project.octavo("check", "figures").out
    assert "In the drawing for column text is 5 pt high, as placed, and should be 6 pt." in found
    assert "scaled: 0.5 times as large for column, 1.3 times as large for slide. [figure-redrawn]" in found
