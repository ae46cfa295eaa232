#!/bin/sh
# Prints the path of a Python that stands for the oldest one supported, which is what the board's container has: a
# real 3.10 where there is one, on PATH or from pyenv; else the oldest newer one, so that at least the libraries are
# those of 3.10. Prints nothing where there is none at all.
set -eu

# A pyenv shim is on PATH even where its version is not chosen; what it stands for lies in pyenv's folder.
for candidate in python3.10 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10*/bin/python3.10 python3.11 python3.12 python3.13 python3; do
    if "$candidate" -c 'import sqlite3, ssl, venv, ensurepip' >/dev/null 2>&1; then
        command -v "$candidate"
        exit
    fi
done
