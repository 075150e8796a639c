# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a machine match a list of `Wanted`: what changed, a diff that holds no secret, and nothing foreign lost.

Everything is worked out first for all users and targets, with nothing written: an error comes before any change.
"""

from __future__ import annotations

import functools
import json
import os
import re
from typing import Any, Mapping, NamedTuple

from ansible_collections.devfleet.axiom.plugins.module_utils import (
    client_settings,
    host_files,
    settings_json,
    shell_profile,
    targets,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import Account, HostError
from ansible_collections.devfleet.axiom.plugins.module_utils.targets import Place, Wanted
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import MASK, shown

_SECRET = re.compile(r"(Bearer )([^,\"'\s]+)")
_NO_STATE: dict[str, Any] = {"version": 1, "documents": {}}
# Who runs the playbooks knows the option as a variable, and `-e force=true` would do nothing.
_REMOVE_OR_FORCE = "remove that, or set force: true (as a variable: claude_code_telemetry_force)"


class Outcome(NamedTuple):
    """What was done, or in check mode would be: a diff per path, and remarks for the person who runs it."""

    diffs: list[dict[str, str]]
    warnings: list[str]


class OwnersPart:
    """What one owner has on a machine: root, or one user in their home. Its methods run with that owner's rights."""

    def __init__(self, options: Mapping[str, Any], owner: Account | None, check: bool) -> None:
        self.options = options
        self.owner = owner
        self.check = check
        self.token = options["token"] or ""
        self.outcome = Outcome([], [])
        self.gone: set[str] = set()
        # Directories of ours that get, or in check mode would get, their mode again.
        self.mended: set[str] = set()
        # The settings documents of others that were found to leave ours alone.
        self.examined: Wanted | None = None
        self.forced = False

    def run(self, items: list[Wanted]) -> Outcome:
        """Directories first, then what goes into them; what is to go in the opposite order."""
        if not self.check:
            for folder in {os.path.dirname(self._path(place.path)) for item in items for place in item.places}:
                host_files.clean(folder)
        folders = [item for item in items if item.kind.endswith("directory")]
        others = [item for item in items if not item.kind.endswith("directory")]
        for item in [item for item in folders if item.present] + others:
            getattr(self, "_" + item.kind)(item)
        for item in reversed([item for item in folders if not item.present]):
            self._remove_directory(item)
        return self.outcome

    def _path(self, place: str) -> str:
        if place.startswith("/"):
            return host_files.below(self.options["prefix"], place)
        return os.path.join(self.owner.home if self.owner else "/", place)

    def _applies(self, place: Place) -> bool:
        return place.anchor is None or os.path.exists(self._path(place.anchor))

    def _place(self, item: Wanted) -> str | None:
        for place in item.places:
            if self._applies(place):
                return self._path(place.path)
        return None

    def _report(self, path: str, before: str, after: str) -> None:
        self.outcome.diffs.append({"before_header": path, "after_header": path, "before": before, "after": after})

    def _masked(self, text: str) -> str:
        """A document as it may be shown; a secret that is not the declared one is told apart."""
        return _SECRET.sub(
            lambda found: found.group(1) + (MASK if found.group(2) == self.token else f"{MASK} (another secret)"), text
        )

    def _shown(self, text: str) -> str:
        """What is about to be written, as it may be shown."""
        return text.replace(self.token, shown(self.token)) if self.token else text

    def _read(self, path: str, owned: bool) -> host_files.Found | None:
        return host_files.read(path, owned=owned, safe_parents=self.owner is None)

    def _make_directory(self, path: str, mode: int | None = None) -> None:
        # What we have to make above our own files: private in a home, as the XDG specification says.
        usual = 0o700 if self.owner else 0o755
        host_files.make_directory(path, usual if mode is None else mode, usual)

    def _write(self, path: str, text: str, mode: int, like: host_files.Found | None = None) -> None:
        real = like.path if like else path
        host_files.check_size(path, text)
        try:
            if self.check:
                if os.path.dirname(real) not in self.mended:
                    host_files.check_writable(real)
                return
            self._make_directory(os.path.dirname(path))
            if like is None:
                host_files.write(path, text, mode)
            else:
                host_files.write(real, text, like.mode, like.uid, like.gid)
        except OSError as exc:
            exc.filename = host_files.through(path, real)
            raise

    def _remove(self, path: str) -> None:
        self.gone.add(path)
        if not self.check:
            host_files.remove(path)

    def _directory(self, item: Wanted) -> None:
        path = self._path(item.places[0].path)
        if not os.path.isdir(path):
            self._report(path, "", f"directory, mode {item.mode:04o}\n")
            if not self.check:
                self._make_directory(path, item.mode)
            return
        mode = os.stat(path).st_mode & 0o7777
        if item.kind == "shared_directory":
            client_settings.check_readable(path, mode, 0o005)
        elif mode != item.mode:
            self._report(path, f"directory, mode {mode:04o}\n", f"directory, mode {item.mode:04o}\n")
            self.mended.add(path)
            if not self.check:
                os.chmod(path, item.mode)

    _shared_directory = _directory

    def _remove_directory(self, item: Wanted) -> None:
        """Ours, or as we would have made it; and only where it is empty, or would be."""
        path = self._place(item)
        if path is None or not os.path.isdir(path) or os.path.islink(path):
            return
        status = os.stat(path)
        if (status.st_mode & 0o7777, status.st_uid) != (item.mode, os.geteuid()):
            return
        names = [name for name in os.listdir(path) if name != targets.STATE_NAME and not host_files.is_leftover(name)]
        if any(os.path.join(path, name) not in self.gone for name in names):
            return
        self.gone.add(path)
        self._report(path, f"directory, mode {item.mode:04o}\n", "")
        if not self.check:
            os.rmdir(path)

    def _file(self, item: Wanted) -> None:
        path = self._place(item)
        if path is None:
            return
        found = self._read(path, owned=True)
        if not item.present:
            if found is not None:
                self._report(path, self._shown_file(path, item, found), "")
                self._remove(path)
            return
        uid = self.owner.uid if self.owner else os.geteuid()
        if found is not None and (found.text, found.mode, found.uid) == (item.content, item.mode, uid):
            return
        before = ""
        if found is not None:
            before = self._shown_file(path, item, found)
            if (found.mode, found.uid) != (item.mode, uid):
                before = f"mode {found.mode:04o}, owner {found.uid}\n{before}"
        self._report(path, before, self._shown(item.content))
        self._write(path, item.content, item.mode)

    def _shown_file(self, path: str, item: Wanted, found: host_files.Found) -> str:
        if os.path.basename(path) != targets.TOKEN_NAME:
            return self._masked(found.text)
        return MASK + ("\n" if found.text == item.content else " (another secret)\n")

    def _block(self, item: Wanted) -> None:
        chosen = self._place(item) if item.present else None
        for place in item.places:
            path = self._path(place.path)
            found = self._read(path, owned=False)
            try:
                self._set_block(path, found, item.content if path == chosen else None)
            except shell_profile.BlockError as exc:
                raise HostError(f"{path}: {exc}") from None

    def _set_block(self, path: str, found: host_files.Found | None, body: str | None) -> None:
        before = found.text if found else ""
        if body is None:
            after, ours = shell_profile.remove_block(before)
        else:
            after, ours = shell_profile.set_block(before, body, created=found is None), False
        if after == before:
            return
        self._report(path, shell_profile.block_of(before), body or "")
        if ours and found is not None:
            self._remove(found.path)
        else:
            self._write(path, after, 0o644, found)

    def _documents(self, item: Wanted) -> None:
        """Examine the settings documents of others, and remember their digests so that the probe need not ask again."""
        if not item.present:
            return
        self.examined = item
        base, wanted = self._path(item.places[0].path), json.loads(item.content)["env"]
        if item.user:
            self._examine(client_settings.above_user_settings(base, wanted))
        else:
            self._examine(client_settings.obstacles(base, targets.own_document(self.options), wanted))

    def _examine(self, found: list[str]) -> None:
        if found and not self.options["force"]:
            raise HostError(f"{'; '.join(found)}; {_REMOVE_OR_FORCE} to go on all the same")
        self.outcome.warnings.extend(found)
        self.forced = self.forced or bool(found)

    def _state(self, path: str) -> dict[str, Any]:
        found = self._read(path, owned=True)
        try:
            state = json.loads(found.text) if found else _NO_STATE
            return state if state["version"] == 1 else dict(_NO_STATE)
        except (ValueError, KeyError, TypeError):
            raise HostError(f"{path}: not what we wrote; remove it") from None

    def _document(self, item: Wanted, folder: str) -> client_settings.Document | None:
        if item.user:
            return client_settings.read_user_settings(folder)
        return client_settings.read_document(folder, targets.SETTINGS_BASE)

    def _settings(self, item: Wanted) -> None:
        """The document others have a part in. What we wrote is remembered by digest: so foreign is told from ours."""
        path = self._path(item.places[0].path)
        folder = os.path.dirname(path)
        state = self._state(targets.state_path(path))
        # Where there is nothing of ours to remove, it may be in whatever state its owner left it.
        concerned = item.present or "merged" in state or "pending" in state
        document = self._document(item, folder) if concerned else None
        merged = _ours(state, document)
        emptied = False
        if item.present:
            if item.user and document:
                self._examine(client_settings.in_the_way(path, document.settings))
            merged = self._merge(item, path, document, merged)
        elif merged:
            self._prune(path, document, merged)
            emptied, merged = merged.get("folder", False), None
        if not self.check:
            self._remember(merged, targets.state_path(path), item.mode)
            if emptied and not os.listdir(folder):
                os.rmdir(folder)

    def _merge(
        self, item: Wanted, path: str, document: client_settings.Document | None, merged: dict[str, Any] | None
    ) -> dict[str, Any]:
        wanted = json.loads(item.content)["env"]
        now = document.env() if document else {}
        folder = not os.path.isdir(os.path.dirname(path))
        before = merged or {"keys": {}, "undo": {}, "created": document is None, "folder": folder}
        ours = {key for key, value in before["keys"].items() if targets.digest(now.get(key, "")) == value}
        foreign = [key for key in wanted if key in now and now[key] != wanted[key] and key not in ours]
        if foreign and not self.options["force"]:
            raise HostError(
                f"{path}: {', '.join(foreign)} in env is set by somebody else to another value; "
                f"{_REMOVE_OR_FORCE} to overwrite it"
            )
        stale = [key for key in ours if key not in wanted]
        missing = {key: value for key, value in wanted.items() if now.get(key) != value}
        try:
            edit = settings_json.merge(document.found.text if document else "", missing, stale)
        except settings_json.DocumentError as exc:
            raise HostError(f"{path}: {exc}") from None
        keep = {key for key in wanted if key in ours or key in missing}
        after = {
            "wanted": targets.environment_digest(wanted),
            "keys": {key: targets.digest(wanted[key]) for key in sorted(keep)},
            "undo": edit.undo or before["undo"],
            "created": before["created"] or document is None,
            "folder": before.get("folder", False),
            "document": targets.digest(edit.text),
        }
        if missing or stale:
            touched = {key: self._masked(now[key]) for key in [*missing, *stale] if key in now}
            self._report(path, _pretty(touched), _pretty({key: self._shown(wanted[key]) for key in missing}))
            # First what is about to be ours: a run killed in between would leave it to be taken for somebody else's.
            announced = dict(_NO_STATE, pending=after, **({"merged": merged} if merged else {}))
            self._write(targets.state_path(path), _state_text(announced), item.mode)
            self._write(path, edit.text, item.mode, document.found if document else None)
        return after

    def _prune(self, path: str, document: client_settings.Document | None, merged: dict[str, Any]) -> None:
        if document is None:
            return
        now = document.env()
        ours = [key for key, value in merged["keys"].items() if targets.digest(now.get(key, "")) == value]
        changed = sorted(key for key in merged["keys"] if key in now and key not in ours)
        if changed:
            self.outcome.warnings.append(f"{path}: {', '.join(changed)} was changed by somebody else and is left there")
        text = settings_json.prune(document.found.text, ours, merged["undo"])
        if text == document.found.text:
            return
        self._report(path, _pretty({key: self._masked(now[key]) for key in ours}), "")
        if merged["created"] and not text.strip():
            self._remove(document.found.path)
        else:
            self._write(path, text, 0o644, document.found)

    def _remember(self, merged: dict[str, Any] | None, path: str, mode: int) -> None:
        """Bookkeeping, not a change: digests only, so that the probe can tell at once that nothing moved.

        What was gone over by force is not remembered: without force it has to be refused again.
        """
        own = targets.own_document(self.options)
        digests: dict[str, str] = {}
        if self.examined is not None and not self.forced:
            base = self._path(self.examined.places[0].path)
            for document in client_settings.documents(base, "" if self.examined.user else own):
                digests[document.name] = document.digest()
        if merged and self.forced:
            merged["document"] = ""
        state = dict(_NO_STATE, documents=digests)
        if merged:
            state["merged"] = merged
        text = _state_text(state)
        found = self._read(path, owned=True)
        if not (digests or merged):
            if found is not None:
                host_files.remove(path)
        elif found is None or found.text != text:
            self._write(path, text, mode)


