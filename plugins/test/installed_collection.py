# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: installed_collection
short_description: Whether a collection is installed where Ansible runs
version_added: 1.0.0
description:
  - For content that uses another collection without depending on it, to say so before its modules are looked for.
author:
  - devfleet maintainers (@devfleet)
options:
  _input:
    description: Namespace and name of the collection.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Check that awx.awx is there
  ansible.builtin.assert:
    that: "'awx.awx' is devfleet.axiom.installed_collection"
"""

RETURN = r"""
_value:
  description: Whether it is.
  type: bool
"""


def installed_collection(name: Any) -> bool:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*", name):
        raise AnsibleFilterError(f"{name!r} is no name of a collection, such as awx.awx")
    try:
        importlib.import_module(f"ansible_collections.{name}")
    except ImportError:
        return False
    return True


class TestModule:
    def tests(self) -> dict[str, Callable[[Any], bool]]:
        return {"installed_collection": installed_collection}
