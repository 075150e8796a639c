# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory's hosts and groups are to Ansible."""

from __future__ import annotations

import json
from typing import Any

from awx_controller.store import Item, Store
from awx_controller.validation import parse_variables


def hosts_of(store: Store, inventory: Item, enabled: bool = True) -> list[Item]:
    """Return an inventory's hosts by name, without the disabled ones unless those are asked for."""
    found = store.where("hosts", inventory=inventory.id)
    return sorted((host for host in found if host["enabled"] or not enabled), key=lambda host: str(host["name"]))


def sliced(hosts: list[Item], number: int, count: int) -> list[Item]:
    """Return every ``count``-th host, beginning with the ``number``-th; all where nothing is sliced."""
    return hosts[number - 1 :: count] if count > 1 and number > 0 else hosts


def script_data(store: Store, inventory: Item, number: int = 0, count: int = 1) -> dict[str, Any]:
    """Return what the dynamic inventory script of a job prints."""
    hosts = sliced(hosts_of(store, inventory), number, count)
    names = {host.id: str(host["name"]) for host in hosts}
    groups = store.where("groups", inventory=inventory.id)
    everything: dict[str, Any] = {}
    data: dict[str, Any] = {"all": everything}
    if variables := parse_variables(inventory["variables"]):
        everything["vars"] = variables
    grouped = {identity for group in groups for identity in group.links["hosts"]}
    everything["hosts"] = [name for identity, name in names.items() if identity not in grouped]
    if groups:
        everything["children"] = [group["name"] for group in groups]
    for group in groups:
        members = [names[identity] for identity in group.links["hosts"] if identity in names]
        children = [child["name"] for child in store.linked(group, "children")]
        entry = {"hosts": members, "children": children, "vars": parse_variables(group["variables"])}
        if any(entry.values()):
            data[group["name"]] = {name: value for name, value in entry.items() if value}
    data["_meta"] = {"hostvars": {host["name"]: _host_variables(host) for host in hosts}}
    return data


def _host_variables(host: Item) -> dict[str, Any]:
    added = {}
    for prefix in ("host", "tower"):
        added[f"remote_{prefix}_enabled"] = str(host["enabled"]).lower()
        added[f"remote_{prefix}_id"] = host.id
    return {**parse_variables(host["variables"]), **added}


def script(data: dict[str, Any]) -> str:
    """Return a program that prints the inventory, as AWX hands it to Ansible."""
    return f"#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({json.dumps(data)!r})\n"


def import_listing(store: Store, inventory: Item, listing: dict[str, Any], source: Item) -> list[str]:
    """Take over what ``ansible-inventory --list`` printed for a source; return one line per thing done.

    What an earlier run of this source brought and this one does not is removed where the source overwrites. Variables
    of hosts and groups are replaced where it overwrites variables, otherwise merged.
    """
    hostvars = listing.get("_meta", {}).get("hostvars", {})
    groups = {name: entry for name, entry in listing.items() if name not in ("_meta", "all", "ungrouped")}
    members = {host for entry in listing.values() if isinstance(entry, dict) for host in entry.get("hosts", [])}
    log: list[str] = []

    def upsert(path: str, name: str, variables: dict[str, Any]) -> Item:
        item = store.one(path, name=name, inventory=inventory.id)
        if item is None:
            item = store.add(path, {"name": name, "inventory": inventory.id, "variables": json.dumps(variables)})
            log.append(f"{path[:-1]} {name} added")
        else:
            merged = variables if source["overwrite_vars"] else {**parse_variables(item["variables"]), **variables}
            store.change(item, {"variables": json.dumps(merged)})
        if source.id not in item.links["inventory_sources"]:
            item.links["inventory_sources"].append(source.id)
        return item

    hosts = {name: upsert("hosts", name, hostvars.get(name, {})) for name in sorted(members | set(hostvars))}
    made = {name: upsert("groups", name, entry.get("vars", {})) for name, entry in groups.items()}
    for name, entry in groups.items():
        wanted = {
            "hosts": [hosts[host].id for host in entry.get("hosts", [])],
            "children": [made[child].id for child in entry.get("children", [])],
        }
        for link, ids in wanted.items():
            kept = [] if source["overwrite"] else made[name].links[link]
            made[name].links[link] = list(dict.fromkeys([*kept, *ids]))
    if source["overwrite"]:
        for path, present in (("hosts", hosts), ("groups", made)):
            for item in store.where(path, inventory=inventory.id):
                if source.id in item.links["inventory_sources"] and item["name"] not in present:
                    store.remove(item)
                    log.append(f"{path[:-1]} {item['name']} removed")
    everything = listing.get("all", {}).get("vars", {})
    if everything:
        variables = (
            everything if source["overwrite_vars"] else {**parse_variables(inventory["variables"]), **everything}
        )
        store.change(inventory, {"variables": json.dumps(variables)})
    return log
