#!/bin/sh
# The whole test suite with what it needs: both virtual environments, two real Ollamas, the checks, every test on this
# Python, and those that drive no Ollama once more with the requirements of Python 3.10, but for the two long ones: every
# answer of the service held against its description, every example of the documents. What fails most often comes first.
#
# ORAC_CACHE keeps the Ollamas from run to run (default: orac-bench in XDG_CACHE_HOME, or in ~/.cache); it may be
# deleted at any time. ORAC_TEST_OLLAMA and ORAC_TEST_OLLAMA_NEWER name others instead of building them.
set -eu
cd "$(dirname "$0")/.."
cache=${ORAC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/orac-bench}

# A test that stands still for ten minutes ends its process with every thread's stack, instead of holding all up for ever.
still="-o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true"

quick() { # with a Python: the tests that drive no Ollama, each file's in one process of two
    python=$1
    shift
    # shellcheck disable=SC2086 # the options of $still are words
    "$python" -m pytest tests $still "$@" --ignore=tests/performance --ignore=tests/container -m "not real" \
        --numprocesses=2 --max-worker-restart=0 --dist=loadfile --no-loadscope-reorder
}

sh scripts/venv.sh dev
sh scripts/check.sh

echo "== every test on $(.venv/bin/python --version), newest requirements: first those that drive no Ollama, two at a time"
quick .venv/bin/python

if [ -n "${ORAC_TEST_OLLAMA:-}" ] && [ -n "${ORAC_TEST_OLLAMA_NEWER:-}" ]; then
    echo "== no Ollama is built with Go: the tests drive $ORAC_TEST_OLLAMA and $ORAC_TEST_OLLAMA_NEWER"
fi
if [ -z "${ORAC_TEST_OLLAMA:-}" ]; then
    export ORAC_TEST_OLLAMA="$cache/ollama-0.11.4"
    .venv/bin/python scripts/build_ollama.py --version 0.11.4 --to "$ORAC_TEST_OLLAMA"
fi
if [ -z "${ORAC_TEST_OLLAMA_NEWER:-}" ]; then
    export ORAC_TEST_OLLAMA_NEWER="$cache/ollama-0.20.7"
    .venv/bin/python scripts/build_ollama.py --version 0.20.7 --headers "$cache/headers" --to "$ORAC_TEST_OLLAMA_NEWER"
fi
echo "== those that drive a real one, one at a time, as it wants both cores"
# shellcheck disable=SC2086
.venv/bin/python -m pytest tests $still --ignore=tests/performance --ignore=tests/container -m real

echo "== every branch of stats/ is taken by its tests"
.venv/bin/python -m coverage run --branch --source=orac_bench/stats --data-file=.venv/coverage -m pytest -q \
    tests/test_ranks.py tests/test_compare.py tests/test_plan.py tests/test_stopping.py tests/test_change_points.py \
    tests/test_summary.py tests/test_simulation.py
.venv/bin/python -m coverage report --data-file=.venv/coverage --fail-under=100

if .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))'; then
    echo "== that was Python 3.10 with its requirements: there is no other round"
    exit
fi
PYTHON=$(sh scripts/python310.sh) sh scripts/venv.sh py310
echo "== types with the requirements of Python 3.10, whose SQLAlchemy is an older one"
.venv-py310/bin/mypy --cache-dir=.mypy_cache/py310
echo "== the tests that drive no Ollama, on $(.venv-py310/bin/python --version) with the requirements of Python 3.10"
quick .venv-py310/bin/python --ignore=tests/test_api_described.py --ignore=tests/test_docs_done.py
