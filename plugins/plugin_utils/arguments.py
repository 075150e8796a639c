# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the options of an action that takes secrets, without showing one of them in an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import AnsibleValidationError, UnsupportedError

from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import without_secrets
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import PolicyError
from ansible_collections.devfleet.axiom.plugins.plugin_utils.role_variables import as_variable


def checked(
    arguments: Mapping[str, Any], spec: Mapping[str, Any], prefix: str | None = None, names: Iterable[str] = ()
) -> dict[str, Any]:
    """The options that an argument spec makes of a task's arguments. Raises PolicyError.

    :param names: of the options that come from variables, which are called so after the prefix.
    """
    validated = ArgumentSpecValidator(spec).validate(arguments)
    if validated.error_messages:
        known = set(names)
        text = "; ".join(_message(error, prefix, known) for error in validated.errors.errors)
        raise PolicyError(without_secrets(str(remove_values(text, validated._no_log_values))))
    options: dict[str, Any] = validated.validated_parameters
    return options


def _message(error: AnsibleValidationError, prefix: str | None, names: Iterable[str]) -> str:
    text = as_variable(prefix, names, error.msg)
    return f"unsupported options: {text}" if isinstance(error, UnsupportedError) else text
