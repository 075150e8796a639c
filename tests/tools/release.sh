#!/bin/sh
# Prepare a release: release.sh [--check] <build folder> <version>
# Everything is done and checked in a copy of the checkout. Only when all of it went well is the result taken over, as
# changes for a human to look at, commit, tag and publish; with --check it is only shown.
set -eu

check=
if [ "$1" = --check ]; then
    check=yes
    shift
fi
build=$(realpath "$1") version=${2:-}
checkout=$(realpath "$(dirname "$0")/../..")
# Below a folder of this name antsibull-changelog finds the plugins.
copy=$build/release/ansible_collections/devfleet/axiom

stop() {
    echo "$1" >&2
    exit 1
}

printf %s "$version" | grep -qE '^[0-9]+\.[0-9]+\.[0-9]+$' ||
    stop "Say which version, three numbers: VERSION=1.2.3"
if [ -z "$check" ] && [ -n "$(git -C "$checkout" status --porcelain)" ]; then
    stop "There are changes that are not committed. Commit them; a release is made of what everybody can see."
fi
! grep -q "^  $version:" "$checkout/changelogs/changelog.yaml" || stop "$version is in changelogs/changelog.yaml already."
# A fragment is what there is to say to users: without any there is no reason for a release.
[ -n "$(ls "$checkout/changelogs/fragments" 2>/dev/null)" ] || stop "There are no changelog fragments: nothing to release."

python -c 'import pathlib, sys; from support import checkout; checkout.copy(pathlib.Path(sys.argv[1]))' "$copy"
cd "$copy"
# What the release changes is what differs from here; the author is nobody's.
git init --quiet
git add --all
git -c user.name=release -c user.email=release@localhost -c commit.gpgsign=false commit --quiet --message "Before $version"

echo "== Version and changelog"
antsibull-changelog lint
sed -i "s/^version: .*/version: $version/" galaxy.yml
sed -i "s/^COLLECTION_VERSION = .*/COLLECTION_VERSION = \"$version\"/" plugins/module_utils/axiom_client.py
antsibull-changelog release
antsibull-changelog lint-changelog-yaml changelogs/changelog.yaml
git add --all
git --no-pager diff --cached --stat
git --no-pager diff --cached -- CHANGELOG.md galaxy.yml plugins

echo "== What is uploaded"
archive=$(PYTHONPATH=$copy/tests python tests/tools/build.py "$build/release")
PYTHONPATH=$copy/tests pytest --quiet tests/unit/collection/test_artifact.py
"$checkout/tests/tools/importer.sh" "$build" "$archive"
ls -l "$archive"
sha256sum "$archive"

if [ -n "$check" ]; then
    echo "== Nothing was changed. \`make release VERSION=$version\` would do the above in this checkout."
    exit 0
fi
git diff --cached --binary | git -C "$checkout" apply
cat <<END
== Now it is up to you:
git diff                    # look at it
git commit --all --message "Release $version"
git tag --annotate $version --message "devfleet.axiom $version"
git push --follow-tags
ansible-galaxy collection publish $archive
END
