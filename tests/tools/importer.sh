#!/bin/sh
# Run Galaxy's importer over a built collection and fail on anything it complains about: importer.sh <build folder> <archive>
# The importer pins versions of its own, so it lives in a virtual environment of its own.
set -eu

build=$(realpath "$1")
archive=$(realpath "$2")
venv=$build/importer/venv
requirement=galaxy-importer==0.4.44

if [ "$(cat "$venv/installed" 2>/dev/null)" != "$requirement" ]; then
    python -m venv --clear "$venv"
    "$venv/bin/pip" install -qq --disable-pip-version-check "$requirement" "ansible-core==$(
        python -c 'from ansible.release import __version__; print(__version__)'
    )"
    echo "$requirement" >"$venv/installed"
fi

# It finds ansible-doc and ansible-lint through PATH, and writes its result where it stands.
cd "$build/importer"
PATH=$venv/bin:$PATH "$venv/bin/python" -m galaxy_importer.main "$archive" 2>&1 | tee importer.log
tail -n 1 importer.log | grep -q 'completed successfully'
! grep -E '^(WARNING|ERROR)' importer.log
