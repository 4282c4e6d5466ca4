POINTS = [@POINTS@]


def task_point():
    for seed, trim in POINTS:
        name = f"s{seed}_t{trim}"
        notebook, result = f"runs/{name}.ipynb", f"results/{name}.json"
        command = f"papermill --no-progress-bar experiment.ipynb {notebook} -p seed {seed} -p trim {trim} -p out {result}"
        yield {
            "name": name,
            "file_dep": ["experiment.ipynb", "lib/estimators.py"],
            "targets": [notebook, result],
            "actions": [command],
        }


def task_summary():
    return {
        "file_dep": ["summary.ipynb", *(f"results/s{seed}_t{trim}.json" for seed, trim in POINTS)],
        "targets": ["runs/summary.ipynb"],
        "actions": ["papermill --no-progress-bar summary.ipynb runs/summary.ipynb"],
    }
