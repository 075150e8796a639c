# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds of objects there are, with their fields, links and roles: data, no behaviour."""

from __future__ import annotations

import dataclasses
from typing import Any

# How a field's value is checked: see :mod:`awx_controller.validation`.
TEXT, BOOLEAN, INTEGER, CHOICE, OBJECT, VARIABLES, KEY = "text", "boolean", "integer", "choice", "object", "vars", "key"
ANY = "any"


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a kind. ``target``: the collection that a KEY points into; ``computed``: not from clients."""

    name: str
    form: str = TEXT
    default: Any = ""
    required: bool = False
    blank: bool = True
    null: bool = False
    computed: bool = False
    hidden: bool = False
    choices: tuple[Any, ...] = ()
    target: str = ""
    minimum: int | None = None
    # Whether the object goes when what it points to goes; otherwise the field becomes null.
    cascade: bool = False


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of object: ``name`` is its ``type`` in answers, ``path`` its collection."""

    name: str
    path: str
    fields: tuple[Field, ...]
    label: str
    identity: str = "name"
    unique: tuple[tuple[str, ...], ...] = ()
    # Sub-collection -> the collection its members are of; members are linked, in order.
    links: dict[str, str] = dataclasses.field(default_factory=dict)
    # Sub-collection -> (collection, key field in it): members that point here.
    children: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    # Names below the object that are no collections, listed in ``related``.
    actions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    # Kinds that share one sequence of ids.
    sequence: str = ""
    methods: frozenset[str] = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
    described: bool = True

    def field(self, name: str) -> Field | None:
        return next((entry for entry in self.fields if entry.name == name), None)


def _text(name: str, default: str | None = "", **options: Any) -> Field:
    return Field(name, TEXT, default, null=default is None, **options)


def _flag(name: str, default: bool = False, **options: Any) -> Field:
    return Field(name, BOOLEAN, default, **options)


def _number(name: str, default: int = 0, **options: Any) -> Field:
    return Field(name, INTEGER, default, **options)


def _choice(name: str, default: Any, *choices: Any, **options: Any) -> Field:
    return Field(name, CHOICE, default, choices=choices, null=default is None, **options)


def _key(name: str, target: str, required: bool = False, **options: Any) -> Field:
    return Field(name, KEY, None, required=required, null=not required, target=target, **options)


def _computed(name: str, default: Any = None) -> Field:
    return Field(name, ANY, default, computed=True, null=True)


def _points(name: str, target: str, cascade: bool = False) -> Field:
    """A computed key."""
    return Field(name, KEY, None, computed=True, null=True, target=target, cascade=cascade)


def _object(name: str, **options: Any) -> Field:
    return Field(name, OBJECT, {}, **options)


READ_ONLY = frozenset({"GET"})
UNIFIED_TEMPLATE, UNIFIED_JOB = "unified_job_templates", "unified_jobs"

NOTIFIED = {f"notification_templates_{event}": "notification_templates" for event in ("started", "success", "error")}
APPROVALS = {"notification_templates_approvals": "notification_templates"}
_TEMPLATE_STATE = (
    _computed("last_job_run"),
    _computed("last_job_failed", False),
    _computed("next_job_run"),
    _computed("status", "never updated"),
)
CREDENTIAL_KINDS = (
    "ssh",
    "vault",
    "net",
    "scm",
    "cloud",
    "registry",
    "token",
    "insights",
    "external",
    "kubernetes",
    "galaxy",
    "cryptography",
)
JOB_TYPES = ("run", "check")
VERBOSITIES = tuple(range(6))

# What a launch may change, and the field of the template that must allow it.
JOB_PROMPTS = {
    "inventory": "ask_inventory_on_launch",
    "limit": "ask_limit_on_launch",
    "scm_branch": "ask_scm_branch_on_launch",
    "labels": "ask_labels_on_launch",
    "job_tags": "ask_tags_on_launch",
    "skip_tags": "ask_skip_tags_on_launch",
    "extra_vars": "ask_variables_on_launch",
    "diff_mode": "ask_diff_mode_on_launch",
    "job_type": "ask_job_type_on_launch",
    "verbosity": "ask_verbosity_on_launch",
    "credentials": "ask_credential_on_launch",
    "execution_environment": "ask_execution_environment_on_launch",
    "forks": "ask_forks_on_launch",
    "job_slice_count": "ask_job_slice_count_on_launch",
    "timeout": "ask_timeout_on_launch",
    "instance_groups": "ask_instance_groups_on_launch",
}
WORKFLOW_PROMPTS = {
    name: JOB_PROMPTS[name]
    for name in ("inventory", "limit", "scm_branch", "labels", "job_tags", "skip_tags", "extra_vars")
}
# Prompts that hold lists of ids.
LINKED_PROMPTS = {"labels": "labels", "credentials": "credentials", "instance_groups": "instance_groups"}

