# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of `claude_code_telemetry`: one argument spec for module and action, and what must fit together."""

from __future__ import annotations

import platform
from typing import Any, Mapping

from ansible_collections.devfleet.axiom.plugins.module_utils import shell_profile, targets, telemetry_env
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import OptionError


def _option(kind: str, default: Any = None, **more: Any) -> dict[str, Any]:
    return dict(more, type=kind) if default is None else dict(more, type=kind, default=default)


ARGUMENT_SPEC: dict[str, dict[str, Any]] = dict(
    state=_option("str", "present", choices=["present", "absent"]),
    targets=_option("list", ["managed_settings"], elements="str", choices=list(targets.TARGETS)),
    enabled=_option("bool", True),
    token_name=_option("str", no_log=False),
    token=_option("str", no_log=True),
    store=_option("dict"),
    planned=_option("dict"),
    logs_dataset=_option("str"),
    metrics_dataset=_option("str"),
    logs_endpoint=_option("str"),
    metrics_endpoint=_option("str"),
    logs_exporter=_option("str", "otlp", choices=["otlp", "none"]),
    metrics_exporter=_option("str", "otlp", choices=["otlp", "none"]),
    logs_protocol=_option("str", "http/protobuf", choices=["http/protobuf", "http/json"]),
    metrics_protocol=_option("str", "http/protobuf", choices=["http/protobuf"]),
    intervals=_option("raw", "production"),
    resource_attributes=_option("dict", {}),
    machine_attribute=_option("str", "host.name"),
    machine=_option("str"),
    include_host=_option("bool", True),
    log_managed_settings=_option("bool", True),
    log_user_prompts=_option("bool", False),
    log_assistant_responses=_option("bool", False),
    log_tool_details=_option("bool", False),
    log_raw_api_bodies=_option("bool", False),
    cardinality=_option(
        "dict", {}, options={suboption: dict(type="bool") for suboption in telemetry_env.CARDINALITY_SWITCHES}
    ),
    http_proxy=_option("str"),
    https_proxy=_option("str"),
    no_proxy=_option("str"),
    ca_file=_option("str"),
    extra=_option("dict", {}),
    shield=_option("bool", True),
    managed_settings_layout=_option("str", "drop_in", choices=["drop_in", "merge"]),
    drop_in_name=_option("str", "90-axiom-telemetry.json"),
    users=_option("list", [], elements="str"),
    shells=_option("list", list(shell_profile.SHELLS), elements="str", choices=list(shell_profile.SHELLS)),
    scope=_option("str", "claude", choices=list(shell_profile.SCOPES)),
    force=_option("bool", False),
    prefix=_option("path", "/"),
    platform=_option("str", "auto", choices=["auto", *targets.PLATFORMS]),
    probe=_option("bool", True),
    variables=_option("str"),
    validate_only=_option("bool", False),
)


def on_this_machine(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the platform of the machine that this runs on, where they say `auto`."""
    if options["platform"] != "auto":
        return dict(options)
    return dict(options, platform="darwin" if platform.system() == "Darwin" else "linux")


def check(options: Mapping[str, Any]) -> None:
    """What the argument spec cannot say.

    :raises OptionError: names the option and the fix.
    """
    targets.check_options(options)
    if options["state"] == "absent":
        return
    for signal in telemetry_env.SIGNAL_PATHS:
        if not options[f"{signal}_dataset"]:
            raise OptionError(f"{signal}_dataset is missing; name the dataset in Axiom that takes the {signal}")
    if not options["token"] and not (options["token_name"] and options["store"]):
        raise OptionError("token is missing; give the secret itself, or token_name and the store that holds it")
    telemetry_env.check_options(options)
