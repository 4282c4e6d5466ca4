"""The work: 24 points that fit propensity scores to the data of causaldata, and a summary that reads all of them.

The cells are the same for every tool. What differs: how a point hands its result on (a JSON file, or octavo.value),
how the summary takes them (the files, or octavo.sweep), and the parameter cell, where ploomber wants names of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COUNT = "SWEEP_COUNT"  # the environment variable that names the file where each executed notebook adds a line
SEEDS = (0, 1, 2, 3)
TRIMS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1)


@dataclass(frozen=True)
class Point:
    """The parameters of one run."""

    seed: int
    trim: float

    @property
    def name(self) -> str:
        """How files are named for it."""
        return f"s{self.seed}_t{self.trim}"


BASE = tuple(Point(seed, trim) for seed in SEEDS for trim in TRIMS)
ADDED = Point(4, 0.01)

IMPORTS = """\
import os
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
import seaborn as sns
from causaldata import cps_mixtape, nsw_mixtape
from lib.estimators import weighted"""

DATA = """\
trained = nsw_mixtape.load_pandas().data
survey = cps_mixtape.load_pandas().data
people = pd.concat([trained[trained.treat == 1], survey[survey.treat == 0]], ignore_index=True)
people.shape"""

FIT = """\
columns = ["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"]
x, t, y = people[columns].to_numpy(float), people.treat.to_numpy(int), people.re78.to_numpy(float)
att, score = weighted(x, t, y, trim)
rng = np.random.default_rng(seed)
groups = np.flatnonzero(t == 1), np.flatnonzero(t == 0)
drawn = []
for _ in range(8):
    rows = np.concatenate([rng.choice(group, group.size) for group in groups])
    drawn.append(weighted(x[rows], t[rows], y[rows], trim)[0])
se = float(np.std(drawn))
att, se"""

FIGURE = """\
fig, ax = plt.subplots(figsize=(6, 3.5))
sns.histplot(x=score, hue=t, bins=40, log_scale=(False, True), stat="density", common_norm=False, ax=ax)
ax.set(xlabel="propensity score", title=f"seed {seed}, trimmed at {trim}: {att:,.0f}")
plt.show()"""

# The same figure by octavo.figure, which draws it once for each of three media; measured in a row of its own.
DRAWN = """\
def draw(fig):
    ax = fig.subplots()
    sns.histplot(x=score, hue=t, bins=40, log_scale=(False, True), stat="density", common_norm=False, ax=ax)
    ax.set(xlabel="propensity score", title=f"seed {seed}, trimmed at {trim}: {att:,.0f}")
