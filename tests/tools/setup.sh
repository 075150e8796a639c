#!/bin/sh
# Make the virtual environment ready: setup.sh <directory>
# $PYTHON, where set, is the Python to build it from; otherwise the first that qualifies.
# All output goes to stderr, so that `make axiom` prints nothing but what its reader evaluates.
set -eu
exec >&2

venv=$1
tests=$(dirname "$0")/..
tools=$(dirname "$0")
requirements=$tests/requirements.txt

# Shells that the tests start. Not fatal: those tests say which one is missing.
"$tools/apt_need.sh" git=git zsh=zsh fish=fish dash=dash busybox=busybox || echo "Going on without them."

if cmp -s "$requirements" "$venv/requirements.txt"; then
    exit 0
fi

# A version manager's shim may exist and still refuse to run, so each candidate is run.
qualifies() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if qualifies "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

if [ ! -x "$venv/bin/python" ]; then
    python=$(find_python)
    if [ -z "$python" ] && [ -z "${PYTHON:-}" ]; then
        "$tools/apt_need.sh" python3.11-or-later=python3
        python=$(find_python)
    fi
    if [ -z "$python" ]; then
        echo "No Python 3.11 or later found (tried: ${PYTHON:-python3.13 python3.12 python3.11 python3}). Set PYTHON to one."
        exit 1
    fi
    # Debian splits these off, so that `python3 -m venv` exists and fails.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$tools/apt_need.sh" ensurepip=python3-venv
    fi
    echo "Creating $venv with $("$python" -V)"
    "$python" -m venv "$venv"
fi

echo "Installing tests/requirements.txt into $venv"
"$venv/bin/python" -m pip install -qq --disable-pip-version-check -r "$requirements"
# Written last: this copy is the stamp that says which requirements are installed.
cp "$requirements" "$venv/requirements.txt"
