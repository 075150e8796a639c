# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/user`` and ``/v2/orgs``, as far as clients read them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from axiom_emulator.auth import requires
from axiom_emulator.emulator import DEFAULT_EDGE, Emulator
from axiom_emulator.errors import ApiError

BILLING_END = "2999-01-01T00:00:00Z"
EMAIL = "owner@example.com"

accounts = Blueprint("accounts", __name__)


def _emulator() -> Emulator:
    emulator: Emulator = current_app.config["EMULATOR"]
    return emulator


def _license(emulator: Emulator) -> dict[str, Any]:
    return {
        "id": f"license-{emulator.org_id}",
        "tier": "axiomCloud",
        "issuer": "local-axiom",
        "issuedTo": emulator.org_id,
        "issuedAt": emulator.founded,
        "validFrom": emulator.founded,
        "monthlyIngestGb": 1000,
        "monthlyQueryGbHours": 100,
        "apiRateLimitPerSecond": emulator.limiter.per_minute // 60,
        "maxUsers": 1000,
        "maxDatasets": 100,
        "maxMonitors": 500,
        "maxFields": 1024,
        "maxEndpoints": 5,
        "maxQueryWindowSeconds": 31_536_000,
        "maxAuditWindowSeconds": 31_536_000,
        "withAuths": ["local"],
        "features": {},
        "billingPeriodStart": emulator.founded,
        "billingPeriodEnd": BILLING_END,
        "defaultEdgeDeployment": DEFAULT_EDGE,
        "edgeDeployments": list(emulator.edge_ports),
    }


def _organization() -> dict[str, Any]:
    emulator = _emulator()
    return {
        "id": emulator.org_id,
        "name": "Local Axiom",
        "plan": "axiomCloud",
        "planCreated": emulator.founded,
        "lastUsageSync": emulator.founded,
        "paymentStatus": "na",
        "primaryEmail": EMAIL,
        "defaultEdgeDeployment": DEFAULT_EDGE,
        "license": _license(emulator),
    }


@accounts.get("/user")
@requires(None, organization=False)
def get_user() -> ResponseReturnValue:
    """getCurrentUser."""
    role = {"id": "owner", "name": "Owner"}
    return jsonify({"id": f"user-{_emulator().org_id}", "name": "Local Owner", "email": EMAIL, "role": role})


@accounts.get("/orgs")
@requires(None, organization=False)
def list_orgs() -> ResponseReturnValue:
    """getOrgs: the one there is."""
    return jsonify([_organization()])


@accounts.get("/orgs/<identity>")
@requires(None)
def get_org(identity: str) -> ResponseReturnValue:
    """getOrg."""
    if identity != _emulator().org_id:
        raise ApiError(404, f"organization {identity!r} not found")
    return jsonify(_organization())
