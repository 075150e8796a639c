# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of other plugins, as a part of a summary."""

from __future__ import annotations

_CHARACTERS = 300


def one_line(text: object) -> str:
    """The error of another plugin, on one line."""
    joined = " ".join(str(text).split()).removeprefix("Task failed: ")
    return joined if len(joined) <= _CHARACTERS else joined[:_CHARACTERS] + "…"
