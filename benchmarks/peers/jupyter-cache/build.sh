set -e
export JUPYTERCACHE="$PWD/.jupyter_cache"
python generate.py
yes | jcache notebook clear --force
yes | jcache notebook add run_*.ipynb
jcache project execute --executor local-parallel --timeout 600
yes | jcache notebook add summary.ipynb
jcache project execute --timeout 600
