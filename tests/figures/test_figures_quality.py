"""What a mentor asks of a figure: each rule finds the figure that breaks it, and passes the one that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from tests.drawn import drawn

from octavo.checks.rules import RULES
from octavo.figures.quality import Shown, check
from octavo.figures.record import read
from octavo.model import Medium

if TYPE_CHECKING:
    from tests.conftest import Content, Tiny

Draw = Callable[[Any], object]
GOOD = ("#000000", "#e69f00")  # Okabe and Ito's


def shown(
    draw: Draw, folder: Path, *, alt: str = "A.", captions: tuple[str, ...] = (), formats: Any = ("svg",)
) -> Shown:
    """Return a figure of one medium as it is judged."""
    medium = Medium("column", 6.0, "", formats, 4.0)
    figure = drawn("f", draw, alt=alt, aspect=1, media=(medium,), folder=folder, root=folder)
    drawings = {d.medium: (folder / Path(d.file).name).read_text() for d in figure.drawings if d.format == "svg"}
    record = read((folder / Path(figure.data).name).read_bytes(), figure.data)
    return Shown("one.f", figure, record, drawings, captions)


def found(draw: Draw, folder: Path, **options: Any) -> dict[str, str]:
    return {f.rule.removeprefix("figure-"): f.message for f in check(shown(draw, folder, **options))}


def plain(fig: Any, colours: tuple[str, ...] = GOOD, **axes: Any) -> Any:
    """Draw lines in these colours, with all that is asked of a figure."""
    ax = fig.subplots()
    for number, colour in enumerate(colours):
        ax.plot([1, 2, 3], [number, 2, 3 - number], color=colour, label=f"m{number}")
    ax.legend()
    ax.set(**{"xlabel": "length (m)", "ylabel": "cost (USD)", **axes})
    return ax


def twice(ax: Any) -> None:
    ax.text(1.5, 1, "one")
    ax.text(1.5, 1, "two")


def bars(fig: Any, bottom: float) -> None:
    ax = fig.subplots()
    ax.bar(["a", "b"], [3, 4])
    ax.set(ylim=(bottom, 5), ylabel="cost (USD)")


def error_bars(fig: Any) -> None:
    plain(fig).errorbar([1, 2], [1, 2], yerr=0.2, color="black")


def test_a_good_figure_has_no_findings(tmp_path: Path) -> None:
    """Nothing is found where nothing is wrong."""
    assert found(plain, tmp_path) == {}
    assert found(lambda fig: bars(fig, 0), tmp_path) == {}


@pytest.mark.parametrize(
    ("rule", "draw", "told"),
    [
        ("text-readable", lambda fig: plain(fig).text(1, 1, "tiny", fontsize=4), "text is 4 pt high"),
        ("line-printable", lambda fig: plain(fig).plot([1, 2], [1, 1], lw=0.2, color="black"), "0.2 pt"),
        (
            "text-apart",
            lambda fig: (plain(fig), fig.text(0.97, 0.5, "over the edge of it all")),
            "'over the edge of it all' is cut off",
        ),
        ("text-apart", lambda fig: twice(plain(fig)), "'one' and 'two' lie on one another"),
        ("text-contrast", lambda fig: plain(fig).text(1, 1, "pale", color="#cccccc"), "'pale' (#cccccc)"),
        ("colours-apart", lambda fig: plain(fig, ("#ff7f0e", "#2ca02c")), "'m0' and 'm1' look alike to people without"),
        ("greys-apart", lambda fig: plain(fig, ("#808080", "#d55e00")), "look alike in grey"),
        ("bars-from-zero", lambda fig: bars(fig, 2), "The y axis of its bars begins at 2."),
        ("axis-labelled", lambda fig: plain(fig, xlabel=""), "The x axis has no label."),
        ("axis-unit", lambda fig: plain(fig, xlabel="length"), "The label 'length' of the x axis names no unit."),
    ],
)
def test_each_rule_finds_what_breaks_it(rule: str, draw: Draw, told: str, tmp_path: Path) -> None:
    """By the figure's name, in words, and nothing else is found."""
    told_of = found(draw, tmp_path)
    assert told in told_of.get(rule, ""), told_of
    assert told_of[rule].startswith("one.f: ")
    assert set(told_of) <= {rule, "greys-apart"}


def test_what_stands_beside_a_figure_is_looked_at(tmp_path: Path) -> None:
    """Its alternative text, its caption where it has error bars, and the resolution of a picture alone."""
    assert set(found(plain, tmp_path, alt="")) == {"alt-text"}
    bare = shown(plain, tmp_path, alt="")
    assert {f.rule for f in check(msgspec.structs.replace(bare, alts=("Lines.", "")))} == {"figure-alt-text"}
    assert not check(msgspec.structs.replace(bare, alts=("Lines.",))), "the paper gives one at the only place"
    assert set(found(error_bars, tmp_path, captions=("Costs by length.",))) == {"interval-named"}
    assert found(error_bars, tmp_path, captions=("Costs, with 95% confidence intervals.",)) == {}
    assert found(plain, tmp_path, formats=("png",)) == {}, "a picture alone is drawn finely"
    coarse = shown(plain, tmp_path, formats=("png",))
    drawing = msgspec.structs.replace(coarse.figure.drawings[0], dpi=96.0)
    figure = msgspec.structs.replace(coarse.figure, drawings=(drawing,))
    (told,) = check(msgspec.structs.replace(coarse, figure=figure))
    assert told.message == "one.f: For column there is only a picture of 96 dots an inch."


def test_an_interval_without_a_seed_is_found(tmp_path: Path) -> None:
    """With other random numbers its bootstrap gives other ends; with a seed it does not. The notebook's go on."""
    import seaborn as sns

    def draw(fig: Any, seed: int | None) -> None:
        ax = fig.subplots()
        sns.lineplot(x=[1] * 20 + [2] * 20, y=[n**1.5 for n in range(40)], seed=seed, ax=ax)
        ax.set(xlabel="length (m)", ylabel="cost (USD)")

    told = found(lambda fig: draw(fig, None), tmp_path)
    assert set(told) == {"seeded"} and told["seeded"].endswith("with others it shows something else: band."), told
    np.random.seed(5)
    assert found(lambda fig: draw(fig, 1), tmp_path) == {}
    after = np.random.random()
    np.random.seed(5)
    assert np.random.random() == after


def askew(fig: Any, *, apart: float) -> None:
    """Draw long labels that stand askew, side by side: their boxes overlap in any case, they themselves may not."""
    ax = plain(fig)
    for number in range(3):
        ax.text(1.2 + apart * number, 1, f"a long label {number}", rotation=45, fontsize=8)


def test_texts_that_stand_askew_are_looked_at(tmp_path: Path) -> None:
    """By their own outlines, not by the boxes around them."""
    assert "text-apart" not in found(lambda fig: askew(fig, apart=0.3), tmp_path)
    told = found(lambda fig: askew(fig, apart=0.02), tmp_path)["text-apart"]
    assert "'a long label 0' and 'a long label 1' lie on one another" in told


def test_every_rule_is_in_the_table(tmp_path: Path) -> None:
    """`octavo check --rules` knows all that can be found, and how grave it is."""
    known = {rule.id for rule in RULES}
    pale = shown(
        lambda fig: plain(fig, ("#ff7f0e", "#2ca02c"), xlabel="").text(1, 1, "x", color="#dddddd"), tmp_path, alt=""
    )
    assert {finding.rule for finding in check(pale)} <= known


def test_a_rule_is_waived_by_name_with_a_reason(tiny: Callable[..., Tiny]) -> None:
    """Then it passes, and says so; a waiver of nothing is an error."""
    config = '[tool.octavo]\ntitle = "T"\n[tool.octavo.media.column]\nwidth = 3.0\nformats = ["svg"]\n'
    cell = (
        "def draw(fig):\n    ax = fig.subplots()\n    ax.bar(['a', 'b'], [3, 4])\n"
        "    ax.set(ylim=(2, 5), ylabel='n (1)')\n"
    )
    files: dict[str, Content] = {
        "pyproject.toml": config,
        "notebooks/one.ipynb": ["import octavo", f"{cell}octavo.figure('line', draw, alt='Two bars.')"],
    }
    project = tiny(files)
    assert project.octavo("build").code == 0
    assert project.octavo("accept", "--all", "--because", "first").code == 0
    said = project.octavo("check", "figures")
    assert said.code == 1 and "error: one.line: The y axis of its bars begins at 2. [figure-bars-from-zero]" in said.out
    waiver = '[tool.octavo.waivers]\n"one.line" = { "figure-bars-from-zero" = "both bars are near 4" }\n'
    project.write({"pyproject.toml": config + waiver})
    said = project.octavo("check", "figures")
    assert said.code == 0 and "Waived: both bars are near 4" in said.out, said
    project.replace("notebooks/one.ipynb", "[3, 4]", "[3, 4.5]")
    assert project.octavo("check", "figures").code == 1
    waiver = waiver.replace("}", ', "figure-as-accepted" = "the new run is not final" }')
    project.write({"pyproject.toml": config + waiver})
    said = project.octavo("check", "figures")
    assert said.code == 0 and "changed: figure one.line (waived: the new run is not final)" in said.out, said
    project.write({"pyproject.toml": config + waiver.replace("one.line", "one.lines")})
    said = project.octavo("check", "figures")
    assert said.code == 4 and "There is no result 'one.lines'." in said.out, said
    project.write({"pyproject.toml": config + waiver.replace("from-zero", "from-one")})
    said = project.octavo("check", "figures")
    assert said.code == 4 and "There is no rule 'figure-bars-from-one'." in said.out, said
