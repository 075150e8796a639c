# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords are kept as salted hashes."""

from __future__ import annotations

from werkzeug.security import check_password_hash, generate_password_hash

# Every module of a playbook logs in anew: a hash that is meant to be slow would only slow the tests.
_METHOD = "pbkdf2:sha256:1000"


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return generate_password_hash(password, method=_METHOD)


def fits(password: str, kept: str) -> bool:
    """Tell whether a password is the kept one."""
    return bool(kept) and check_password_hash(kept, password)
