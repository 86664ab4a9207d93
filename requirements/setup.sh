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
which='import sys; print(sys.base_prefix, *sys.version.split())'
wanted_python=$("$python" -c "$which")
# A dev environment serves the host's needs too.
for wanted in "$kind" dev; do
    stamp="$wanted $wanted_python $PWD $(sha256sum "requirements/$wanted.txt" pyproject.toml)"
    if [ -x .venv/bin/assay ] && [ "$(cat "$have" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
done
stamp="$kind $wanted_python $PWD $(sha256sum "requirements/$kind.txt" pyproject.toml)"

echo "setup: installing .venv ($kind)" >&2
rm -f "$have"
# One that was left half made, or made with another Python, is made anew.
usable() {
    [ -x .venv/bin/python ] && [ "$(.venv/bin/python -c "$which" 2>/dev/null)" = "$wanted_python" ] &&
        .venv/bin/python -m pip --version >/dev/null 2>&1
}
if ! usable; then
    # Debian keeps this part of Python in a package of its own.
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        echo "setup: installing $package (apt-get)" >&2
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package"; } >/dev/null || true
    fi
    "$python" -m venv --clear .venv >/dev/null || {
        echo "setup: $python could not create .venv; on Debian, as root: apt-get install $package" >&2
        exit 5
    }
fi
.venv/bin/python -m pip install -qq --require-hashes --only-binary=:all: -r "requirements/$kind.txt"
.venv/bin/python -m pip install -qq --no-deps --no-build-isolation --no-index --editable .
printf '%s\n' "$stamp" >"$have"
