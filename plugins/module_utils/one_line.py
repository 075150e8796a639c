# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What others said, as a part of what we say: on one line, and without anything that a terminal would obey.

Ansible prints messages as they are, and a message may hold what a server, a machine or a user has chosen.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Mapping

# Control, format (which can turn the direction of writing) and half of a surrogate pair.
_OBEYED = ("Cc", "Cf", "Cs")
_LONGEST_ERROR = 400
_PREFIX = "Task failed: "


def one_line(text: object, longest: int | None = None) -> str:
    """The text on one line, each character that could move the cursor or recolour what follows replaced."""
    joined = " ".join(str(text).split())
    if not joined.isprintable():
        joined = "".join("\ufffd" if unicodedata.category(one) in _OBEYED else one for one in joined)
    return joined if longest is None or len(joined) <= longest else joined[:longest] + "…"


class CollectionError(Exception):
    """An error of this collection's own. C(message) is one line to act on, and holds no secret."""

    def __init__(self, message: str) -> None:
        self.message = one_line(message)
        super().__init__(self.message)

    def result(self) -> dict[str, Any]:
        """What a module or action reports."""
        return {"msg": self.message}


def error_line(text: object) -> str:
    """The error of another plugin, as a part of a summary."""
    said = str(text)
    return one_line(said[len(_PREFIX) :] if said.startswith(_PREFIX) else said, _LONGEST_ERROR)


def finding_line(finding: Mapping[str, Any]) -> str:
    """What a finding of C(claude_code_telemetry_info) says, with its place, as a part of a summary."""
    place, text = finding["path"], error_line(finding["message"])
    return text if not place or text.startswith(place) else f"{place} {text}"
