# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The body shared by the modules that manage or read one kind of object in Axiom."""

from __future__ import annotations

from typing import Any, Callable, NoReturn, TypeVar

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import holds_secret
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError
from ansible_collections.devfleet.axiom.plugins.module_utils.query_client import QueryClient
from ansible_collections.devfleet.axiom.plugins.module_utils.resource import Outcome, Resource, converge

_Answer = TypeVar("_Answer")


def manage(module: AnsibleModule, kind: type[Resource]) -> tuple[Outcome, dict[str, Any] | None]:
    """Make the one object that the module's options declare; returns what happened and the object, or fails."""
    declared = module.params
    try:
        kind.validate(declared)
        resource = kind(AxiomClient(declared))
        outcome = converge(resource, declared, resource.find(declared, resource.objects()), module.check_mode)
        return outcome, resource.result(outcome)
    except CollectionError as error:
        _fail(module, error)


def read(module: AnsibleModule, kind: type[Resource]) -> list[dict[str, Any]]:
    """Every object of a kind, or the one whose name the options give, as modules return it; one request."""
    try:
        resource = kind(AxiomClient(module.params))
        name = module.params["name"]
        found = [item for item in resource.objects() if name is None or item["name"] == name]
        return [resource.known(item) for item in sorted(found, key=lambda item: (item["name"], item["id"]))]
    except CollectionError as error:
        _fail(module, error)


def ask(module: AnsibleModule, question: Callable[[QueryClient], _Answer]) -> _Answer:
    """The answer to a query with the module's options, or fails; one request."""
    try:
        return question(QueryClient(module.params["token"], module.params, module.params["edge_url"]))
    except CollectionError as error:
        _fail(module, error)


def _fail(module: AnsibleModule, error: CollectionError) -> NoReturn:
    """Fail; a secret pasted where a name belongs stays out of the echoed options too."""
    for value in module.params.values():
        texts = value if isinstance(value, list) else [value]
        module.no_log_values.update(text for text in texts if isinstance(text, str) and holds_secret(text))
    module.fail_json(**error.result())
    raise SystemExit(1)
