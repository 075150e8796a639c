# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a collection is there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.devfleet.axiom.plugins.test.installed_collection import TestModule as Plugin

installed_collection = Plugin().tests()["installed_collection"]


def test_what_is_there_and_what_is_not() -> None:
    assert installed_collection("devfleet.axiom")
    assert not installed_collection("devfleet.nothing")


@pytest.mark.parametrize("name", ["axiom", "devfleet/axiom", "devfleet.axiom.plugins", "", None, "os.path;x"])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="is no name of a collection"):
        installed_collection(name)
