# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell which secret of a record a machine holds, without sending or returning one: salted digests are compared."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any, Mapping

# The words of a result; what matches neither is OTHER.
CURRENT, PREVIOUS, OTHER = "current", "previous", "other"


def digest(salt: str, secret: str) -> str:
    """HMAC-SHA-256 in hex."""
    return hmac.new(salt.encode("ascii"), secret.encode("utf-8"), hashlib.sha256).hexdigest()


def digests(record: Mapping[str, Any]) -> dict[str, str]:
    """What a machine needs to tell: a salt of this task's own, and a digest for each secret of the record."""
    salt = os.urandom(16).hex()
    secrets = {CURRENT: record["secret"], PREVIOUS: record.get("previous_secret")}
    return {"salt": salt, **{word: digest(salt, secret) for word, secret in secrets.items() if secret}}


def which(authorization: str | None, known: Mapping[str, str]) -> str:
    """Which secret a header `Authorization: Bearer ...` holds."""
    found = digest(known["salt"], (authorization or "").partition(" ")[2].strip())
    for word in (CURRENT, PREVIOUS):
        if hmac.compare_digest(known.get(word, ""), found):
            return word
    return OTHER
