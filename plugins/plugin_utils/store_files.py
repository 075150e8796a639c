# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that hold secrets on the controller: read with care, replaced as a whole."""

from __future__ import annotations

import os
import stat

from ansible_collections.devfleet.axiom.plugins.plugin_utils import whole_file
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import StoreError

LARGEST_FILE = 16 * 1024 * 1024


def content(path: str) -> bytes | None:
    """A file's bytes, or None where there is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(path, "cannot be read", error) from None
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode) or state.st_size > LARGEST_FILE:
        os.close(descriptor)
        raise StoreError(f"the store {path} is no regular file of a sensible size: correct its path")
    with open(descriptor, "rb") as handle:
        return handle.read()


def replace(path: str, new: bytes) -> None:
    """Write a file that only its owner may read."""
    try:
        whole_file.replace(path, new, 0o600)
    except OSError as error:
        raise unusable(path, "cannot be written", error) from None


def unusable(path: str, what: str, error: OSError) -> StoreError:
    """What to tell about a file that cannot be used."""
    return StoreError(f"the store {path} {what} ({error.strerror}): correct its path, owner or mode")