_JOB_OPTIONS = (
    _choice("job_type", "run", *JOB_TYPES),
    _key("inventory", "inventories"),
    _key("project", "projects"),
    _text("playbook"),
    _text("scm_branch"),
    _number("forks", minimum=0),
    _text("limit"),
    _choice("verbosity", 0, *VERBOSITIES),
    Field("extra_vars", VARIABLES, ""),
    _text("job_tags"),
    _flag("force_handlers"),
    _text("skip_tags"),
    _text("start_at_task"),
    _number("timeout"),
    _flag("use_fact_cache"),
)
# What a job takes over from its template as it is.
COPIED_TO_JOB = (*(entry.name for entry in _JOB_OPTIONS), "diff_mode", "become_enabled")
# The prompts that a schedule or a workflow node keeps; null: not set.
_SAVED_PROMPTS = (
    _object("extra_data"),
    _key("inventory", "inventories"),
    _text("scm_branch", None),
    _choice("job_type", None, *JOB_TYPES, ""),
    _text("job_tags", None),
    _text("skip_tags", None),
    _text("limit", None),
    Field("diff_mode", BOOLEAN, None, null=True),
    _choice("verbosity", None, *VERBOSITIES),
    _key("execution_environment", "execution_environments"),
    Field("forks", INTEGER, None, null=True, minimum=0),
    Field("job_slice_count", INTEGER, None, null=True, minimum=0),
    Field("timeout", INTEGER, None, null=True),
)
_UNIFIED_JOB = (
    _points("unified_job_template", UNIFIED_TEMPLATE),
    _computed("launch_type", "manual"),
    _computed("status", "pending"),
    _points("execution_environment", "execution_environments"),
    _computed("failed", False),
    _computed("started"),
    _computed("finished"),
    _computed("canceled_on"),
    _computed("elapsed", 0.0),
    _computed("job_args", ""),
    _computed("job_cwd", ""),
    _object("job_env", computed=True),
    _computed("job_explanation", ""),
    _computed("execution_node", ""),
    _computed("controller_node", ""),
    _computed("result_traceback", ""),
    _computed("event_processing_finished", False),
    _computed("launched_by"),
    _computed("work_unit_id"),
    _points("schedule", "schedules"),
    _points("organization", "organizations"),
)
_WORKFLOW_PROMPTS = (
    _text("limit", None),
    _text("scm_branch", None),
    _text("skip_tags", None),
    _text("job_tags", None),
)

