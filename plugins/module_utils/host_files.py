# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write files on a machine: the only file that does.

As root, a machine-wide path is touched only where every parent is root's; files in a home are touched by a child
process that has given up every right but its owner's. So what a user plants in their home can only hurt that user.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import pwd
import re
import secrets
import select
import signal
import stat
import sys
import time
from typing import Any, Callable, Iterator, NamedTuple

from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError

# Larger than any settings or start-up file; what is larger was planted or is broken.
SIZE_MAX = 16 * 1024 * 1024
# How long the work in one home may take, in seconds. A user can stop a process of theirs, or mount what never answers.
HOME_SECONDS = 60
_TEMPORARY = ".devfleet-axiom-"
_LEFTOVER = re.compile(r"\.devfleet-axiom-[0-9a-f]{16}\.tmp\Z")


class HostError(CollectionError):
    """Something on the machine is in the way; the message names the path and the fix."""


class Found(NamedTuple):
    """A regular file as it was read. `path` is where its bytes are: links are followed only with the owner's rights."""

    path: str
    text: str
    mode: int
    uid: int
    gid: int


class Account(NamedTuple):
    """Whose file it is; `home` is below the prefix already."""

    name: str
    uid: int
    gid: int
    home: str


def below(prefix: str, path: str) -> str:
    """An absolute path below the prefix."""
    return path if prefix == "/" else prefix.rstrip("/") + path


def _accounts_below(prefix: str) -> Iterator[list[str]]:
    with contextlib.suppress(OSError), open(below(prefix, "/etc/passwd"), encoding="utf-8", errors="replace") as lines:
        for line in lines:
            fields = line.rstrip("\n").split(":")
            if len(fields) == 7 and fields[2].isdigit() and fields[3].isdigit() and fields[5].startswith("/"):
                yield fields


def account(name: str, prefix: str) -> Account:
    """Look a user up: below a prefix in its own `/etc/passwd` if it has one, otherwise on this machine.

    :raises HostError: no such user, or no such home.
    """
    found = None
    if prefix != "/" and os.path.exists(below(prefix, "/etc/passwd")):
        for fields in _accounts_below(prefix):
            if fields[0] == name:
                found = Account(name, int(fields[2]), int(fields[3]), below(prefix, fields[5]))
    else:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            found = Account(name, entry.pw_uid, entry.pw_gid, below(prefix, entry.pw_dir))
    if found is None:
        where = "" if prefix == "/" else f" below {prefix}"
        raise HostError(f"users: there is no user {name}{where}; create the user or take the name out")
    if not os.path.isdir(found.home):
        raise HostError(f"users: the home of {name}, {found.home}, is not there; create it or take the name out")
    if os.geteuid() not in (0, found.uid):
        raise HostError(f"users: only {name} or root may write in {found.home}; set become: true, or connect as {name}")
    return found


def run_as(owner: Account, work: Callable[[], Any], more_seconds: float = 0) -> Any:
    """Run `work` with exactly the owner's rights, in a child process, and return its JSON-able result.

    :param more_seconds: how long `work` may wait for something else than the home.

    :raises HostError: as raised by `work`, where the rights could not be given up, or after `HOME_SECONDS`.
    """
    if os.geteuid() != 0 or owner.uid == 0:
        return work()
    receive, send = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(receive)
            os.setgroups([])
            os.setgid(owner.gid)
            os.setuid(owner.uid)
            answer = _answer(work)
            with os.fdopen(send, "w", encoding="utf-8") as pipe:
                json.dump(answer, pipe)
            status = 0
        finally:
            # No exit handler and no buffer of the parent's may run a second time in here.
            os._exit(status)
    os.close(send)
    try:
        text = _read_in_time(receive, HOME_SECONDS + more_seconds)
    finally:
        os.close(receive)
        os.kill(child, signal.SIGKILL)
    if text is None:
        # Not waited for: a process in an answerless file system dies when that answers.
        raise HostError(
            f"the home of {owner.name}, {owner.home}, did not answer within {HOME_SECONDS} s; "
            "look for a mount that hangs, or a stopped process"
        )
    os.waitpid(child, 0)
    if not text:
        raise HostError(f"the work with the rights of {owner.name} ended without an answer")
    answer = json.loads(text)
    if "error" in answer:
        raise HostError(answer["error"])
    return answer["result"]


def _read_in_time(descriptor: int, seconds: float) -> str | None:
    """All that comes until the other end is closed, or None where that takes too long."""
    give_up = time.monotonic() + seconds
    received = b""
    while select.select([descriptor], [], [], max(0.0, give_up - time.monotonic()))[0]:
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return received.decode("utf-8")
        received += chunk
    return None


def _answer(work: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"result": work()}
    except HostError as exc:
        return {"error": str(exc)}
    except OSError as exc:
        return {"error": str(os_error(exc))}
    except Exception as exc:  # whatever it was, the parent must be told: a child has no traceback to show
        return {"error": f"{type(exc).__name__}: {exc}"}


def os_error(exc: OSError) -> HostError:
    """An error of the operating system in one line, with the way out where there is a usual one."""
    advice = {
        errno.EACCES: "; set become: true, or repair the permissions",
        errno.EPERM: "; set become: true, or lift what protects it",
        errno.ENOSPC: "; free some space",
        errno.EDQUOT: "; the owner's quota is used up",
        errno.EBUSY: "; something is mounted there",
        errno.EROFS: "; it is on a read-only file system",
        errno.ELOOP: "; it is a symbolic link that leads nowhere",
    }.get(exc.errno or 0, "")
    return HostError(f"{exc.filename or 'a file'}: {exc.strerror or exc}{advice}")


