#!/bin/sh
# Run integration tests with other controllers: matrix.sh <build folder> <options of cores.py> -- <pytest arguments>
# Only ansible-playbook changes; the tests themselves run in the virtual environment that called this.
set -eu

build=$(realpath "$1")
shift
options=
while [ "$1" != -- ]; do
    options="$options $1"
    shift
done
shift

# shellcheck disable=SC2086  # split on purpose
python "$(dirname "$0")/cores.py" $options "$build/cores" >"$build/cores.txt"
pytest=$(command -v pytest)
failed=
while read -r folder name; do
    PATH="$folder/bin:$PATH" "$pytest" "$@" </dev/null || failed="$failed $name"
done <"$build/cores.txt"
if [ -n "$failed" ]; then
    echo "Failed with$failed" >&2
    exit 1
fi
