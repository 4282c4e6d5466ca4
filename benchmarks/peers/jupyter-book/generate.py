from pathlib import Path

from papermill import execute_notebook

POINTS = [@POINTS@]

names = [f"s{seed}_t{trim}" for seed, trim in POINTS]
for old in Path("points").glob("*.ipynb"):
    if old.stem not in names:
        old.unlink()
for name, (seed, trim) in zip(names, POINTS, strict=True):
    parameters = {"seed": seed, "trim": trim, "out": f"../results/{name}.json"}
    execute_notebook("experiment.ipynb", f"points/{name}.ipynb", parameters, prepare_only=True, progress_bar=False)
execute_notebook(
    "summary.ipynb", "summary/summary.ipynb", {"results": "../results"}, prepare_only=True, progress_bar=False
)
