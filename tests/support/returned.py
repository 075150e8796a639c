# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is what a module returned what its RETURN documentation says? Every run of a `Controller` is compared."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

COLLECTION = "devfleet.axiom."
# What Ansible itself puts into a result, or documents for all modules.
COMMON = re.compile(
    r"changed|failed|msg|diff|exception|warnings|deprecations|invocation|attempts|rc|(module_)?std(out|err)"
    r"|ansible_facts|ansible_loop_var|_ansible_.*"
)
TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "path": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "list": list,
    "dict": dict,
}
Documented = dict[str, dict[str, Any]]


@functools.cache
def documentation(module: str) -> Documented:
    """What RETURN of a module says."""
    found = importlib.import_module(f"ansible_collections.{COLLECTION}plugins.modules.{module}")
    documented: Documented = yaml.safe_load(found.RETURN)
    return documented


def differences(results: list[dict[str, Any]]) -> list[str]:
    """Everything in a run's results of this collection's modules that their documentation does not say."""
    found = []
    for entry in results:
        module = entry["action"].removeprefix(COLLECTION)
        if module != entry["action"] and entry["status"] in ("ok", "failed"):
            for result in entry["result"].get("results", [entry["result"]]):
                failed = entry["status"] == "failed" or bool(result.get("failed"))
                if "censored" not in result and "skipped" not in result:
                    found += [f"{module}: {what}" for what in _compare(documentation(module), result, failed)]
    return found


def _compare(documented: Documented, result: Mapping[str, Any], failed: bool) -> Iterator[str]:
    for name, described in documented.items():
        returned = described["returned"]
        if name in result:
            if failed and returned == "success":
                yield f"{name} is returned after a failure, which its documentation does not say"
            yield from mismatches(name, described, result[name])
        elif not failed and returned in ("success", "always"):
            yield f"{name} is not returned, although documented as returned: {returned}"
    for name in result:
        if name not in documented and name != result.get("ansible_loop_var") and not COMMON.fullmatch(name):
            yield f"{name} is returned and not documented"


def mismatches(path: str, described: Mapping[str, Any], value: Any) -> Iterator[str]:
    """How a value differs from what is documented of it. Null is right where the description speaks of it."""
    if value is None:
        if not re.search(r"\bnull\b", str(described["description"]), re.IGNORECASE):
            yield f"{path} is null, which its documentation does not say"
        return
    kind = described["type"]
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "bool"):
        yield f"{path} is documented as {kind} and is {value!r}"
        return
    if kind == "list":
        item = {**described, "type": described["elements"]}
        for one in value:
            yield from mismatches(f"{path}[]", item, one)
    elif kind == "dict" and "contains" in described:
        contains = described["contains"]
        for name, inner in contains.items():
            if name in value:
                yield from mismatches(f"{path}.{name}", inner, value[name])
            elif "returned" not in inner:
                yield f"{path}.{name} is documented and not there"
        for name in value:
            if name not in contains:
                yield f"{path}.{name} is there and not documented"
