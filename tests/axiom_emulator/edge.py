# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An edge deployment's ``/v1/logs`` and ``/v1/metrics``."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from axiom_emulator.auth import Principal, authenticated
from axiom_emulator.compression import decompress
from axiom_emulator.emulator import Emulator
from axiom_emulator.errors import ApiError
from axiom_emulator.gateway import EDGE
from axiom_emulator.otlp import JSON, PROTOBUF, Decoded, answer, decode
from axiom_emulator.storage import Row
from axiom_emulator.timestamps import render

HEADERS = {"logs": "x-axiom-dataset", "metrics": "x-axiom-metrics-dataset"}
CONTENT_TYPES = {"logs": (PROTOBUF, JSON), "metrics": (PROTOBUF,)}
KINDS = {"logs": ("axiom:events:v1", "otel:logs:v1"), "metrics": ("otel:metrics:v1",)}

edge = Blueprint("edge", __name__)


@edge.post("/v1/<any(logs, metrics):signal>")
def ingest(signal: str) -> Response:
    """Take an OTLP request, or say why not: 401, 415, 400, 403, 404, 413 in the order they are looked for."""
    emulator: Emulator = current_app.config["EMULATOR"]
    principal = authenticated()
    if request.mimetype not in CONTENT_TYPES[signal]:
        raise ApiError(415, f"/v1/{signal} takes {' or '.join(CONTENT_TYPES[signal])}, not {request.mimetype!r}")
    dataset = _dataset(emulator, principal, signal)
    payload = decompress(request.get_data(), request.headers.get("Content-Encoding", "").strip().lower())
    decoded = decode(signal, payload, request.mimetype)
    _store(emulator, principal, signal, dataset, decoded)
    return Response(answer(signal, decoded, request.mimetype), content_type=request.mimetype)


def _dataset(emulator: Emulator, principal: Principal, signal: str) -> Row:
    """Return the dataset that the signal's header names, where this token may ingest this signal on this edge."""
    name = request.headers.get(HEADERS[signal], "").strip()
    if not name:
        raise ApiError(400, f"the header {HEADERS[signal]} is missing: it names the dataset for {signal}")
    if principal.personal:
        raise ApiError(403, "forbidden: edge deployments take API tokens (xaat-), not personal tokens")
    if not principal.may_ingest(name):
        raise ApiError(403, f"forbidden: the token {principal.name!r} is missing ingest|create on the dataset {name!r}")
    row = emulator.storage.dataset(name)
    here = request.environ[EDGE]
    if row is None:
        raise ApiError(404, f"dataset {name!r} not found")
    if row["edge"] != here:
        raise ApiError(404, f"dataset {name!r} not found on {here}: it lives on {row['edge']}")
    if row["kind"] not in KINDS[signal]:
        raise ApiError(400, f"dataset {name!r} is of kind {row['kind']}, which does not take {signal}")
    return row


def _store(emulator: Emulator, principal: Principal, signal: str, dataset: Row, decoded: Decoded) -> None:
    with emulator.storage.transaction():
        for batch in decoded.batches:
            delivery = {
                "time": render(emulator.clock.now()),
                "signal": signal,
                "dataset": dataset["name"],
                "token": principal.name,
                "edge": dataset["edge"],
                "resource": batch.resource,
            }
            if batch.records:
                emulator.storage.add_delivery(delivery, batch.records)
