# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""With its folder in PYTHONPATH: notes every decryption of a vaulted text in the file COUNT_DECRYPTIONS.

A `w` for one in a worker, where tasks run; an `m` for one in the main process, where Ansible itself decrypts what lies
below the inventory's folder.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from types import ModuleType
from typing import Any

_MAIN = os.getpid()


class _Vault(importlib.abc.MetaPathFinder):
    """Wraps the vault when ansible-core imports it; importing it from here would come too early."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != "ansible.parsing.vault":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec
        assert spec.loader
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            decrypt = module.VaultLib.decrypt

            def counted(self: Any, *arguments: Any, **options: Any) -> Any:
                with open(os.environ["COUNT_DECRYPTIONS"], "a", encoding="utf-8") as log:
                    log.write("m" if os.getpid() == _MAIN else "w")
                return decrypt(self, *arguments, **options)

            module.VaultLib.decrypt = counted

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Vault())
