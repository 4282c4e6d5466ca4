from pathlib import Path

from papermill import execute_notebook

POINTS = [@POINTS@]

names = [f"s{seed}_t{trim}" for seed, trim in POINTS]
for old in Path().glob("run_*.ipynb"):
    if old.stem.removeprefix("run_") not in names:
        old.unlink()
for name, (seed, trim) in zip(names, POINTS, strict=True):
    parameters = {"seed": seed, "trim": trim, "out": f"results/{name}.json"}
    execute_notebook("experiment.ipynb", f"run_{name}.ipynb", parameters, prepare_only=True, progress_bar=False)
