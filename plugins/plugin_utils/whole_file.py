# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace a file on the controller as a whole: there is the old one or the new one at any time, never half of one."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress


def replace(path: str, new: bytes, mode: int) -> None:
    """Write a file for good. Raises OSError, with the old one in place and nothing beside it."""
    folder, name = os.path.split(path)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".new", dir=folder)
    try:
        with open(descriptor, "wb") as handle:
            os.fchmod(descriptor, mode)
            handle.write(new)
            handle.flush()
            os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(folder)


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot do this; the rename itself has succeeded.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
