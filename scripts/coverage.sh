#!/bin/sh
# Which branches of the package no test takes, with the tests that drive a real Ollama and every process that they start.
# Needs .venv with the dev requirements and both Ollamas, as `make test` leaves them. Takes half an hour on two cores.
#
# Words are given to pytest in place of `tests`: what was counted is shown without the goal then.
set -eu
cd "$(dirname "$0")/.."
cache=${ORAC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/orac-bench}
export ORAC_TEST_OLLAMA="${ORAC_TEST_OLLAMA:-$cache/ollama-0.11.4}"
export ORAC_TEST_OLLAMA_NEWER="${ORAC_TEST_OLLAMA_NEWER:-$cache/ollama-0.20.7}"

coverage() {
    word=$1
    shift
    .venv/bin/python -m coverage "$word" --rcfile=scripts/coverage.ini "$@"
}

coverage erase
if [ $# -gt 0 ]; then
    coverage run -m pytest "$@" || failed=1
    coverage combine --quiet
    coverage report
    exit ${failed:-0}
fi
# Left out: what asks when a beginning service heeds SIGTERM. The counting program heeds it from the first moment on.
coverage run -m pytest tests --ignore=tests/performance --ignore=tests/container \
    --deselect tests/test_serve.py::test_told_to_end_while_it_begins_it_ends_in_order_and_says_nothing_of_listening
coverage combine --quiet
coverage report --fail-under=90
