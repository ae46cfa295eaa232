#!/bin/sh
# Writes requirements/*.txt anew from pyproject.toml and requirements/*.in: the newest versions that fit, with hashes.
# build.txt, runtime.txt and dev.txt serve Python 3.10 to 3.13 by markers; py310.txt is dev.txt as 3.10 sees it.
set -eu
cd "$(dirname "$0")/.."

if ! command -v uv >/dev/null; then
    echo "uv is not on PATH; it resolves for all Pythons at once. Type: pip install uv" >&2
    exit 2
fi

compile() {
    uv pip compile --quiet --upgrade --no-config --generate-hashes --no-emit-index-url --no-annotate \
        --custom-compile-command "make lock" --python-version 3.10 "$@"
}

cd requirements
compile --universal ../pyproject.toml build.in dev.in --output-file dev.txt
compile --universal ../pyproject.toml --constraints dev.txt --output-file runtime.txt
compile --universal build.in --constraints dev.txt --output-file build.txt
compile --python-platform x86_64-manylinux_2_28 ../pyproject.toml build.in dev.in --constraints dev.txt --output-file py310.txt
grep -c '==' build.txt runtime.txt dev.txt py310.txt
