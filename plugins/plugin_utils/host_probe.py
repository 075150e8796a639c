# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One POSIX shell script that looks at everything wanted on a machine, and the judgement of what it printed.

Sending Python to a machine costs several times a shell command, and on a converged fleet nothing needs Python. The
script carries paths only; digests come back and are compared here, so no secret travels. Whatever it cannot tell for
certain counts as drift, and the module does the work.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any, NamedTuple

from ansible_collections.devfleet.axiom.plugins.module_utils import host_files, shell_profile, targets
from ansible_collections.devfleet.axiom.plugins.module_utils.targets import Wanted

_START = "=devfleet.axiom probe 1"
_END = "=end"
_EMPTY = targets.digest("")

# POSIX has neither stat nor a digest: ls -lnd prints mode and owner alike everywhere, but for two variables of GNU's,
# of which one hides a file by quoting its name. The digest has two usual names. A FIFO planted in a home must not hold
# the run up, hence -f and timeout.
_LIBRARY = """\
LC_ALL=C; export LC_ALL; unset TIME_STYLE QUOTING_STYLE
PATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin
T=; command -v timeout >/dev/null 2>&1 && T='timeout 20'
if command -v sha256sum >/dev/null 2>&1; then S=sha256sum; else S='shasum -a 256'; fi
look() {
echo =ls; ls -lnd -- "$@" 2>/dev/null
n=$#; for p in "$@"; do [ -f "$p" ] && [ ! -L "$p" ] && set -- "$@" "$p"; done; shift $n
echo =sum; [ $# -eq 0 ] || $T $S -- "$@"
}
block() {
b=$([ ! -f "$1" ] || $T sed -n 'BLOCK_RANGEp' "$1" | $S)
printf '=block %s %s\\n' "${b:-EMPTY  -}" "$1"
}
""".replace("BLOCK_RANGE", shell_profile.BLOCK_RANGE).replace("EMPTY", _EMPTY)

# Homes are read with their owner's rights only. eval expands ~NAME; the name was checked, and ~ works in every shell.
_USER = """\
N={name}; U=; H=
if [ -e {passwd} ] && [ {prefixed} = 1 ]; then
while IFS=: read -r n x u g c h s; do [ "$n" = "$N" ] && {{ U=$u; G=$g; H=$h; }}; done < {passwd}
else eval "H=~$N"; U=$(id -u "$N" 2>/dev/null); G=$(id -g "$N" 2>/dev/null); fi
D=; [ "$(id -u)" = "$U" ] || D=no
if [ "$D" = no ] && [ "$(id -u)" = 0 ] && [ -n "$U" ]; then
if setpriv --version 2>/dev/null | grep -q util-linux; then D="setpriv --reuid=$U --regid=$G --clear-groups --"
elif command -v sudo >/dev/null 2>&1; then D="sudo -n -u #$U --"; fi
fi
H={prefix}$H
[ "$D" = no ] || {{ printf '=user %s %s %s\\n' "$U" "$N" "$H"; $D /bin/sh -c {script} sh "$H"; }}
"""


class Entry(NamedTuple):
    """One line of `ls -lnd`."""

    kind: str
    mode: int
    uid: int


class Seen(NamedTuple):
    """What the probe saw with the rights of one owner."""

    uid: int
    home: str
    entries: dict[str, Entry]
    sums: dict[str, str]
    blocks: dict[str, str]
    state: dict[str, Any]


class Unclear(Exception):
    """The probe alone cannot tell that nothing drifted."""


def _places(item: Wanted) -> Iterable[str]:
    return (place.path for place in item.places)


def _parents(path: str) -> Iterable[str]:
    while path not in ("", "/"):
        path = path.rpartition("/")[0] or "/"
        yield path


def _quoted(path: str, prefix: str) -> str:
    if path.startswith("/"):
        return shlex.quote(host_files.below(prefix, path))
    return '"$1"/' + shlex.quote(path)