_KINDS = (
    Kind(
        "organization",
        "organizations",
        (
            _number("max_hosts", minimum=0),
            _computed("custom_virtualenv"),
            _key("default_environment", "execution_environments"),
        ),
        label="Organization",
        unique=(("name",),),
        links={"galaxy_credentials": "credentials", "instance_groups": "instance_groups", **NOTIFIED, **APPROVALS},
        children={
            name: (name, "organization")
            for name in (
                "execution_environments",
                "projects",
                "inventories",
                "job_templates",
                "workflow_job_templates",
                "teams",
                "credentials",
                "notification_templates",
            )
        },
        actions=("object_roles", "users", "admins"),
        roles=(
            "admin_role",
            "execute_role",
            "project_admin_role",
            "inventory_admin_role",
            "credential_admin_role",
            "workflow_admin_role",
            "notification_admin_role",
            "job_template_admin_role",
            "execution_environment_admin_role",
            "auditor_role",
            "member_role",
            "read_role",
            "approval_role",
        ),
    ),
    Kind(
        "user",
        "users",
        (
            _text("username", required=True, blank=False),
            _text("first_name"),
            _text("last_name"),
            _text("email"),
            _flag("is_superuser"),
            _flag("is_system_auditor"),
            Field("password", TEXT, ""),
            _computed("ldap_dn", ""),
            _computed("last_login"),
            _computed("external_account"),
            Field("auth", ANY, [], computed=True),
        ),
        label="User",
        identity="username",
        unique=(("username",),),
        actions=("roles", "teams", "organizations"),
        described=False,
    ),
    Kind(
        "team",
        "teams",
        (_key("organization", "organizations", True, cascade=True),),
        label="Team",
        unique=(("organization", "name"),),
        actions=("object_roles", "users", "roles"),
        roles=("admin_role", "member_role", "read_role"),
    ),
    Kind(
        "role",
        "roles",
        (_computed("role_field"), _computed("content_path"), _computed("content_id")),
        label="Role",
        links={"users": "users", "teams": "teams"},
        methods=READ_ONLY,
    ),
    Kind(
        "credential_type",
        "credential_types",
        (
            _choice("kind", "", *CREDENTIAL_KINDS, required=True),
            _computed("namespace"),
            _computed("managed", False),
            _object("inputs"),
            _object("injectors"),
        ),
        label="Credential type",
        unique=(("name", "kind"),),
        children={"credentials": ("credentials", "credential_type")},
    ),
    Kind(
        "credential",
        "credentials",
        (
            _key("organization", "organizations", cascade=True),
            _key("credential_type", "credential_types", True),
            _computed("managed", False),
            _object("inputs"),
            _key("user", "users", hidden=True),
            _key("team", "teams", hidden=True),
        ),
        label="Credential",
        unique=(("organization", "name", "credential_type"),),
        actions=("object_roles", "input_sources"),
        roles=("admin_role", "use_role", "read_role"),
    ),
    Kind(
        "execution_environment",
        "execution_environments",
        (
            _key("organization", "organizations", cascade=True),
            _text("image", required=True, blank=False),
            _computed("managed", False),
            _key("credential", "credentials"),
            _choice("pull", "", "always", "missing", "never", ""),
        ),
        label="Execution environment",
        unique=(("name",),),
    ),
    Kind(
        "instance_group",
        "instance_groups",
        (_computed("is_container_group", False),),
        label="Instance group",
        described=False,
        methods=READ_ONLY,
    ),
    Kind(
        "label",
        "labels",
        (_key("organization", "organizations", True, cascade=True),),
        label="Label",
        unique=(("organization", "name"),),
        methods=frozenset({"GET", "POST", "PUT", "PATCH"}),
        described=False,
    ),
    Kind(
        "project",
        "projects",
        (
            _text("local_path"),
            _choice("scm_type", "", "", "git"),
            _text("scm_url"),
            _text("scm_branch"),
            _text("scm_refspec"),
            _flag("scm_clean"),
            _flag("scm_track_submodules"),
            _flag("scm_delete_on_update"),
            _key("credential", "credentials"),
            _number("timeout"),
            _computed("scm_revision", ""),
            *_TEMPLATE_STATE,
            _key("organization", "organizations", cascade=True),
            _flag("scm_update_on_launch"),
            _number("scm_update_cache_timeout", minimum=0),
            _flag("allow_override"),
            _computed("custom_virtualenv"),
            _key("default_environment", "execution_environments"),
            _key("signature_validation_credential", "credentials"),
            _computed("last_update_failed", False),
            _computed("last_updated"),
        ),
        label="Project",
        unique=(("organization", "name"),),
        links=NOTIFIED,
        children={
            "project_updates": ("project_updates", "project"),
            "schedules": ("schedules", "unified_job_template"),
            "scm_inventory_sources": ("inventory_sources", "source_project"),
        },
        actions=("update", "playbooks", "object_roles"),
        roles=("admin_role", "use_role", "update_role", "read_role"),
        sequence=UNIFIED_TEMPLATE,
    ),
    Kind(
        "inventory",
        "inventories",
        (
            _key("organization", "organizations", True, cascade=True),
            _choice("kind", "", ""),
            _text("host_filter", None),
            Field("variables", VARIABLES, ""),
            _computed("has_active_failures", False),
            _computed("total_hosts", 0),
            _computed("hosts_with_active_failures", 0),
            _computed("total_groups", 0),
            _computed("has_inventory_sources", False),
            _computed("total_inventory_sources", 0),
            _computed("inventory_sources_with_failures", 0),
            _computed("pending_deletion", False),
            _flag("prevent_instance_group_fallback"),
        ),
        label="Inventory",
        unique=(("name", "organization"),),
        links={"instance_groups": "instance_groups"},
        children={
            "hosts": ("hosts", "inventory"),
            "groups": ("groups", "inventory"),
            "inventory_sources": ("inventory_sources", "inventory"),
            "job_templates": ("job_templates", "inventory"),
        },
        actions=("object_roles", "script", "variable_data"),
        roles=("admin_role", "update_role", "adhoc_role", "use_role", "read_role"),
    ),
    Kind(
        "host",
        "hosts",
        (
            _key("inventory", "inventories", True, cascade=True),
            _flag("enabled", True),
            _text("instance_id"),
            Field("variables", VARIABLES, ""),
            _computed("has_active_failures", False),
            _computed("has_inventory_sources", False),
            _points("last_job", UNIFIED_JOB),
            _computed("last_job_host_summary"),
            _computed("ansible_facts_modified"),
        ),
        label="Host",
        unique=(("name", "inventory"),),
        links={"inventory_sources": "inventory_sources"},
        actions=("groups", "variable_data"),
    ),
    Kind(
        "group",
        "groups",
        (_key("inventory", "inventories", True, cascade=True), Field("variables", VARIABLES, "")),
        label="Group",
        unique=(("name", "inventory"),),
        links={"hosts": "hosts", "children": "groups", "inventory_sources": "inventory_sources"},
        actions=("variable_data",),
    ),
    Kind(
        "inventory_source",
        "inventory_sources",
        (
            _choice("source", "", "scm", required=True),
            _text("source_path"),
            Field("source_vars", VARIABLES, ""),
            _text("scm_branch"),
            _key("credential", "credentials"),
            _text("enabled_var"),
            _text("enabled_value"),
            _text("host_filter"),
            _flag("overwrite"),
            _flag("overwrite_vars"),
            _computed("custom_virtualenv"),
            _number("timeout"),
            _choice("verbosity", 1, 0, 1, 2),
            _text("limit"),
            *_TEMPLATE_STATE,
            _key("execution_environment", "execution_environments"),
            _key("inventory", "inventories", True, cascade=True),
            _flag("update_on_launch"),
            _number("update_cache_timeout", minimum=0),
            _key("source_project", "projects", cascade=True),
            _computed("last_update_failed", False),
            _computed("last_updated"),
        ),
        label="Inventory Source",
        unique=(("name", "inventory"),),
        links=NOTIFIED,
        children={
            "inventory_updates": ("inventory_updates", "inventory_source"),
            "schedules": ("schedules", "unified_job_template"),
        },
        actions=("update",),
        sequence=UNIFIED_TEMPLATE,
    ),
    Kind(
        "job_template",
        "job_templates",
        (
            *_JOB_OPTIONS,
            _points("organization", "organizations", cascade=True),
            *_TEMPLATE_STATE,
            _key("execution_environment", "execution_environments"),
            _text("host_config_key"),
            *(_flag(ask) for ask in JOB_PROMPTS.values()),
            _flag("survey_enabled"),
            _flag("become_enabled"),
            _flag("diff_mode"),
            _flag("allow_simultaneous"),
            _computed("custom_virtualenv"),
            _number("job_slice_count", 1, minimum=0),
            _choice("webhook_service", "", ""),
            _key("webhook_credential", "credentials"),
            _flag("prevent_instance_group_fallback"),
        ),
        label="JobTemplate",
        unique=(("organization", "name"),),
        links={"credentials": "credentials", "labels": "labels", "instance_groups": "instance_groups", **NOTIFIED},
        children={
            "jobs": ("jobs", "job_template"),
            "slice_workflow_jobs": ("workflow_jobs", "job_template"),
            "schedules": ("schedules", "unified_job_template"),
        },
        actions=("launch", "survey_spec", "object_roles"),
        roles=("admin_role", "execute_role", "read_role"),
        sequence=UNIFIED_TEMPLATE,
    ),
    Kind(
        "workflow_job_template",
        "workflow_job_templates",
        (
            *_TEMPLATE_STATE,
            Field("extra_vars", VARIABLES, ""),
            _key("organization", "organizations", cascade=True),
            _flag("survey_enabled"),
            _flag("allow_simultaneous"),
            _key("inventory", "inventories"),
            *_WORKFLOW_PROMPTS,
            *(_flag(ask) for ask in WORKFLOW_PROMPTS.values()),
            _choice("webhook_service", "", ""),
            _key("webhook_credential", "credentials"),
        ),
        label="WorkflowJobTemplate",
        unique=(("organization", "name"),),
        links={"labels": "labels", **NOTIFIED, **APPROVALS},
        children={
            "workflow_jobs": ("workflow_jobs", "workflow_job_template"),
            "workflow_nodes": ("workflow_job_template_nodes", "workflow_job_template"),
            "schedules": ("schedules", "unified_job_template"),
        },
        actions=("launch", "survey_spec", "object_roles"),
        roles=("admin_role", "execute_role", "read_role", "approval_role"),
        sequence=UNIFIED_TEMPLATE,
    ),
    Kind(
        "workflow_approval_template",
        "workflow_approval_templates",
        (*_TEMPLATE_STATE, _number("timeout")),
        label="WorkflowApprovalTemplate",
        sequence=UNIFIED_TEMPLATE,
        methods=frozenset({"GET", "PUT", "PATCH", "DELETE"}),
    ),
    Kind(
        "workflow_job_template_node",
        "workflow_job_template_nodes",
        (
            *_SAVED_PROMPTS,
            _key("workflow_job_template", "workflow_job_templates", True, cascade=True),
            _key("unified_job_template", UNIFIED_TEMPLATE),
            _flag("all_parents_must_converge"),
            _text("identifier"),
        ),
        label="WorkflowJobTemplateNode",
        identity="identifier",
        unique=(("identifier", "workflow_job_template"),),
        links={
            "success_nodes": "workflow_job_template_nodes",
            "failure_nodes": "workflow_job_template_nodes",
            "always_nodes": "workflow_job_template_nodes",
            **LINKED_PROMPTS,
        },
        actions=("create_approval_template",),
        described=False,
    ),
    Kind(
        "schedule",
        "schedules",
        (
            _text("rrule", required=True, blank=False),
            *_SAVED_PROMPTS,
            _key("unified_job_template", UNIFIED_TEMPLATE, True, cascade=True),
            _flag("enabled", True),
            _computed("dtstart"),
            _computed("dtend"),
            _computed("next_run"),
            _computed("timezone", ""),
            _computed("until", ""),
        ),
        label="Schedule",
        unique=(("unified_job_template", "name"),),
        links=LINKED_PROMPTS,
        children={"jobs": (UNIFIED_JOB, "schedule")},
    ),
    Kind(
        "notification_template",
        "notification_templates",
        (
            _key("organization", "organizations", True, cascade=True),
            _choice("notification_type", "", "webhook", required=True),
            _object("notification_configuration"),
            _object("messages", null=True),
        ),
        label="Notification template",
        unique=(("organization", "name"),),
        children={"notifications": ("notifications", "notification_template")},
        actions=("test",),
    ),
    Kind(
        "notification",
        "notifications",
        (
            _points("notification_template", "notification_templates", cascade=True),
            _computed("error", ""),
            _computed("status", "pending"),
            _computed("notifications_sent", 0),
            _computed("notification_type", "webhook"),
            _computed("recipients", ""),
            _computed("body"),
        ),
        label="Notification",
        identity="id",
        methods=READ_ONLY,
        described=False,
    ),
    Kind(
        "job",
        "jobs",
        (
            *_UNIFIED_JOB,
            *_JOB_OPTIONS,
            _points("job_template", "job_templates"),
            _computed("passwords_needed_to_start"),
            _computed("allow_simultaneous", False),
            _object("artifacts", computed=True),
            _computed("scm_revision", ""),
            _points("instance_group", "instance_groups"),
            _computed("diff_mode", False),
            _computed("job_slice_number", 0),
            _computed("job_slice_count", 1),
            _computed("webhook_service", ""),
            _computed("webhook_credential"),
            _computed("webhook_guid", ""),
            _object("host_status_counts", computed=True),
            _object("playbook_counts", computed=True),
            _computed("custom_virtualenv"),
            _flag("become_enabled", hidden=True),
        ),
        label="Job",
        links={"credentials": "credentials", "labels": "labels", "notifications": "notifications"},
        actions=("cancel", "relaunch", "stdout", "job_events", "job_host_summaries"),
        sequence=UNIFIED_JOB,
        methods=frozenset({"GET", "DELETE"}),
    ),
    Kind(
        "project_update",
        "project_updates",
        (
            *_UNIFIED_JOB,
            _text("local_path"),
            _text("scm_type"),
            _text("scm_url"),
            _text("scm_branch"),
            _computed("scm_revision", ""),
            _points("project", "projects"),
            _computed("job_type", "check"),
            _computed("job_tags", ""),
        ),
        label="ProjectUpdate",
        links={"notifications": "notifications"},
        actions=("cancel", "stdout"),
        sequence=UNIFIED_JOB,
        methods=frozenset({"GET", "DELETE"}),
    ),
    Kind(
        "inventory_update",
        "inventory_updates",
        (
            *_UNIFIED_JOB,
            _computed("source", "scm"),
            _points("inventory", "inventories"),
            _points("inventory_source", "inventory_sources"),
        ),
        label="InventoryUpdate",
        links={"notifications": "notifications"},
        actions=("cancel", "stdout"),
        sequence=UNIFIED_JOB,
        methods=frozenset({"GET", "DELETE"}),
    ),
    Kind(
        "workflow_job",
        "workflow_jobs",
        (
            *(
                entry
                for entry in _UNIFIED_JOB
                if entry.name
                not in ("execution_environment", "execution_node", "controller_node", "event_processing_finished")
            ),
            _points("workflow_job_template", "workflow_job_templates"),
            Field("extra_vars", VARIABLES, ""),
            _computed("allow_simultaneous", False),
            _points("job_template", "job_templates"),
            _computed("is_sliced_job", False),
            _points("inventory", "inventories"),
            *_WORKFLOW_PROMPTS,
            _computed("webhook_service", ""),
            _computed("webhook_credential"),
            _computed("webhook_guid", ""),
        ),
        label="WorkflowJob",
        links={"labels": "labels", "notifications": "notifications"},
        children={"workflow_nodes": ("workflow_job_nodes", "workflow_job")},
        actions=("cancel", "relaunch"),
        sequence=UNIFIED_JOB,
        methods=frozenset({"GET", "DELETE"}),
    ),
    Kind(
        "workflow_job_node",
        "workflow_job_nodes",
        (
            *_SAVED_PROMPTS,
            _points("job", UNIFIED_JOB),
            _points("workflow_job", "workflow_jobs", cascade=True),
            _points("unified_job_template", UNIFIED_TEMPLATE),
            _flag("all_parents_must_converge"),
            _computed("do_not_run", False),
            _text("identifier"),
        ),
        label="WorkflowJobNode",
        identity="identifier",
        links={
            "success_nodes": "workflow_job_nodes",
            "failure_nodes": "workflow_job_nodes",
            "always_nodes": "workflow_job_nodes",
            **LINKED_PROMPTS,
        },
        methods=READ_ONLY,
        described=False,
    ),
    Kind(
        "workflow_approval",
        "workflow_approvals",
        (
            *(entry for entry in _UNIFIED_JOB if entry.name not in ("execution_node", "controller_node")),
            _computed("can_approve_or_deny", False),
            _computed("approval_expiration"),
            _computed("timed_out", False),
            _points("approved_or_denied_by", "users"),
            _number("timeout", hidden=True),
        ),
        label="WorkflowApproval",
        links={"notifications": "notifications"},
        actions=("approve", "deny"),
        sequence=UNIFIED_JOB,
        methods=frozenset({"GET", "DELETE"}),
    ),
    Kind(
        "o_auth2_access_token",
        "tokens",
        (
            _text("description"),
            _points("user", "users", cascade=True),
            _computed("token", ""),
            _computed("refresh_token"),
            Field("application", ANY, None, null=True),
            _computed("expires"),
            _choice("scope", "write", "read", "write"),
        ),
        label="Access token",
        identity="id",
        methods=frozenset({"GET", "POST", "DELETE"}),
        described=False,
    ),
)

KINDS: dict[str, Kind] = {kind.path: kind for kind in _KINDS}
# Two collections hold objects of several kinds.
MIXED: dict[str, tuple[str, ...]] = {
    sequence: tuple(kind.path for kind in _KINDS if kind.sequence == sequence)
    for sequence in (UNIFIED_TEMPLATE, UNIFIED_JOB)
}
