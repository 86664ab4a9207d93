#!/bin/bash
# Rewrite host.txt and dev.txt from pyproject.toml: every package pinned with its hashes, no index addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
common=(--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
        --extra run --group build)
.venv/bin/uv pip compile "${common[@]}" pyproject.toml -o requirements/host.txt >/dev/null
.venv/bin/uv pip compile "${common[@]}" --group dev pyproject.toml -o requirements/dev.txt >/dev/null
