# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection, the same bytes from the same files: build.py <folder>

``ansible-galaxy collection build`` decides what goes in, and is given a copy without what git ignores. But it takes
over the order of the file system and the times of files and of the build; so the archive is packed again, sorted and
with one time for everything. Installing gives files the time of the installation anyway.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

from support import checkout

# 1980-01-01, the earliest that every archive format can say.
TIME = 315532800


def packed_again(archive: Path) -> bytes:
    """The same collection, with an order and times in which nothing is left of this machine."""
    with tarfile.open(archive) as source:
        members = {
            member.name: (member, content.read() if (content := source.extractfile(member)) else b"")
            for member in source.getmembers()
        }
    listing = json.loads(members["FILES.json"][1])
    listing["files"].sort(key=lambda entry: entry["name"])
    manifest = json.loads(members["MANIFEST.json"][1])
    files = json.dumps(listing, indent=1).encode()
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(files).hexdigest()
    members["FILES.json"] = members["FILES.json"][0], files
    members["MANIFEST.json"] = members["MANIFEST.json"][0], json.dumps(manifest, indent=1).encode()

    # Galaxy reads these two first.
    order = sorted(members, key=lambda name: (name != "MANIFEST.json", name != "FILES.json", name))
    result = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=result, mtime=TIME) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as target,
    ):
        for name in order:
            member, content = members[name]
            member.size, member.mtime = len(content), TIME
            target.addfile(member, io.BytesIO(content))
    return result.getvalue()


def build(folder: Path) -> Path:
    """The built collection in ``folder``; one of another version that was there before is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        collection, output = Path(scratch) / "collection", Path(scratch) / "output"
        checkout.copy(collection)
        command = ["ansible-galaxy", "collection", "build", "--output-path", output, collection]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (archive,) = output.glob("*.tar.gz")
        content = packed_again(archive)
    for former in folder.glob("*.tar.gz"):
        former.unlink()
    result = folder / archive.name
    result.write_bytes(content)
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the archive is put")
    print(build(parser.parse_args().folder))
