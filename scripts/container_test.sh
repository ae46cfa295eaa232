#!/bin/sh
# The Dockerfile built and run on this machine, without Docker and without a board: tests/container. Arguments go to
# pytest; --with-tests runs `make test` in the `test` image as well, which takes half an hour.
#
# Needs root, buildah, crun, debootstrap and iproute2. ORAC_CACHE keeps the bare system of the stand-in and the Ollama
# that goes into the image (see test.sh); ORAC_TEST_OLLAMA_NEWER names another instead of building it.
set -eu
cd "$(dirname "$0")/.."
export ORAC_CACHE="${ORAC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/orac-bench}"

sh scripts/venv.sh dev
if [ -z "${ORAC_TEST_OLLAMA_NEWER:-}" ]; then
    export ORAC_TEST_OLLAMA_NEWER="$ORAC_CACHE/ollama-0.20.7"
    .venv/bin/python scripts/build_ollama.py --version 0.20.7 --headers "$ORAC_CACHE/headers" \
        --to "$ORAC_TEST_OLLAMA_NEWER"
fi
exec .venv/bin/python -m pytest -s -p tests.performance.conftest tests/container "$@"
