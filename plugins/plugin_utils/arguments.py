# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the arguments of an action that takes secrets, without showing one of them in an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values

from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import without_secrets
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import PolicyError


def checked(arguments: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """The options that an argument spec makes of a task's arguments. Raises PolicyError."""
    validated = ArgumentSpecValidator(spec).validate(arguments)
    if validated.error_messages:
        text = "; ".join(validated.error_messages)
        raise PolicyError(without_secrets(str(remove_values(text, validated._no_log_values))))
    options: dict[str, Any] = validated.validated_parameters
    return options
