#!/bin/sh
# The gate: format, lint, types. The same here and in CI. Needs .venv with the dev requirements.
set -eu
cd "$(dirname "$0")/.."

.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy
