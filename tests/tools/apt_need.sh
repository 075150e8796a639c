#!/bin/sh
# Install with apt what is missing: apt_need.sh <command or absolute path>=<package> ...
# Does nothing where all of it is there. Where it cannot install, names the packages and exits 1.
set -eu
exec >&2

missing=
for pair; do
    what=${pair%%=*} package=${pair#*=}
    case $what in
        /*) test -e "$what" || missing="$missing $package" ;;
        *) command -v "$what" >/dev/null 2>&1 || missing="$missing $package" ;;
    esac
done
test -n "$missing" || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        echo "Please install these packages, as root:$missing"
        exit 1
    fi
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "No apt-get on this machine. Please install the equivalent of these Debian packages:$missing"
    exit 1
fi
echo "Installing with apt:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # both lists are split on purpose
if ! {
    $as_root apt-get update -q &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
} </dev/null >"$log" 2>&1; then
    tail -n 20 "$log"
    echo "apt could not install:$missing"
    exit 1
fi
