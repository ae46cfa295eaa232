#!/bin/sh
# The Dockerfile built and run on this machine, without Docker and without a board: tests/container.
#
#   sh scripts/container_test.sh [ARGUMENT...]    everything; arguments go to pytest:
#        --with-tests       runs `make test` in the `test` image as well, which takes half an hour
#        --with-source      compiles the image's Ollama in it as well, which takes ten minutes
#        --storage FOLDER   keeps what was built for the next time
#   sh scripts/container_test.sh numbers          its numbers only, written into docs/numbers.md, as `make performance`
#                                                 does; where they cannot be measured it says so
#
# Needs root, buildah, crun, debootstrap and iproute2. ORAC_CACHE keeps the bare system of the stand-in and the Ollama
# that goes into the image (see test.sh); ORAC_TEST_OLLAMA_NEWER names another instead of building it.
set -eu
cd "$(dirname "$0")/.."
export ORAC_CACHE="${ORAC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/orac-bench}"

if [ "${1:-}" = numbers ]; then
    shift
    for program in buildah crun debootstrap ip; do
        if [ "$(id -u)" != 0 ] || ! command -v "$program" >/dev/null; then
            echo "The container's numbers are left out: they need root, buildah, crun, debootstrap and iproute2." >&2
            exit 0
        fi
    done
    set -- tests/container/test_numbers.py --numbers docs/numbers.md "$@"
else
    set -- tests/container "$@"
fi

sh scripts/venv.sh dev
if [ -z "${ORAC_TEST_OLLAMA_NEWER:-}" ]; then
    export ORAC_TEST_OLLAMA_NEWER="$ORAC_CACHE/ollama-0.20.7"
    .venv/bin/python scripts/build_ollama.py --version 0.20.7 --headers "$ORAC_CACHE/headers" \
        --to "$ORAC_TEST_OLLAMA_NEWER"
fi
exec .venv/bin/python -m pytest -s -p tests.performance.conftest "$@"
