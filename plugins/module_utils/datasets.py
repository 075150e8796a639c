# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Datasets of Axiom: what can be declared, what can change, and where they take data in (page "Datasets")."""

from __future__ import annotations

import re
from typing import Any, Mapping, Sequence
from urllib.parse import urlsplit

from ansible_collections.devfleet.axiom.plugins.module_utils.resource import Refusal, Resource, check_name
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import is_loopback

DATASET_KINDS = ("axiom:events:v1", "otel:logs:v1", "otel:metrics:v1", "otel:traces:v1")
DEFAULT_KIND = "axiom:events:v1"
# Page "Edge deployments". Used only where a dataset does not come with the URL of its edge.
EDGE_URLS = {
    "cloud.us-east-1.aws": "https://us-east-1.aws.edge.axiom.co",
    "cloud.eu-central-1.aws": "https://eu-central-1.aws.edge.axiom.co",
}


def dataset_argument_spec() -> dict[str, Any]:
    """What can be declared of a dataset, in the module C(dataset) and in C(workspace)."""
    return {
        "name": {"type": "str", "required": True},
        "kind": {"type": "str", "choices": list(DATASET_KINDS)},
        "description": {"type": "str"},
        "retention_days": {"type": "int"},
        "edge_deployment": {"type": "str"},
        "map_fields": {"type": "list", "elements": "str"},
    }


def check_dataset_name(name: str) -> None:
    """Refuse what cannot travel in a header or a path. Beyond that the server judges: old names hold C(_) and C(.)."""
    check_name("dataset", name)
    if not re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z", name):
        raise Refusal(f"dataset name {name!r} may hold only ASCII letters, digits and hyphens")


def edge_url_of(dataset: Mapping[str, Any]) -> str | None:
    """The base URL that ingests into a dataset of the API, with scheme and without trailing slash; None if unknown."""
    url = dataset.get("edgeDeploymentUrl") or EDGE_URLS.get(str(dataset.get("edgeDeployment")))
    if not url:
        return None
    return checked_edge_url(str(url), str(dataset.get("name")))


def checked_edge_url(url: str, name: str) -> str:
    """An edge's URL in the one form of the store. Plain http is refused except on this machine."""
    url = (url if "://" in url else "https://" + url).rstrip("/")
    try:
        parts = urlsplit(url)
        safe = parts.port != 0 and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)))
    except ValueError:
        safe = False
    if not safe or not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise Refusal(f"dataset {name!r}: the URL of its edge, {url!r}, is no https base URL")
    return url


class Dataset(Resource):
    """Datasets: identity is the name; kind and edge deployment cannot change (page "Datasets")."""

    label = "dataset"
    path = "/datasets"

    def find(self, declared: Mapping[str, Any], objects: Sequence[dict[str, Any]]) -> Mapping[str, Any] | None:
        found = next((item for item in objects if item["name"] == declared["name"]), None)
        if found and declared.get("map_fields") and "mapFields" not in found:
            # The list may leave the field out; only then a read of its own tells.
            return {**found, "mapFields": self._client.get(self._path_of(found) + "/mapfields")}
        return found

    def view(self, found: Mapping[str, Any]) -> dict[str, Any]:
        days, fields = found.get("retentionDays") or 0, found.get("mapFields") or []
        if not isinstance(days, int) or not isinstance(fields, list):
            raise Refusal(
                f"Axiom describes dataset {found['name']!r} in a way this collection does not know: update it"
            )
        return {
            "name": found["name"],
            "kind": found.get("kind"),
            "description": found.get("description") or "",
            # A retention that is switched off is 0 days.
            "retention_days": days if found.get("useRetentionPeriod") else 0,
            "edge_deployment": found.get("edgeDeployment"),
            "map_fields": sorted({str(field) for field in fields}),
        }

    def wanted(self, declared: Mapping[str, Any], found: Mapping[str, Any] | None) -> dict[str, Any]:
        options = ("name", "kind", "description", "retention_days", "edge_deployment", "map_fields")
        wanted = {option: declared[option] for option in options if declared.get(option) is not None}
        if found is None:
            wanted.setdefault("kind", DEFAULT_KIND)
        if "map_fields" in wanted:
            wanted["map_fields"] = sorted(set(wanted["map_fields"]))
        return wanted

    @staticmethod
    def validate(declared: Mapping[str, Any]) -> None:
        check_dataset_name(declared["name"])
        if (declared.get("retention_days") or 0) < 0:
            raise Refusal(f"dataset {declared['name']!r}: retention_days must be days, or 0 for no retention period")

    def check(self, declared: Mapping[str, Any], found: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
        name = declared["name"]
        if before and not after and not declared.get("allow_data_loss"):
            raise Refusal(
                f"deleting dataset {name!r} deletes its data: say allow_data_loss: true if you mean it", before, after
            )
        for option in ("kind", "edge_deployment"):
            if before and after and before[option] != after[option]:
                raise Refusal(
                    f"dataset {name!r} has {option} {before[option]!r}, declared is {after[option]!r}: Axiom cannot"
                    " change it. Declare what it has, or choose another name",
                    before,
                    after,
                )

    def create(self, declared: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
        body = {"name": after["name"], "kind": after["kind"], **_mutable_fields(after)}
        if "edge_deployment" in after:
            body["edgeDeployment"] = after["edge_deployment"]
        raw: Mapping[str, Any] = self._client.post_object(self.path, body)
        if after.get("map_fields"):
            raw = self._put_map_fields(raw, after["map_fields"])
        return self._confirmed(raw, after)

    def update(
        self, found: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        raw = found
        changed = {option: after[option] for option in after if after[option] != before[option]}
        fields = _mutable_fields(changed)
        if fields:
            # Undeclared fields go back as just read: right whether the server's PUT merges or replaces.
            known = ("description", "retentionDays", "useRetentionPeriod")
            body = {**{field: found[field] for field in known if found.get(field) is not None}, **fields}
            raw = {**found, **body, **self._client.put_object(self._path_of(found), body)}
        if "map_fields" in changed:
            raw = self._put_map_fields(raw, changed["map_fields"])
        return self._confirmed(raw, after)

    def known(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().known(found), "edge_url": edge_url_of(found)}

    def _put_map_fields(self, raw: Mapping[str, Any], map_fields: list[str]) -> Mapping[str, Any]:
        self._client.put(self._path_of(raw) + "/mapfields", map_fields)
        return {**raw, "mapFields": map_fields}

    def _confirmed(self, raw: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer, if it is what was asked for: else every later run would change it again."""
        view = self.view(raw)
        kept = [
            f"{option} {view[option]!r} instead of {after[option]!r}"
            for option in after
            if view[option] != after[option]
        ]
        if kept:
            raise Refusal(
                f"Axiom took dataset {view['name']!r} but with {', '.join(kept)}: declare what its plan allows"
            )
        return raw


def _mutable_fields(view: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of UpdateDataset for those options a view holds; n days imply the retention period, 0 turns it off."""
    fields: dict[str, Any] = {}
    if "description" in view:
        fields["description"] = view["description"]
    if "retention_days" in view:
        fields["retentionDays"] = view["retention_days"]
        fields["useRetentionPeriod"] = view["retention_days"] > 0
    return fields
