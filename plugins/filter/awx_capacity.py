# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: awx_capacity
short_description: Forks and job slices for a fleet's size
version_added: 1.0.0
description:
  - One machine costs a fraction of a second of computing and a round trip of waiting, or up to the connection's timeout
    where it sleeps. So a job has one fork for ten machines, from 5 to 50; AWX counts about 100 MB of memory for each.
  - From 1000 machines on a job is cut into slices of about 500, at most 10. They run at the same time where AWX has the
    capacity, and one that fails is launched again alone.
author:
  - devfleet maintainers (@devfleet)
options:
  _input:
    description: How many machines there are.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: What 2400 machines ask for
  ansible.builtin.debug:
    msg: "{{ 2400 | devfleet.axiom.awx_capacity }}"
"""

RETURN = r"""
_value:
  description: C(forks) of each slice, and the number of C(slices).
  type: dict
  sample: {forks: 50, slices: 4}
"""

FEWEST_FORKS = 5
MOST_FORKS = 50
MACHINES_PER_FORK = 10
SLICED_FROM = 1000
MACHINES_PER_SLICE = 500
MOST_SLICES = 10


def awx_capacity(machines: Any) -> dict[str, int]:
    text = str(machines).strip()
    if isinstance(machines, bool) or not text.isdecimal() or int(text) < 1:
        raise AnsibleFilterError(f"the fleet's size is {machines!r}: it must be a number of machines, 1 or more")
    number = int(text)
    slices = 1 if number < SLICED_FROM else min(MOST_SLICES, number // MACHINES_PER_SLICE)
    forks = -(-number // slices // MACHINES_PER_FORK)
    return {"forks": max(FEWEST_FORKS, min(MOST_FORKS, forks)), "slices": slices}


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"awx_capacity": awx_capacity}
