set -e
python generate.py
pytest -q --nbmake --overwrite -n @JOBS@ run_*.ipynb
pytest -q --nbmake --overwrite summary.ipynb
