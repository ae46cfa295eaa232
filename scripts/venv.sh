#!/bin/sh
# Makes a virtual environment and puts the project into it, editable; a second call finds that nothing has changed.
#
#   sh scripts/venv.sh runtime    .venv with what measuring needs
#   sh scripts/venv.sh dev        .venv with what tests and checks need, too
#   sh scripts/venv.sh py310      .venv-py310 with the requirements as Python 3.10 has them; see python310.sh
#
# PYTHON names the interpreter; without it the newest of Python 3.10 to 3.13 on PATH is taken.
set -eu
cd "$(dirname "$0")/.."
set_name=$1

case $set_name in
    runtime) folder=.venv files='build runtime' what="what measuring needs (pytest, httpx, SQLModel, pandas, rich)" ;;
    dev) folder=.venv files='dev' what="what measuring and testing need (also ruff, mypy, hypothesis, scipy)" ;;
    py310) folder=.venv-py310 files='py310' what="the same as Python 3.10 has them" ;;
    *) echo "venv.sh: '$set_name' is none of runtime, dev, py310" >&2; exit 2 ;;
esac
python=$folder/bin/python

# What was installed, from which lists, at which place: another checksum means that something has changed.
checksum() {
    for name in $files; do set -- "$@" "requirements/$name.txt"; done
    { pwd; cat pyproject.toml "$@"; } | cksum
}

usable() { # of the right version, and able to make environments
    "$1" -c 'import sys, sqlite3, ssl, venv, ensurepip
sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3.13 python3.12 python3.11 python3.10 python3
    fi
    for candidate; do
        if usable "$candidate"; then command -v "$candidate"; return; fi
    done
    for candidate; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then
            echo "$("$candidate" --version) is here, but a part of it that ORAC needs is not: venv with ensurepip, sqlite3 or ssl." >&2
            echo "Type: sudo apt-get install python3-venv    then the same again." >&2
            exit 2
        fi
    done
    echo "ORAC needs Python 3.10, 3.11, 3.12 or 3.13; none was found (looked for: $*)." >&2
    echo "Type: sudo apt-get install python3 python3-venv    or name one: make bench PYTHON=/path/to/python3" >&2
    exit 2
}

stamp=$folder/.installed-$set_name
if [ "$set_name" = runtime ] && [ -e .venv/.installed-dev ]; then
    stamp=.venv/.installed-dev files=dev # all that measuring needs is among it
fi
if [ -x "$python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(checksum)" ] && "$python" -c '' 2>/dev/null; then
    exit 0
fi
case $stamp in *-dev) set_name=dev ;; esac

if ! { [ -x "$python" ] && "$python" -m pip --version >/dev/null 2>&1; }; then
    interpreter=$(find_python)
    echo "Making $folder with $("$interpreter" --version): nothing outside this folder is changed."
    rm -rf "$folder"
    "$interpreter" -m venv "$folder"
fi

echo "Installing into $folder $what: pinned versions, each checked against its hash."
rm -f "$folder"/.installed-*
for name in $files; do set -- "$@" -r "requirements/$name.txt"; done
shift
"$python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: "$@"
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
checksum >"$folder/.installed-$set_name"