def _check_parents(path: str) -> None:
    """As root, refuse a path that somebody else could swap under our hands."""
    if os.geteuid() != 0:
        return
    real = os.path.realpath(os.path.dirname(path))
    while True:
        if os.path.lexists(real):
            found = os.lstat(real)
            sticky = found.st_mode & stat.S_ISVTX
            if found.st_uid != 0 or (found.st_mode & 0o022 and not sticky):
                raise HostError(
                    f"{path}: {real} belongs to somebody other than root or can be written by others; repair that first"
                )
        if real == "/":
            return
        real = os.path.dirname(real)


def read(path: str, owned: bool = False, safe_parents: bool = True) -> Found | None:
    """Read a regular file of text.

    :param owned: the file is all ours, so a link in its place is somebody else's doing and refused.
    :param safe_parents: false where the caller has only the owner's rights.
    :returns: None where nothing is there.
    :raises HostError: not a regular file, too large, not UTF-8, or not readable.
    """
    found = read_bytes(path, owned, safe_parents)
    if found is None:
        return None
    real, data, status = found
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise HostError(f"{path}: byte {exc.start} is not UTF-8; repair the file") from None
    return Found(real, text, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def read_bytes(path: str, owned: bool = False, safe_parents: bool = True) -> tuple[str, bytes, os.stat_result] | None:
    """Like `read`: where the bytes are, the bytes, and what the system says about the file."""
    opened = _open(path, owned, safe_parents)
    if opened is None:
        return None
    real, descriptor, status = opened
    with os.fdopen(descriptor, "rb") as stream:
        # It may also grow while it is read.
        data = stream.read(SIZE_MAX + 1) if status.st_size <= SIZE_MAX else None
    if data is None or len(data) > SIZE_MAX:
        raise HostError(f"{path}: larger than {SIZE_MAX} bytes; that is no settings or start-up file")
    return real, data, status


def read_head(path: str, size: int) -> str:
    """The first bytes of a file however large, with the owner's rights only; empty where nothing is there."""
    opened = _open(path, False, False)
    if opened is None:
        return ""
    with os.fdopen(opened[1], "rb") as stream:
        return stream.read(size).decode("utf-8", "replace")


def _open(path: str, owned: bool, safe_parents: bool) -> tuple[str, int, os.stat_result] | None:
    """A regular file: where its bytes are, a descriptor, and what the system says about it."""
    if safe_parents:
        _check_parents(path)
    real = path if owned else os.path.realpath(path)
    if real != path and safe_parents:
        _check_parents(real)
    try:
        # Non-blocking: a FIFO in this place must not hold the run up.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        if os.path.islink(path):
            raise HostError(f"{path}: a symbolic link that leads nowhere; repair or remove it") from None
        return None
    except OSError as exc:
        if exc.errno == errno.ELOOP and owned:
            raise HostError(f"{path}: a symbolic link where our own file belongs; remove it") from None
        exc.filename = through(path, real)
        raise os_error(exc) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise HostError(f"{path}: not a regular file; remove it")
    return real, descriptor, status


def check_size(path: str, text: str) -> None:
    """:raises HostError: with this text the file could not be read again, and so never be repaired or removed."""
    if len(text.encode("utf-8")) > SIZE_MAX:
        raise HostError(f"{path}: would become larger than {SIZE_MAX} bytes; make it smaller")


def through(path: str, real: str) -> str:
    """How a path is called in a message: where it leads is told too."""
    return path if path == real else f"{path} (a link to {real})"


def check_writable(path: str) -> None:
    """Find out before anything is changed what `write` would say of the directory.

    :raises OSError: nothing can be made in it, or in the one above that is to hold it.
    """
    folder = os.path.dirname(path)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number), path)


def write(path: str, text: str, mode: int, uid: int = -1, gid: int = -1) -> None:
    """Replace a file in one step: readers see the old or the new one, whole.

    The temporary file starts with a dot and does not end in `.json`, so the client never reads it.
    """
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, _TEMPORARY + secrets.token_hex(8) + ".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            # Tells the temporary file of a living run from what a killed one left: see clean().
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink == 0:
                # Another run that began just now was faster, and took it for what a killed one left.
                return write(path, text, mode, uid, gid)
            stream.write(text.encode("utf-8"))
            stream.flush()
            if uid != -1:
                _give(descriptor, uid, gid)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
            # Before it is closed, which ends the lock.
            os.replace(temporary, path)
    except BaseException as exc:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(exc, OSError):
            exc.filename = path
        raise
    _sync(folder)


def is_leftover(name: str) -> bool:
    """Whether a file of that name is one of our temporary files."""
    return _LEFTOVER.match(name) is not None


def clean(folder: str) -> None:
    """Remove what a killed run left in a directory; the temporary files of a living one stay."""
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir(folder)
    for name in filter(is_leftover, names):
        # One that is in use is not to keep the others.
        with contextlib.suppress(OSError):
            _clean(os.path.join(folder, name))


def _clean(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    finally:
        os.close(descriptor)


def _give(descriptor: int, uid: int, gid: int) -> None:
    """Keep owner and group; with a user's own rights a group that they are not in cannot be kept."""
    try:
        os.fchown(descriptor, uid, gid)
    except PermissionError:
        if uid != os.geteuid():
            raise


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: str, mode: int, mode_above: int) -> None:
    """Make a directory and those above it that are missing; the umask has no say."""
    if not os.path.isdir(path):
        make_directory(os.path.dirname(path), mode_above, mode_above)
        # At once with its mode: what a killed run left with another one would be taken for somebody else's.
        umask = os.umask(0)
        try:
            os.mkdir(path, mode)
        finally:
            os.umask(umask)
        # A set-group-id bit comes from the directory above.
        os.chmod(path, mode)


def remove(path: str) -> None:
    os.unlink(path)
    _sync(os.path.dirname(path))
