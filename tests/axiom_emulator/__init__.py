# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local Axiom on loopback: the v2 API, two edge deployments that take OTLP, and a way to read back what arrived."""

from __future__ import annotations
