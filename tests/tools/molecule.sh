#!/bin/sh
# Run Molecule on podman containers: molecule.sh <build folder> <molecule arguments>
# Makes what that needs on the first run: podman, an image per Debian release, and the connection plugin for it.
# Nothing outside the build folder is configured; the images stay in podman's store.
set -eu

checkout=$(realpath "$(dirname "$0")/../..")
build=$(realpath "$1")
shift
work=$build/molecule
mkdir -p "$work"

"$checkout/tests/tools/apt_need.sh" podman=podman runc=runc iptables=iptables mmdebstrap=mmdebstrap mount=mount \
    /usr/lib/podman/netavark=netavark ssh=openssh-client

# runc and low limits also work inside a container or a sandbox, where crun and podman's own defaults do not.
cat >"$work/containers.conf" <<'END'
[engine]
runtime = "runc"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
END
export CONTAINERS_CONF="$work/containers.conf"
# Inside a container podman's usual storage does not work: overlays cannot be stacked upon each other.
if [ "$(stat --file-system --format %T /var/lib)" = overlayfs ]; then
    printf '[storage]\n%s = "%s"\n%s = "%s"\n%s = "%s"\n' driver vfs \
        runroot /run/containers/storage graphroot /var/lib/containers/storage >"$work/storage.conf"
    export CONTAINERS_STORAGE_CONF="$work/storage.conf"
fi

# Made from the Debian archive: no image registry is needed. The tag says which recipe an image was made by, so that
# checkouts with different recipes do not take each other's away.
packages=busybox,fish,openssh-server,python3,sudo,zsh
IMAGE_TAG=$(printf %s "$packages" | cksum | cut -d ' ' -f 1)
export IMAGE_TAG
for release in bullseye bookworm trixie; do
    image=localhost/devfleet-axiom-$release:$IMAGE_TAG
    if ! podman image exists "$image"; then
        echo "Making the container image $image" >&2
        mmdebstrap --quiet --variant=minbase --include="$packages" "$release" "$work/$release.tar"
        podman import --quiet "$work/$release.tar" "$image" >/dev/null
        rm "$work/$release.tar"
    fi
done

# The package index has no package of its own for the containers.podman collection: take it out of the big one.
ansible=ansible==12.3.0
if [ "$(cat "$work/connection-plugin" 2>/dev/null)" != "$ansible" ]; then
    echo "Fetching the podman connection plugin" >&2
    rm -rf "$work/ansible_collections"
    pip download -qq --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" "$ansible"
    python - "$work" <<'END'
import pathlib, sys, zipfile

work = pathlib.Path(sys.argv[1])
(wheel,) = work.glob("ansible-*.whl")
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(work, [name for name in archive.namelist() if name.startswith("ansible_collections/containers/podman/")])
wheel.unlink()
END
    echo "$ansible" >"$work/connection-plugin"
fi
export ANSIBLE_COLLECTIONS_PATH="$build:$work"

# Two checkouts on one machine do not take each other's containers.
CONTAINER_PREFIX=axiom-$(printf %s "$checkout" | cksum | cut -d ' ' -f 1)
export CONTAINER_PREFIX
export NO_COLOR=1

cd "$checkout"
exec molecule --base-config molecule/base.yml "$@"
