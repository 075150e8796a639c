# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m awx_controller``: see :mod:`awx_controller.cli`."""

from __future__ import annotations

import sys

from awx_controller.cli import main

sys.exit(main())
