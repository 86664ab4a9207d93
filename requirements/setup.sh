#!/bin/bash
# Create or refresh .venv from requirements/<host|dev>.txt and install assay into it, editable. Idempotent.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?host or dev}

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "setup: $python is missing or older than 3.11; install Python 3.11 or newer, or say PYTHON=/path/to/python" >&2
    exit 5
}
have=.venv/.assay-setup
# A dev environment serves the host's needs too.
for wanted in "$kind" dev; do
    stamp="$wanted $("$python" -c 'import sys; print(sys.version)' | tr '\n' ' ') $PWD $(sha256sum "requirements/$wanted.txt" pyproject.toml)"
    if [ -x .venv/bin/assay ] && [ "$(cat "$have" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
done
stamp="$kind $("$python" -c 'import sys; print(sys.version)' | tr '\n' ' ') $PWD $(sha256sum "requirements/$kind.txt" pyproject.toml)"

echo "setup: installing .venv ($kind)" >&2
rm -f "$have"
[ -x .venv/bin/python ] || "$python" -m venv .venv || {
    echo "setup: could not create .venv; on Debian: apt-get install python3-venv" >&2
    exit 5
}
.venv/bin/pip install -qq --require-hashes --only-binary=:all: -r "requirements/$kind.txt"
.venv/bin/pip install -qq --no-deps --no-build-isolation --no-index --editable .
printf '%s\n' "$stamp" >"$have"