def _look(items: list[Wanted], prefix: str) -> str:
    """The commands for one owner's items."""
    paths: dict[str, None] = {}
    commands = []
    for item in items:
        for path in _places(item) if item.kind != "documents" else ():
            if path.startswith("/"):
                for parent in _parents(host_files.below(prefix, path)):
                    paths[shlex.quote(parent.rstrip("/") + "/.")] = None
            full = _quoted(path, prefix)
            paths[full + "/." if item.kind.endswith("directory") else full] = None
            if item.kind == "block":
                commands.append(f"block {full}")
        for place in item.places:
            if place.anchor:
                paths[_quoted(place.anchor, prefix)] = None
    for item in items:
        if item.kind == "documents":
            base = _quoted(item.places[0].path, prefix)
            drop_ins = f"{base}/{targets.SETTINGS_DROP_INS}"
            paths.update(dict.fromkeys((base, drop_ins, f"{base}/{targets.SETTINGS_BASE}", f"{drop_ins}/*.json")))
        if item.kind == "settings":
            state = _quoted(targets.state_path(item.places[0].path), prefix)
            commands.append(f'if [ -f {state} ]; then echo "=state $($T cat {state})"; fi')
    return "\n".join([f"look {' '.join(paths)}", *commands])


def _platform_script(items: list[Wanted], prefix: str) -> str:
    own = [item for item in items if item.user is None]
    parts = []
    if own:
        parts += ['echo "=user $(id -u) / /"', _look(own, prefix)]
    for user in dict.fromkeys(item.user for item in items if item.user):
        script = _LIBRARY + _look([item for item in items if item.user == user], prefix)
        parts.append(
            _USER.format(
                name=shlex.quote(user),
                passwd=shlex.quote(host_files.below(prefix, "/etc/passwd")),
                prefixed="0" if prefix == "/" else "1",
                prefix=shlex.quote("" if prefix == "/" else prefix.rstrip("/")),
                script=shlex.quote(script),
            )
        )
    return "\n".join(parts)


def script(wanted: dict[str, list[Wanted]], prefix: str) -> str:
    """The probe, for a machine that may be any of the platforms that `wanted` has a list for."""
    (_platform, items), *others = wanted.items()
    body = _platform_script(items, prefix)
    for platform, alternative in others:
        if alternative == items:
            continue
        uname = platform.capitalize()
        body = f'if [ "$K" = {uname} ]; then\n{_platform_script(alternative, prefix)}\nelse\n{body}\nfi'
    # No newline at the end: ansible-core appends `&& sleep 0`.
    return f'{_LIBRARY}K=$(uname -s)\necho {shlex.quote(_START)} "$K"\n{body}\necho {_END}'


_KINDS = {"-": "file", "d": "directory"}


