set -e
export PYTHONPATH="$PWD"
python generate.py
(cd points && jupyter-book build --site --execute)
# A book executes its pages in any order, so what reads the others' results is a book of its own.
(cd summary && jupyter-book build --site --execute)
