#!/usr/bin/env bash
# Writes the one lock file: every dependency of every extra, with hashes and without addresses,
# so that it serves whichever registry mirror the machine is set up for.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/uv pip compile pyproject.toml --universal --all-extras --generate-hashes \
    --no-emit-index-url --no-header --no-annotate --quiet "$@" -o requirements.lock
