"""A drawing function that cannot be kept is told before anything runs, where its code tells (promise 1)."""

from __future__ import annotations

import ast

import pytest

from octavo.notebooks.drawable import faults

IMPORTS = "import octavo\nimport sqlite3\nimport threading\nimport matplotlib.pyplot as plt"


def found(*cells: str) -> list[str]:
    """Return what is said of the cells, each by its number."""
    return [what for what, _ in faults([(number, ast.parse(cell)) for number, cell in enumerate((IMPORTS, *cells), 1)])]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("octavo.figure('f', 3)", "Cell 2: 'f' must be drawn by a function, not by 3."),
        ("octavo.figure('f', draw=[1, 2])", "Cell 2: 'f' must be drawn by a function, not by [1, 2]."),
        (
            "async def draw(fig):\n    fig.subplots()\noctavo.figure('f', draw)",
            "Cell 2: the function that draws 'f' is async, so nothing would be drawn.",
        ),
        (
            "def draw(fig):\n    yield fig.subplots()\noctavo.figure('f', draw)",
            "Cell 2: the function that draws 'f' yields, so nothing would be drawn.",
        ),
        (
            "def draw(fig):\n    global top\n    top = fig.subplots().get_ylim()\noctavo.figure('f', draw)",
            "Cell 2: the function that draws 'f' sets the notebook's 'top', which is lost when it is drawn again.",
        ),
        (
            "db = sqlite3.connect('x.db')\noctavo.figure('f', lambda fig: fig.subplots().plot(db.execute('select 1')))",
            "Cell 2: what draws 'f' uses 'db', a connection to a database: it cannot be kept.",
        ),
        (
            "with open('x') as file:\n    pass\noctavo.figure('f', lambda fig: fig.suptitle(file.read()))",
            "Cell 2: what draws 'f' uses 'file', a file that is closed by then: it cannot be kept.",
        ),
        (
            "rows = (n for n in range(3))\noctavo.figure('f', lambda fig: fig.subplots().plot(list(rows)))",
            "Cell 2: what draws 'f' uses 'rows', a generator, which gives its items once: it cannot be kept.",
        ),
        (
            "lock = threading.Lock()\ndef help(ax):\n    with lock:\n        ax.plot([1])\n"
            "def make(kind):\n    def draw(fig):\n        help(fig.subplots())\n    return draw\n"
            "octavo.figure('f', make('a'))",
            "Cell 2: what draws 'f' uses 'lock', a lock: it cannot be kept.",
        ),
        (
            "from octavo import figure as show\nlog = open('x', 'w')\nshow('f', lambda fig: log.write('drawn'))",
            "Cell 2: what draws 'f' uses 'log', an open file: it cannot be kept.",
        ),
    ],
)
def test_what_cannot_be_kept_is_told_with_its_cell(cell: str, said: str) -> None:
    """The cell, the figure and the variable are named."""
    assert found(cell) == [said]


@pytest.mark.parametrize(
    "cell",
    [
        "x = [1, 2]\ndef draw(fig):\n    fig.subplots().plot(x)\noctavo.figure('f', draw)",
        "text = open('x').read()\noctavo.figure('f', lambda fig: fig.suptitle(text))",
        "rows = (n for n in range(3))\nrows = list(rows)\noctavo.figure('f', lambda fig: fig.subplots().plot(rows))",
        "db = sqlite3.connect('x')\noctavo.figure('f', lambda fig, db=3: fig.subplots().plot([db]))",
        "def draw(fig):\n    def one():\n        yield 1\n    fig.subplots().plot([*one()])\noctavo.figure('f', draw)",
        "plt.figure('f', 3)",
        "octavo.figure(name, draw)",
        "from elsewhere import draw\noctavo.figure('f', draw)",
    ],
)
def test_what_may_be_kept_is_let_through(cell: str) -> None:
    """What the code does not tell for certain is left to the run."""
    assert found(cell) == []
