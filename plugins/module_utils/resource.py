# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Declared against found: what changes, the diff, the result. The one create-update-delete loop of this collection.

converge() is the loop; Dataset (datasets.py), Token (tokens.py) and Dashboard (dashboards.py) say what is particular to
their kind of object.
Modules use one of them for one object, the action plugin C(workspace) both, for many objects and one list call each.
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

from ansible_collections.devfleet.axiom.plugins.module_utils import token_policy
from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import holds_secret, path_segment
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient


class Refusal(token_policy.PolicyError):
    """Something that is not done, with the way out in one line; C(before) and C(after) hold no secret."""

    def __init__(self, message: str, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.before, self.after = before, after

    def result(self) -> dict[str, Any]:
        result = super().result()
        if self.before is not None:
            result["diff"] = {"before": self.before, "after": self.after}
        return result


class Outcome(NamedTuple):
    """One object after converge(): what it was and is (or would be, in check mode), as views without any secret.

    C(adopted) tells that it existed before. C(raw) is the object as Axiom knows it now, None where there is none.
    """

    label: str
    name: str
    before: dict[str, Any]
    after: dict[str, Any]
    adopted: bool
    raw: Mapping[str, Any] | None

    @property
    def changed(self) -> bool:
        """Whether anything was or would be written."""
        return self.before != self.after

    @property
    def diff(self) -> dict[str, Any]:
        """The diff in the form Ansible's callbacks print."""
        header = f"{self.label} {self.name}"
        return {
            "before": self.before,
            "after": self.after,
            "before_header": header,
            "after_header": header,
        }


def converge(resource: Resource, declared: Mapping[str, Any], found: Any, check_mode: bool) -> Outcome:
    """Make one object as declared: create, update, delete or nothing; in check mode only say so.

    declared: options of the module (undeclared ones missing or None). found: resource.find(), None where there is none.
    Raises Refusal for what may not be done, ApiError for what fails.
    """
    absent = declared.get("state") == "absent"
    before = resource.view(found) if found is not None else {}
    after = {} if absent else {**before, **resource.wanted(declared, found)}
    resource.check(declared, found, before, after)
    raw = found
    if before != after and not check_mode:
        if absent:
            resource.delete(found)
            raw = None
        elif found is None:
            raw = resource.create(declared, after)
        else:
            raw = resource.update(found, before, after)
    return Outcome(resource.label, declared[resource.identity], before, after, not absent and found is not None, raw)


def check_name(label: str, name: str) -> None:
    """Refuse a name that can be none, without echoing a secret pasted in its place."""
    if holds_secret(name):
        raise Refusal(f"a {label} name looks like an Axiom token (not shown here): put the name there, not the secret")
    if not name.strip() or len(name) > 128 or not name.isprintable():
        raise Refusal(f"{label} name {name[:40]!r} must be 1 to 128 printable characters")


class Resource:
    """What converge() needs to know about one kind of object."""

    label = ""
    path = ""
    # The option that says which object is meant.
    identity = "name"

    def __init__(self, client: AxiomClient) -> None:
        self._client = client

    def objects(self) -> list[dict[str, Any]]:
        """Every object of this kind that the management token may see: one request."""
        return self._client.get_objects(self.path)

    def find(self, declared: Mapping[str, Any], objects: Sequence[dict[str, Any]]) -> Mapping[str, Any] | None:
        """The declared object among all, or None."""
        raise NotImplementedError

    def view(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """What can be declared, as found."""
        raise NotImplementedError

    def wanted(self, declared: Mapping[str, Any], found: Mapping[str, Any] | None) -> dict[str, Any]:
        """What is declared, in the form of view(), and nothing else."""
        raise NotImplementedError

    @staticmethod
    def validate(declared: Mapping[str, Any]) -> None:
        """Raise PolicyError for a declaration that cannot be; needs no request."""
        raise NotImplementedError

    def check(self, declared: Mapping[str, Any], found: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Raise Refusal for what may not or cannot be done to the object found."""
        raise NotImplementedError

    def create(self, declared: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create the object and return it."""
        raise NotImplementedError

    def update(
        self, found: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Change the object and return it."""
        raise NotImplementedError

    def delete(self, found: Mapping[str, Any]) -> None:
        """Delete the object."""
        self._client.delete(self._path_of(found))

    def known(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """An object as modules return it."""
        return {"id": found["id"], **self.view(found)}

    def result(self, outcome: Outcome) -> dict[str, Any] | None:
        """The object after converge() as modules return it, what is not known yet as null; None where there is none."""
        if not outcome.after:
            return None
        now = self.known(outcome.raw) if outcome.raw else dict.fromkeys(self.known({"id": "", "name": ""}))
        return {**now, **outcome.after}

    def _path_of(self, found: Mapping[str, Any]) -> str:
        return f"{self.path}/{path_segment(found['id'])}"