octavo.figure("overlap", draw)"""

# Opened for writing alone, so that no tool that traces what is read takes it for an input.
COUNTED = """\
with open(os.environ["SWEEP_COUNT"], "a") as count:
    print({what}, file=count)"""

TO_FILE = """\
os.makedirs(os.path.dirname(out), exist_ok=True)
with open(out, "w") as file:
    json.dump({"seed": seed, "trim": trim, "att": att, "se": se}, file)"""

FROM_FILES = """\
import glob, json, os
import pandas as pd
import matplotlib.pyplot as plt
import seaborn as sns
frame = pd.DataFrame([json.load(open(name)) for name in sorted(glob.glob(f"{results}/*.json"))])
frame.pivot_table(index="trim", columns="seed", values="att")"""

FROM_OCTAVO = """\
import os
import matplotlib.pyplot as plt
import seaborn as sns
import octavo
frame = octavo.sweep("experiment")
frame.pivot_table(index="trim", columns="seed", values="att")"""

SUMMARY_FIGURE = """\
fig, ax = plt.subplots(figsize=(6, 3.5))
sns.lineplot(data=frame, x="trim", y="att", ax=ax)
plt.show()"""

MODULE = '''\
"""What the experiment imports from beside it."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def weighted(x, t, y, trim):
    """Return the effect on the treated by inverse propensity weighting, and the propensity scores."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    score = model.fit(x, t).predict_proba(x)[:, 1]
    kept = (t == 0) & (score > trim) & (score < 1 - trim)
    odds = score / (1 - score)
    return float(y[t == 1].mean() - np.average(y[kept], weights=odds[kept])), score
'''


def experiment(flavour: str) -> list[tuple[str, str]]:
    """Return the cells of the experiment, kind and text: ``files``, ``ploomber``, ``octavo`` or ``octavo-figures``."""
    parameters, imports, hand_on, figure = "seed = 0\ntrim = 0.01", IMPORTS, TO_FILE, FIGURE
    if flavour.startswith("octavo"):
        imports += "\nimport octavo"
        hand_on = 'octavo.value("att", att, se=se)'
        figure = DRAWN if flavour == "octavo-figures" else FIGURE
    else:
        imports = f"import json\n{imports}"
    if flavour == "files":
        parameters += '\nout = "results/default.json"'
    elif flavour == "ploomber":
        parameters = f"upstream = None\nproduct = None\n{parameters}"
        hand_on = f'out = product["data"]\n{hand_on}'
    return [
        ("markdown", "# The effect of training, by inverse propensity weighting"),
        ("parameters", parameters),
        ("code", imports),
        ("code", DATA),
        ("markdown", "## Fit"),
        ("code", FIT),
        ("code", figure),
        ("code", hand_on),
        ("code", COUNTED.format(what='"point", seed, trim')),
    ]


def summary(flavour: str) -> list[tuple[str, str]]:
    """Return the cells of the summary; it counts how many results it read."""
    parameters = {"files": 'results = "results"', "ploomber": "upstream = ['point-*']\nproduct = None"}
    load = FROM_OCTAVO if flavour.startswith("octavo") else FROM_FILES
    if flavour == "ploomber":
        load = f'results = "results"\n{load}'
    head = [("parameters", parameters[flavour])] if flavour in parameters else []
    return [
        ("markdown", "# Summary of the sweep"),
        *head,
        ("code", load),
        ("code", SUMMARY_FIGURE),
        ("code", COUNTED.format(what='"summary", len(frame)')),
    ]


def notebook(cells: Sequence[tuple[str, str]]) -> str:
    """Return a notebook of cells, each a kind (``markdown``, ``code``, ``parameters``) and a text."""
    made: list[Mapping[str, Any]] = []
    for number, (kind, text) in enumerate(cells):
        code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind != "markdown" else {}
        tags = {"tags": ["parameters"]} if kind == "parameters" else {}
        what = "markdown" if kind == "markdown" else "code"
        made.append({"cell_type": what, "id": f"cell-{number}", "metadata": tags, "source": text, **code})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1) + "\n"


def write(folder: Path, flavour: str) -> None:
    """Write both notebooks and the module that the experiment imports."""
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    (folder / "lib" / "__init__.py").touch()
    (folder / "lib" / "estimators.py").write_text(MODULE, encoding="utf-8")
    for name, cells in (("experiment", experiment(flavour)), ("summary", summary(flavour))):
        (folder / f"{name}.ipynb").write_text(notebook(cells), encoding="utf-8")


def edit(experiment: Path, kind: str) -> None:
    """Edit the experiment as its author would: a sentence in the first Markdown cell, or a comment where it fits."""
    content = json.loads(experiment.read_text(encoding="utf-8"))
    if kind == "markdown":
        content["cells"][0]["source"] += "\n\nOne more sentence."
    else:
        cell = next(c for c in content["cells"] if c["source"].startswith("columns ="))
        cell["source"] = f"# One more comment.\n{cell['source']}"
    experiment.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def points(row: str, count: int) -> tuple[Point, ...]:
    """Return the points that the plan has in a row: the first ``count``, from ``changed`` on the last one changed."""
    base = list(BASE[:count])
    if row in ("changed", "added", "changed cold"):
        base[-1] = Point(base[-1].seed, 0.3 if row == "changed cold" else 0.2)
    return tuple(base) if row not in ("added", "changed cold") else (*base, ADDED)
