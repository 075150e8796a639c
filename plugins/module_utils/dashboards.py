# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dashboards of Axiom: documents that are compared by what they declare, whatever the server adds to them."""

from __future__ import annotations

import json
import re
from typing import Any, Mapping, Sequence

from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import ApiError, path_segment
from ansible_collections.devfleet.axiom.plugins.module_utils.resource import Refusal, Resource

# An API token can only make dashboards for everyone: it writes an empty owner, and reads this one.
EVERYONE = "X-AXIOM-EVERYONE"
# Schema Dashboard of Axiom's OpenAPI document.
REQUIRED = (
    "name",
    "owner",
    "charts",
    "layout",
    "refreshTime",
    "schemaVersion",
    "timeWindowStart",
    "timeWindowEnd",
)
OPTIONAL = ("description", "against", "againstTimestamp")
# By which member an item of a list is known, so that neither order nor position makes it another.
_KEYS = {"charts": "id", "layout": "i"}


def dashboard_argument_spec() -> dict[str, Any]:
    """What can be declared of a dashboard."""
    return {
        "uid": {"type": "str", "required": True},
        "document": {"type": "dict"},
        "src": {"type": "path"},
    }


def read_document(path: str) -> dict[str, Any]:
    """A dashboard's document from a JSON file. Raises Refusal with the place where it is none."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise Refusal(f"src {path} cannot be read where this task runs: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refusal(f"src {path} is not UTF-8") from None
    except ValueError as error:
        raise Refusal(f"src {path} is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refusal(f"src {path} holds no JSON object")
    return document


def declared_part(found: Any, declared: Any, member: str = "") -> Any:
    """What is found, without what was not declared; items of a list that are not declared stay: they are drift."""
    if isinstance(found, Mapping) and isinstance(declared, Mapping):
        return {key: declared_part(found[key], declared[key], key) for key in declared if key in found}
    if isinstance(found, list) and isinstance(declared, list):
        key = _KEYS.get(member)
        if key is None:
            pairs = zip(found, declared)
            return [declared_part(*pair) for pair in pairs] + found[len(declared) :]
        by_key = {str(item.get(key)): item for item in found if isinstance(item, Mapping)}
        wanted = {str(item[key]): item for item in declared}
        return [declared_part(by_key[name], item) for name, item in wanted.items() if name in by_key] + [
            item for item in found if not isinstance(item, Mapping) or str(item.get(key)) not in wanted
        ]
    if member == "owner" and not found:
        return EVERYONE
    return found


class Dashboard(Resource):
    """Dashboards: identity is the uid, which never changes."""

    label = "dashboard"
    path = "/dashboards/uid"
    identity = "uid"

    def objects(self) -> list[dict[str, Any]]:
        """None: a dashboard is read by its uid, the list comes in pages."""
        return []

    def find(self, declared: Mapping[str, Any], objects: Sequence[dict[str, Any]]) -> Mapping[str, Any] | None:
        try:
            found = self._client.get(f"{self.path}/{path_segment(declared['uid'])}")
        except ApiError as error:
            if error.failure["status"] == 404:
                return None
            raise
        return self._checked(found, declared["uid"], declared.get("document"))

    def view(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {"uid": found["uid"], "document": found["document"]}

    def wanted(self, declared: Mapping[str, Any], found: Mapping[str, Any] | None) -> dict[str, Any]:
        document = {key: value for key, value in declared["document"].items() if key != "uid"}
        return {"uid": declared["uid"], "document": {**document, "owner": document["owner"] or EVERYONE}}

    @staticmethod
    def validate(declared: Mapping[str, Any]) -> None:
        uid, document = declared["uid"], declared.get("document")
        if not re.match(r"[A-Za-z0-9_-]{1,128}\Z", uid):
            raise Refusal(f"uid {uid[:40]!r} must be 1 to 128 ASCII letters, digits, hyphens and underscores")
        if declared.get("state") == "absent":
            return
        if document is None:
            raise Refusal("a dashboard needs its document: set document, or src to a JSON file")
        missing = [member for member in REQUIRED if member not in document]
        if missing:
            raise Refusal(f"the document of dashboard {uid!r} lacks {', '.join(missing)}")
        if document.get("uid", uid) != uid:
            raise Refusal(f"the document is of dashboard {document['uid']!r}, uid is {uid!r}: leave uid out of it")
        charts, cells = (_keys(document, member, uid) for member in ("charts", "layout"))
        if sorted(charts) != sorted(cells):
            odd = sorted(set(charts) ^ set(cells))
            raise Refusal(f"dashboard {uid!r}: charts and layout do not match: {', '.join(odd)} is in one of them only")

    def check(self, declared: Mapping[str, Any], found: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Everything may be changed; the version that is written back protects what somebody changes meanwhile."""

    def create(self, declared: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
        body = {"uid": after["uid"], "dashboard": after["document"], "overwrite": False}
        return self._written(self._client.post("/dashboards", body), after)

    def update(
        self, found: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        # Right whether the server's PUT merges or replaces.
        kept = {member: found["whole"][member] for member in OPTIONAL if found["whole"].get(member)}
        body = {"dashboard": {**kept, **after["document"]}, "version": found["version"], "overwrite": False}
        try:
            answer = self._client.put(self._path_of(found), body)
        except ApiError as error:
            if error.failure["status"] != 412:
                raise
            text = f"{error.message}: somebody changed the dashboard while this ran. Run again"
            raise ApiError(text, error.failure) from None
        return self._written(answer, after)

    def known(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {member: found.get(member) for member in ("uid", "id", "version", "document")}

    def _path_of(self, found: Mapping[str, Any]) -> str:
        return f"{self.path}/{path_segment(found['uid'])}"

    @staticmethod
    def _checked(found: Any, uid: str, document: Any) -> dict[str, Any]:
        """A DashboardResource: its document as far as it is declared, and as a C(whole)."""
        if not isinstance(found, Mapping) or not isinstance(found.get("dashboard"), Mapping) or "version" not in found:
            raise Refusal(f"Axiom describes dashboard {uid!r} in a way this collection does not know: update it")
        whole = found["dashboard"]
        part = {key: value for key, value in (document or whole).items() if key != "uid"}
        return {
            "uid": uid,
            "id": found.get("id"),
            "version": found["version"],
            "document": declared_part(whole, part),
            "whole": whole,
        }

    def _written(self, answer: Any, after: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer to a write, if it is what was asked for: else every later run would change it again."""
        found = answer.get("dashboard") if isinstance(answer, Mapping) else None
        now = self._checked(found, after["uid"], after["document"])
        other = [member for member, value in after["document"].items() if now["document"].get(member) != value]
        if other:
            raise Refusal(
                f"Axiom took dashboard {after['uid']!r} but with another {', '.join(other)}: declare that one"
            )
        return now


def _keys(document: Mapping[str, Any], member: str, uid: str) -> list[str]:
    """By what the charts or the cells of the layout are known: each once."""
    key, items = _KEYS[member], document[member]
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and item.get(key) for item in items):
        raise Refusal(f"dashboard {uid!r}: {member} must be a list of objects, each with its {key}")
    keys = [str(item[key]) for item in items]
    twice = sorted({name for name in keys if keys.count(name) > 1})
    if twice:
        raise Refusal(f"dashboard {uid!r}: {member} names {', '.join(twice)} more than once")
    return keys
