# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Render the telemetry environment for sh, bash, zsh and fish, and keep a marked block in a start-up file.

Pure functions on strings. The secret is never part of what is rendered: the snippet reads it from a file of its own.
"""

from __future__ import annotations

import re
from typing import Callable, Mapping

SHELLS = ("sh", "bash", "zsh", "fish")
SCOPES = ("claude", "session")
# Stands for the secret in the values given to `render`; no valid value holds a control character.
SECRET_MARK = "\0"
_HEADER = "# Written by devfleet.axiom (claude_code_telemetry); changes are overwritten. The secret is not in here.\n"

_BEGIN = "# BEGIN devfleet.axiom claude_code_telemetry"
_CREATED = " (file made by it)"
_END = "# END devfleet.axiom claude_code_telemetry"
# What a portable sed needs to print just the block.
BLOCK_RANGE = f"/^{_BEGIN}/,/^{_END}/"
_BLOCK = re.compile(rf"^{_BEGIN}(?P<created>{re.escape(_CREATED)})?\n(?P<body>(?:.*\n)*?){_END}(?:\n|\Z)", re.MULTILINE)


class BlockError(ValueError):
    """The marks of our block are damaged; the message says what to repair."""


def quote_posix(text: str) -> str:
    """Always in quotes: zsh expands a bare word that begins with an equals sign, which `shlex.quote` leaves bare."""
    return "'{}'".format(text.replace("'", "'\\''"))


def quote_fish(text: str) -> str:
    """fish knows two escapes inside single quotes: backslash and the quote itself."""
    return "'{}'".format(text.replace("\\", "\\\\").replace("'", "\\'"))


def _path(path: str, quote: Callable[[str], str]) -> str:
    """A path for a shell; what starts with `~/` is below the home of whoever runs it."""
    return '"$HOME"' + quote(path[1:]) if path.startswith("~/") else quote(path)


def _value(value: str, quote: Callable[[str], str]) -> str:
    """A value for a shell, the variable that holds the secret in its place."""
    parts = [quote(part) if part else "" for part in value.split(SECRET_MARK)]
    return '"$_claude_telemetry_token"'.join(parts) or "''"


def _posix(environment: Mapping[str, str], token_path: str, scope: str, function: str) -> str:
    # One pair of brackets around everything: a missing or unreadable secret prints nothing and changes nothing.
    read = f"{{ IFS= read -r _claude_telemetry_token < {_path(token_path, quote_posix)}; }} 2>/dev/null"
    indent = "    " if scope == "session" else "            "
    exports = "".join(
        "{}export {}={}\n".format(indent, name, _value(value, quote_posix)) for name, value in environment.items()
    )
    if scope == "session":
        return f"if {read}; then\n{exports}    unset _claude_telemetry_token\nfi\n"
    return (
        f"{function} {{\n    (\n        if {read}; then\n{exports}"
        "            unset _claude_telemetry_token\n        fi\n"
        '        command claude "$@"\n    )\n}\n'
    )


def _fish(environment: Mapping[str, str], token_path: str, scope: str) -> str:
    flags = "-gx" if scope == "session" else "-lx"
    path = _path(token_path, quote_fish)
    indent = "    " if scope == "session" else "        "
    read = f"test -r {path}; and read -l _claude_telemetry_token < {path}"
    sets = "".join(
        "{}set {} {} {}\n".format(indent, flags, name, _value(value, quote_fish)) for name, value in environment.items()
    )
    if scope == "session":
        return f"if {read}\n{sets}end\n"
    # fish has no subshell and a block has its own variables, so the client is started inside the block as well.
    return (
        f"function claude --wraps=claude --description 'Claude Code with telemetry'\n    if {read}\n{sets}"
        "        command claude $argv\n        return\n    end\n    command claude $argv\nend\n"
    )


def render(shell: str, scope: str, environment: Mapping[str, str], token_path: str) -> str:
    """The snippet for one shell.

    :param environment: values with `SECRET_MARK` where the secret belongs.
    :param token_path: the file that holds the secret, as the shell will see it.
    :param scope: `claude`, a wrapper function that sets the environment for that command only; or `session`, exported
        to everything that the shell starts.
    """
    if shell == "fish":
        return _HEADER + _fish(environment, token_path, scope)
    # In bash and zsh the word after "function" is not subject to alias expansion: people do have an alias of that name.
    function = "claude()" if shell == "sh" else "function claude"
    return _HEADER + _posix(environment, token_path, scope, function)


def source_line(shell: str, snippet_path: str) -> str:
    """The line that makes a start-up file read the snippet, silent where the snippet is not there or not readable."""
    if shell == "fish":
        path = _path(snippet_path, quote_fish)
        return f"test -r {path}; and source {path}\n"
    path = _path(snippet_path, quote_posix)
    return f"if [ -r {path} ]; then . {path}; fi\n"


def login_lines(snippets: Mapping[str, str]) -> str:
    """For a file that login shells of sh and bash read alike: each takes its own snippet."""
    if "bash" not in snippets:
        return source_line("sh", snippets["sh"])
    other = "else\n    {}".format(source_line("sh", snippets["sh"])) if "sh" in snippets else ""
    return 'if [ -n "${{BASH_VERSION-}}" ]; then\n    {}{}fi\n'.format(source_line("bash", snippets["bash"]), other)


def _find(text: str) -> tuple[int, int, bool, str]:
    match = _BLOCK.search(text)
    marks = (text.count(_BEGIN), text.count(_END))
    if not match:
        if marks != (0, 0):
            raise BlockError("the marks of our block are damaged; remove every line that names devfleet.axiom")
        return 0, 0, False, ""
    if marks != (1, 1):
        raise BlockError("our block stands there more than once; remove all of them")
    return match.start(), match.end(), bool(match.group("created")), match.group("body")


def block(body: str, created: bool) -> str:
    return f"{_BEGIN}{_CREATED if created else ''}\n{body}{_END}\n"


def set_block(text: str, body: str, created: bool) -> str:
    """Put our block first in a start-up file: many end early where the shell is not interactive.

    :param created: the file was not there before; its mark says so, for `remove_block`.
    """
    start, end, was_created, old = _find(text)
    if end and old == body:
        return text
    return text[:start] + block(body, created or was_created) + text[end:]


def remove_block(text: str) -> tuple[str, bool]:
    """The text without our block, and whether the whole file is ours to delete."""
    start, end, created, _body = _find(text)
    rest = text[:start] + text[end:]
    return rest, created and not rest


def block_of(text: str) -> str:
    """What stands between our marks, for a diff that shows nothing foreign."""
    return _find(text)[3]
