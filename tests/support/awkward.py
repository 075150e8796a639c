# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Thousands of values that a shell, a header list or an encoding could damage: the same ones in every run."""

from __future__ import annotations

import random

_ANYWHERE = random.Random(1)
_RANGES = ((0x80, 0x2FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
# What means something to a shell, to JSON, to percent-encoding, to a header list, or inside fish; and any character.
PIECES = (
    *"'\"\\$`!%~*?[]{}()<>|&;#=+-^,:@/_ az09",
    *("$(id)", "`id`", "${HOME}", r"$'\n'", "''", r"'\''", "!!", "!$", "~root", "%s", "%41", "%zz", r"\n", "--"),
    *("-n ", "é", "e\u0301", "東京", "\u00a0", "\u0085", "\u2028", "\u202e", "\ufeff", "\uffff", "\U0010ffff"),
    *("\ufdd0", "\ufde5", "\uf600", "\uf6ff", "\uf87a"),
    *(chr(_ANYWHERE.randint(*bounds)) for bounds in _RANGES for _unused in range(20)),
)
# What cannot be in a value: it has to be refused.
REFUSED = ("\n", "\r\n", "\t", "\x00", "\x1b[1m", "\x7f", "\ud800", "\udfff")


def values(count: int, pieces: tuple[str, ...] = PIECES) -> list[str]:
    """The empty one, every piece alone, then mixtures of pieces."""
    chosen = random.Random(count)
    mixed = ("".join(chosen.choices(pieces, k=chosen.randint(2, 10))) for _unused in range(count))
    return ["", *pieces, *mixed][:count]
