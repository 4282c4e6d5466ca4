"""Slow proofs: a whole project without a network, and in two folders at once."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Tiny

pytestmark = pytest.mark.proof

CONFIG = """[tool.octavo]
title = "A study"
jobs = 2
[tool.octavo.media.column]
width = 3.35
formats = ["svg"]
[tool.octavo.media.slide]
width = 11.5
height = 5.2
formats = ["svg", "pdf", "png"]
[tool.octavo.sweeps.fit]
notebook = "notebooks/fit.ipynb"
grid = { a = [1, 2] }
[tool.octavo.paper]
source = "paper/paper.md"
bibliography = "bib/refs.bib"
[tool.octavo.slides]
source = "slides/deck.md"
bibliography = "bib/refs.bib"
template = "theme/template.pptx"
"""
PAPER = """---
title: A paper
authors:
  - name: Ann Author
---

# One

We count {val}`all.sum`, as @smith1986 did; see [](#fig-line), [](#tab-rows) and $x^2$.

:::{result-figure} all.line
:label: fig-line
A line.
:::

:::{table} Rows.
:label: tab-rows
```{result-table} all.rows
```
:::
"""
DECK = """---
title: A deck
---

:::{notes}
Welcome.
:::

# One

We count {val}`all.sum`, as @smith1986 did.

:::{notes}
Spoken.
:::

# A line that rises

:::{result-figure} all.line
:width: slide
A line.
:::

:::{notes}
Spoken.
:::
"""
BIB = (
    "@article{smith1986,\n author={Smith, Ann}, title={On it}, journal={A Journal}, year={1986},\n"
    " doi={10.1000/182}, url={https://example.org/paper}\n}\n"
)
FIT = ["[parameters] a = 0", "import octavo\noctavo.value('twice', 2 * a)"]
ALL = [
    "import octavo\nframe = octavo.sweep('fit')\noctavo.value('sum', int(frame['twice'].sum()))\n"
    "octavo.table('rows', frame)\n"
    "octavo.figure('line', lambda fig: fig.subplots().plot(frame['a'], frame['twice']), alt='A line that rises')"
]
MADE = (
    "paper/paper.pdf",
    "paper/paper.html",
    "slides/deck.html",
    "slides/deck.pptx",
    "slides/deck.pdf",
    "index.html",
    "results.json",
)

LOOPBACK_UP = 'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 1))'
COMMAND = "from octavo.cli import main; main()"


@pytest.fixture
def project(tiny: Callable[..., Tiny]) -> Tiny:
    """Two points of a sweep, a notebook that reads them, a paper and a deck."""
    from octavo.slides import template

    return tiny(
        {
            "pyproject.toml": CONFIG,
            "paper/paper.md": PAPER,
            "slides/deck.md": DECK,
            "bib/refs.bib": BIB,
            "theme/template.pptx": template.make(),
            "notebooks/fit.ipynb": FIT,
            "notebooks/all.ipynb": ALL,
        }
    )


def outputs(root: Path) -> dict[str, bytes]:
    """Return what a build published, by name: documents, drawings, the landing page, the results."""
    folder = root / "build"
    names = [*MADE, *(p.relative_to(folder).as_posix() for p in sorted((folder / "figures").glob("*.*")))]
    return {name: (folder / name).read_bytes() for name in names}


def test_a_clean_build_without_any_network(project: Tiny) -> None:
    """With no interface but loopback, a project that was never built is built whole."""
    unshare, ip = shutil.which("unshare"), shutil.which("ip")
    if not unshare:
        pytest.skip("unshare is not installed: the package util-linux has it")
    cut = [unshare, "--user", "--map-root-user", "--net"]
    if subprocess.run([*cut, "true"], capture_output=True, timeout=60).returncode:
        pytest.skip("the kernel lets nobody make a network of their own (unshare --user --net)")
    # Without ip(8), Python asks the kernel itself: SIOCSIFFLAGS with IFF_UP for lo.
    up = f"{ip} link set lo up" if ip else f"{sys.executable} -c '{LOOPBACK_UP}'"
    offline = 'import socket; socket.create_connection(("192.0.2.1", 80), 3)'
    build = f"{up} && ! {sys.executable} -c '{offline}' 2>/dev/null && exec {sys.executable} -c \"{COMMAND}\" build"
    done = subprocess.run([*cut, "sh", "-c", build], cwd=project.root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(outputs(project.root).values())


def test_two_folders_give_the_same_files(project: Tiny, tmp_path: Path) -> None:
    """The same sources, in two folders whose names differ in length, give the same bytes; none names its folder."""
    other = project.copy(tmp_path / "elsewhere" / "a-longer-name-for-the-same-project")
    made = []
    for tree in (project, other):
        said = tree.octavo("build", timeout=300)
        assert said.code == 0, said
        made.append(outputs(tree.root))
    assert made[0].keys() == made[1].keys() and len(made[0]) > len(MADE) + 2
    assert [name for name in made[0] if made[0][name] != made[1][name]] == []
    named = re.compile(rb"/tmp/|a-longer-name")
    assert [name for name, data in made[1].items() if named.search(data)] == []
