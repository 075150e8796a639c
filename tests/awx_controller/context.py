# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What endpoints need of a request."""

from __future__ import annotations

from awx_controller.controller import Controller
from awx_controller.permissions import Rights
from awx_controller.presentation import Presenter
from awx_controller.store import Item


class Context:
    """The controller, the user who asks, and what that user may do and see."""

    def __init__(self, whole: Controller, user: Item) -> None:
        self.whole, self.user = whole, user
        self.store = whole.store
        self.rights = Rights(whole.store, user)
        self.presenter = Presenter(whole.store, self.rights)
