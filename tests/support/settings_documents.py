# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings documents of others: what people have, what only a test thinks of, and what is none; and the schema."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

_BESIDE = Path(__file__).resolve().parents[3] / "shared/reference/claude-settings-schema"
_FOLDER = Path(os.environ.get("CLAUDE_SETTINGS_DIR", _BESIDE))

# Layouts and contents that an editor of text could damage.
DOCUMENTS = {
    "empty": "",
    "blank": "  \n",
    "blank with mark": "\ufeff\r\n",
    "bare": "{}",
    "bare line": "{}\n",
    "bare with space": "{ \n }",
    "bare with mark": "\ufeff{}",
    "one line": '{"a":1}',
    "empty env": '{"a": 1, "env": {}}',
    "spaced env": '{\n  "env": { }\n}\n',
    "tabs": '{\n\t"x": [1,\n2],\n\t"env": {\n\t\t"Z": "1"\n\t}\n}',
    "one line with env": '{"env":{"Q":"1"}}\r\n',
    "crlf": '{\r\n  "b": {"c": 1}\r\n}\r\n',
    "crlf with mark and env": '\ufeff{\r\n\t"env": {\r\n\t\t"Q": "1"\r\n\t}\r\n}',
    "env first": '{\n    "env": {"Q": "1"},\n    "last": {}}',
    "trailing spaces": '{  \n  "a": 1 ,  \n  "env": {   \n    "Q": "1"   \n  }   \n}   \n\n \t\n',
    "only carriage returns": '{\r"a": 1,\r"env": {"Q": "1"}\r}\r',
    "spaces before": '\n\n   \t{"a": 1}',
    "huge numbers": '{"a": %s, "b": -1e999, "c": 0.%s, "env": {"N": %s}}' % ("9" * 6000, "1" * 6000, "7" * 6000),
    "numbers as written": '{"a": 1.0, "b": 1e5, "c": -0, "d": 12345678901234567890.10, "e": 1E+2}',
    "half characters": r'{"\ud800": "\udfff x \ud83d\ude00 \ud83d", "env": {"H": "\ud800"}}',
    "braces in strings": r'{"a{": "}\"env\": {", "b": "\\", "\u0065nv ": "{}", "c": ["]", "{"]}',
    "escaped name": r'{"\u0065nv": {"Q": "1"}}',
    "unicode": '{"é\u2028\u00a0": "東京 \U0001f600\ufeff", "env": {"Ü": "\u0085"}}',
    "an env further in": '{"a": {"env": {"OTEL_A": "theirs"}}, "b": [{"env": {}}]}',
    "deep": '{"a":' * 300 + "[" * 300 + "]" * 300 + "}" * 300,
}
# (what is none, line, column, a part of the message)
BROKEN: list[tuple[str, int, int, str]] = [
    ('{"a": 1, x}', 1, 10, ""),
    ('{\n  // comment\n  "a": 1\n}', 2, 3, ""),
    ('{\r\n  "a": 1,\r\n  /* x */\r\n}', 3, 3, ""),
    ("[]", 1, 1, "not a JSON object"),
    ('\n  "text"', 2, 3, "not a JSON object"),
    ('{"a": 1} x', 1, 10, ""),
    ('{"a": 1}\n{}', 2, 1, ""),
    ('{"a": "', 1, 7, ""),
    ('{"a": "\t"}', 1, 8, ""),
    ('{"a": "\\x"}', 1, 8, ""),
    ("{'a': 1}", 1, 2, ""),
    ('{"a": 01}', 1, 8, ""),
    ('{"a": +1}', 1, 7, ""),
    ('{"a": tru}', 1, 7, ""),
    ('\ufeff{"a": }', 1, 7, ""),
    ("\ufeff\ufeff{}", 1, 1, ""),
    ("\u00a0", 1, 1, ""),
    ("{}\x0c", 1, 3, ""),
    ("{" * 100000, 1, 2, ""),
    ('{"a": NaN}', 1, 7, "NaN is not JSON"),
    ('{"NaN": "Infinity",\n "a": [-Infinity]}', 2, 8, "-Infinity is not JSON"),
    ('{"a": 1, "a": 2}', 1, 10, 'the key "a" stands twice'),
    ('{"a": {"b": "b", "c": ["b"],\n"\\u0062": 2}}', 2, 1, 'the key "b" stands twice'),
    ('\ufeff{"env": {}, "env": {}}', 1, 13, 'the key "env" stands twice'),
    ('{"a": 1,\n"b": {"a": 1, "\\ud800": 1, "\\ud800": 2}, "a": 1}', 2, 28, r'the key "\ud800" stands twice'),
    ('{"x": 1, "a":' + "[" * 30000, 1, 30013, "nested too deeply"),
    ('{"a":' * 30000 + "1" + "}" * 30001, 1, 149996, "nested too deeply"),
    ('{"a": 1,\n "env": "oops"}', 2, 9, "env is not an object"),
    ('\ufeff{"env": []}', 1, 9, "env is not an object"),
]


@functools.cache
def corpus(kind: str) -> dict[str, str]:
    """The sample documents by name: those the schema calls `valid`, or `invalid` ones, which are JSON all the same."""
    if not _FOLDER.is_dir():
        pytest.skip("not checked: the sample settings documents are not there (CLAUDE_SETTINGS_DIR)")
    found = {path.name: path.read_bytes().decode() for path in sorted((_FOLDER / kind).glob("*.json"))}
    assert found
    return found


@functools.cache
def _schema() -> Any:
    corpus("valid")
    return jsonschema.Draft7Validator(json.loads((_FOLDER / "claude-code-settings.schema.json").read_text()))


def violations(document: Any) -> list[str]:
    """What the settings schema has to say about a document."""
    return sorted(f"{error.json_path}: {error.message}" for error in _schema().iter_errors(document))
