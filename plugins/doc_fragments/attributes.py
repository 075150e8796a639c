# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What Ansible's users may rely on. Each module states its C(support); the texts are the same everywhere."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what it would change without changing anything.
  diff_mode:
    description: Tells what it has changed, or would in C(check_mode), when in diff mode.
  idempotent:
    description: Run a second time with the same options, it changes nothing.
"""

    CHANGES = r"""
options: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

    READS = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: This reads only.
  diff_mode:
    support: N/A
    details: This reads only.
  idempotent:
    support: full
    details: This reads only.
"""

    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/devfleet.axiom.all) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - devfleet.axiom.all
"""
