# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every query; their code is in module_utils/query_client.py."""

    DOCUMENTATION = r"""
options:
  start_time:
    description: Where the time begins that is looked at, as an RFC 3339 instant or relative as in V(now-7d).
    type: str
    default: now-24h
  end_time:
    description: Where it ends.
    type: str
    default: now
"""