def _mode(text: str) -> int:
    """`rwxr-xr-x`, with the usual letters for the three special bits, as a number."""
    mode = 0
    for index, letter in enumerate(text):
        if letter in "rwxst":
            mode |= 0o400 >> index
        if letter in "sStT":
            mode |= 0o4000 >> (index // 3)
    return mode


def _entry(line: str) -> tuple[str, Entry]:
    try:
        permissions, _links, uid, _gid, _size, _month, _day, _time, path = line.split(None, 8)
        return path, Entry(_KINDS[permissions[0]], _mode(permissions[1:10]), int(uid))
    except (KeyError, ValueError):
        raise Unclear(f"cannot read {line!r}") from None


def _parse(lines: list[str]) -> list[Seen]:
    """Sections, one per owner, each begun by `=user`."""
    seen: list[Seen] = []
    section = ""
    for line in lines:
        if line.startswith("=user "):
            uid, _name, home = line.split(" ", 3)[1:]
            seen.append(Seen(int(uid), home, {}, {}, {}, {}))
        elif not seen:
            raise Unclear("no owner")
        elif line in ("=ls", "=sum"):
            section = line
        elif line.startswith("=block "):
            fields = line.split(None, 3)
            seen[-1].blocks[fields[3]] = fields[1]
        elif line.startswith("=state "):
            seen[-1].state.update(json.loads(line[7:]))
        elif section == "=ls":
            path, entry = _entry(line)
            seen[-1].entries[path] = entry
        else:
            digest, path = line.split(None, 1)
            seen[-1].sums[path] = digest
    return seen


class _Judge:
    """Holds what one owner's section says against that owner's items; raises `Unclear` at the first difference."""

    def __init__(self, seen: Seen, prefix: str, own_document: str) -> None:
        self.seen = seen
        self.prefix = prefix
        self.own_document = own_document

    def judge(self, items: list[Wanted]) -> None:
        unlisted = set(self.seen.sums) - set(self.seen.entries)
        if unlisted:
            raise Unclear(f"ls says nothing of {min(unlisted)}, or gives it another name")
        if self.seen.uid == 0:
            for path, entry in self.seen.entries.items():
                if path.endswith("/.") and (entry.uid != 0 or (entry.mode & 0o022 and not entry.mode & 0o1000)):
                    raise Unclear(f"{path} is not root's alone")
        for item in items:
            if not getattr(self, "_" + item.kind)(item):
                raise Unclear(f"{item.kind} {item.places[0].path}")

    def _path(self, place: str) -> str:
        return host_files.below(self.prefix, place) if place.startswith("/") else f"{self.seen.home}/{place}"

    def _chosen(self, item: Wanted) -> str | None:
        for place in item.places:
            if place.anchor is None or self._path(place.anchor) in self.seen.entries:
                return self._path(place.path)
        return None

    def _directory(self, item: Wanted) -> bool:
        path = self._path(item.places[0].path)
        entry = self.seen.entries.get(path + "/.")
        if not item.present:
            # A directory that holds something stays, and is no drift.
            return entry is None or any(
                other.startswith(path + "/") and other != path + "/." for other in self.seen.entries
            )
        if entry is None or entry.kind != "directory":
            return False
        return entry.mode & 0o005 == 0o005 if item.kind == "shared_directory" else entry.mode == item.mode

    _shared_directory = _directory

    def _file(self, item: Wanted) -> bool:
        path = self._chosen(item)
        if path is None:
            return True
        entry = self.seen.entries.get(path)
        if not item.present:
            return entry is None
        return entry == Entry("file", item.mode, self.seen.uid) and self.seen.sums.get(path) == targets.digest(
            item.content
        )

    def _block(self, item: Wanted) -> bool:
        chosen = self._chosen(item) if item.present else None
        ours = [targets.digest(shell_profile.block(item.content, created)) for created in (False, True)]
        return all(
            self.seen.blocks.get(path) in (ours if path == chosen else [_EMPTY])
            for path in map(self._path, _places(item))
        )

    def _documents(self, item: Wanted) -> bool:
        if not item.present:
            return not self.seen.state
        base = self._path(item.places[0].path)
        entries = self.seen.entries
        for folder in (base, f"{base}/{targets.SETTINGS_DROP_INS}"):
            if folder in entries and entries[folder].mode & 0o005 != 0o005:
                return False
        found = {
            path[len(base) + 1 :]: self.seen.sums.get(path)
            for path in entries
            if path.startswith(base + "/") and path.endswith(".json")
        }
        if not item.user:
            found.pop(self.own_document, None)
        for name in found:
            entry = entries[f"{base}/{name}"]
            # What is a directory, or not to be read by everybody, is for the module to judge.
            if entry.kind != "file" or not entry.mode & 0o004:
                return False
        return bool(found == self.seen.state.get("documents", {}))

    def _settings(self, item: Wanted) -> bool:
        merged = self.seen.state.get("merged")
        if not item.present:
            return merged is None
        path = self._path(item.places[0].path)
        entry = self.seen.entries.get(path)
        return (
            merged is not None
            and entry is not None
            # Readable by those who have to read it, which is everybody where we would have made it so.
            and (entry.mode | ~item.mode) & 0o004 != 0
            and merged["wanted"] == targets.environment_digest(json.loads(item.content)["env"])
            and merged["document"] == self.seen.sums.get(path)
        )


def check(wanted: dict[str, list[Wanted]], prefix: str, own_document: str, output: str) -> str:
    """Make sure that nothing drifted.

    :param wanted: as given to `script`.
    :param own_document: the settings document that is ours.
    :param output: what the script printed, perhaps behind a banner of the machine's.
    :returns: the platform.
    :raises Unclear: something differs, or cannot be told.
    """
    lines = output.replace("\r\n", "\n").split("\n")
    starts = [index for index, line in enumerate(lines) if line.startswith(_START + " ")]
    if len(starts) != 1 or _END not in lines:
        raise Unclear("no answer, or not one")
    platform = "darwin" if lines[starts[0]].split()[-1] == "Darwin" else "linux"
    items = wanted.get(platform) or next(iter(wanted.values()))
    try:
        seen = _parse(lines[starts[0] + 1 : lines.index(_END)])
        owners = list(dict.fromkeys(item.user for item in items))
        if len(seen) != len(owners):
            raise Unclear("an owner is missing")
        for section, owner in zip(seen, sorted(owners, key=lambda user: user is not None), strict=True):
            _Judge(section, prefix, own_document).judge([item for item in items if item.user == owner])
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise Unclear(str(exc)) from None
    return platform
