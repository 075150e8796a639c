# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: store
short_description: Keeps a store of ingest secrets from being read as inventory
version_added: 1.0.0
description:
  - Where an inventory is a directory, Ansible reads every YAML file below it as inventory, the store of
    M(devfleet.axiom.workspace) too. Its records would become groups.
  - The store names this plugin, which adds nothing. There is nothing to configure and no reason to use it yourself.
author:
  - devfleet maintainers (@devfleet)
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [devfleet.axiom.store]
"""

EXAMPLES = r"""
# What the decrypted store begins with; written by devfleet.axiom.workspace, not by hand.
plugin: devfleet.axiom.store
"""

from typing import Any

from ansible.plugins.inventory import BaseInventoryPlugin


class InventoryModule(BaseInventoryPlugin):
    NAME = "devfleet.axiom.store"

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