def _state_text(state: Mapping[str, Any]) -> str:
    return json.dumps(state, sort_keys=True) + "\n"


def _ours(state: Mapping[str, Any], document: client_settings.Document | None) -> dict[str, Any] | None:
    """What is ours in a document of others; after a run that was killed, what the document itself shows of its work."""
    merged: dict[str, Any] | None = state.get("merged")
    pending: dict[str, Any] | None = state.get("pending")
    if pending is None:
        return merged
    now = document.env() if document else {}
    earlier = merged["keys"] if merged else {}
    if any(targets.digest(now.get(key, "")) == value != earlier.get(key) for key, value in pending["keys"].items()):
        return pending
    return merged or {"keys": {}, "undo": {}, "created": document is None, "folder": pending["folder"]}


def _pretty(environment: Mapping[str, str]) -> str:
    return json.dumps({"env": environment}, indent=2, ensure_ascii=False) + "\n" if environment else ""


def _pass(options: Mapping[str, Any], items: list[Wanted], check: bool) -> Outcome:
    total = Outcome([], [])
    for user in dict.fromkeys(item.user for item in items):
        owner = host_files.account(user, options["prefix"]) if user else None
        part = OwnersPart(options, owner, check)
        own = [item for item in items if item.user == user]
        if owner is None:
            outcome = part.run(own)
        else:
            outcome = Outcome(*host_files.run_as(owner, functools.partial(part.run, own)))
        total.diffs.extend(outcome.diffs)
        total.warnings.extend(outcome.warnings)
    return total


def converge(options: Mapping[str, Any], check: bool) -> Outcome:
    """Make the machine match the options.

    :param options: those of the module `claude_code_telemetry`, with `platform` set and the endpoints derived.
    :raises HostError: with nothing written, unless the machine changed between the two passes.
    """
    items = targets.wanted(options, options["platform"])
    try:
        predicted = _pass(options, items, check=True)
        return predicted if check else _pass(options, items, check=False)
    except OSError as exc:
        raise host_files.os_error(exc) from None
