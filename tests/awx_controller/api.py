# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API: collections, objects, sub-collections; single endpoints are in :mod:`awx_controller.actions`."""

from __future__ import annotations

import copy
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request
from flask.typing import ResponseReturnValue

from awx_controller import queries
from awx_controller.actions import ACTIONS, delete_survey, token_answer
from awx_controller.authentication import authenticate, new_token
from awx_controller.context import Context
from awx_controller.controller import VERSION, Controller
from awx_controller.engine import ACTIVE
from awx_controller.errors import ApiError, forbidden, invalid, method_not_allowed, not_found
from awx_controller.projects import folder
from awx_controller.rules import check_link
from awx_controller.schema import KINDS, MIXED, UNIFIED_JOB, Kind
from awx_controller.store import Item
from awx_controller.validation import check_fields, check_unique

api = Blueprint("api", __name__, url_prefix="/api")
_OPEN = ("/api/", "/api/v2/", "/api/v2/ping/")
# Whose jobs keep an object from being deleted: collections, and the field that points to it.
_JOBS_OF = {
    "organizations": ((UNIFIED_JOB, "organization"),),
    "projects": (("jobs", "project"), ("project_updates", "project")),
    "inventories": (("jobs", "inventory"), ("inventory_updates", "inventory")),
}
_JOBS_OF_OTHERS = ((UNIFIED_JOB, "unified_job_template"),)
# What AWX calls managed objects that nobody may delete.
_MANAGED = {"credentials": "managed credentials", "credential_types": "managed credential types"}


def controller() -> Controller:
    """Return the controller of this application."""
    found: Controller = current_app.config["CONTROLLER"]
    return found


def context() -> Context:
    """Return what the endpoints need of this request."""
    found: Context = g.context
    return found


@api.before_request
def _enter() -> ResponseReturnValue | None:
    """One request at a time: answers and checks see nothing half done."""
    whole = controller()
    whole.store.lock.acquire()
    g.locked = True
    if not request.path.endswith("/"):
        return "", 301, {"Location": f"{request.path}/"}
    if request.path not in _OPEN:
        g.context = Context(whole, authenticate(whole.store, request))
    return None


@api.teardown_request
def _leave(error: BaseException | None) -> None:
    if g.pop("locked", False):
        controller().store.lock.release()


def body() -> dict[str, Any]:
    """Return the request's JSON object, empty where there is no body; ApiError 400 or 415."""
    if not request.get_data():
        return {}
    if request.mimetype != "application/json":
        raise ApiError(415, {"detail": f'Unsupported media type "{request.mimetype}" in request.'})
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        raise ApiError(400, {"detail": "JSON parse error - not a JSON object"})
    return found


def _query() -> list[tuple[str, str]]:
    return list(request.args.items(multi=True))


def _list(items: list[Item]) -> Response:
    here = context()
    shown = [item for item in items if here.rights.may(item, "read")]
    found = queries.select(here.store, shown, _query())
    page = queries.page(found, request.path, _query(), lambda item: here.presenter.answer(item, detail=False))
    return jsonify(page)


def _kind(path: str) -> Kind:
    if path not in KINDS:
        raise not_found()
    return KINDS[path]


def find(path: str, name: str) -> Item:
    """Return an object by id or named URL that the user may see; ApiError 404."""
    here = context()
    _kind(path)
    if name.isdigit():
        item = here.store.find(path, int(name))
    else:
        title, _plus, organization = name.partition("++")
        owner = here.store.one("organizations", name=organization) if organization else None
        items = here.store.where(path, **{KINDS[path].identity: title})
        item = next((one for one in items if not organization or (owner and one.get("organization") == owner.id)), None)
    if item is None or not here.rights.may(item, "read"):
        raise not_found(KINDS[path].name)
    return item


def create(path: str, values: dict[str, Any]) -> Item:
    """Create an object from what a client sent; ApiError."""
    here = context()
    kind = _kind(path)
    checked = check_fields(here.store, kind, values, partial=False)
    if not here.rights.may_create(path, checked):
        raise forbidden()
    here.whole.rules.check(here.store, path, checked, None)
    check_unique(here.store, kind, checked, None)
    owner = {name: checked.pop(name, None) for name in ("user", "team")} if path == "credentials" else {}
    item = here.store.add(path, checked, here.user)
    if path == "credentials" and not here.user["is_superuser"]:
        here.store.roles_of(item)["admin_role"].links["users"].append(here.user.id)
    for name, identity in owner.items():
        if identity is not None:
            here.store.roles_of(item)["admin_role"].links[f"{name}s"].append(identity)
    if path == "workflow_job_template_nodes" and not item["identifier"]:
        item.values["identifier"] = f"node-{item.id}"
    if path == "projects":
        _local_path(item)
        if item["scm_type"]:
            here.whole.engine.launch(item, {}, here.user)
        else:
            item.values["status"] = "ok" if item["local_path"] else "missing"
    return item


def _local_path(project: Item) -> None:
    if project["scm_type"]:
        project.values["local_path"] = folder(controller().execution.projects, project).name


def change(item: Item, values: dict[str, Any], partial: bool) -> None:
    """Change an object as a client asked; ApiError."""
    here = context()
    if not here.rights.may(item, "change"):
        raise forbidden()
    checked = check_fields(here.store, item.kind, values, partial)
    for name in ("user", "team"):
        if item.path == "credentials":
            checked.pop(name, None)
    if item.path == "workflow_job_template_nodes":
        checked.pop("workflow_job_template", None)
    here.whole.rules.check(here.store, item.path, checked, item)
    check_unique(here.store, item.kind, checked, item)
    before = copy.copy(item.values)
    here.store.change(item, checked, here.user)
    sources = ("scm_type", "scm_url", "scm_branch", "scm_refspec", "credential")
    if item.path == "projects" and item["scm_type"] and any(before[name] != item[name] for name in sources):
        here.whole.engine.launch(item, {}, here.user)
    if item.path == "projects" and before["organization"] != item["organization"]:
        for template in here.store.where("job_templates", project=item.id):
            template.values["organization"] = item["organization"]


@api.get("/")
def versions() -> ResponseReturnValue:
    """Where the API is."""
    return jsonify(
        {
            "description": "AWX REST API",
            "current_version": "/api/v2/",
            "available_versions": {"v2": "/api/v2/"},
            "oauth2": "/api/o/",
            "custom_logo": "",
            "custom_login_info": "",
            "login_redirect_override": "",
        }
    )


@api.get("/v2/")
def collections() -> ResponseReturnValue:
    """All collections."""
    singles = ("ping", "config", "me", "settings")
    return jsonify({name: f"/api/v2/{name}/" for name in (*singles, *KINDS, *MIXED)})


@api.get("/v2/ping/")
def ping() -> ResponseReturnValue:
    """Alive."""
    return jsonify(
        {
            "ha": False,
            "version": VERSION,
            "active_node": "localhost",
            "install_uuid": "00000000-0000-0000-0000-000000000000",
            "instances": [],
            "instance_groups": [],
        }
    )


@api.get("/v2/config/")
def config() -> ResponseReturnValue:
    """What this is: AWX, as far as its clients need to know."""
    return jsonify(
        {
            "time_zone": "UTC",
            "license_info": {
                "license_type": "open",
                "valid_key": True,
                "subscription_name": "OPEN",
                "product_name": "AWX",
            },
            "version": VERSION,
            "eula": "",
            "analytics_status": "off",
            "become_methods": [["sudo", "Sudo"], ["su", "Su"]],
            "project_base_dir": str(controller().execution.projects),
            "project_local_paths": [],
        }
    )


@api.get("/v2/me/")
def me() -> ResponseReturnValue:
    """The user who asks, as a list of one."""
    return _list([context().user])


@api.route("/v2/settings/<category>/", methods=["GET", "PATCH"])
def settings(category: str) -> ResponseReturnValue:
    """Settings, whatever their category."""
    here = context()
    if not here.user["is_superuser"]:
        raise forbidden()
    if request.method == "PATCH":
        here.whole.settings.update(body())
        environment = here.whole.settings["AWX_TASK_ENV"]
        here.whole.execution.task_environment = {name: str(value) for name, value in environment.items()}
    return jsonify(here.whole.settings)


@api.route("/v2/<path>/", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def collection(path: str) -> ResponseReturnValue:
    """List or create."""
    here = context()
    if path in MIXED:
        if request.method != "GET":
            raise method_not_allowed(request.method)
        return _list(list(here.store.all(path)))
    kind = _kind(path)
    if request.method not in kind.methods & {"GET", "POST"}:
        raise method_not_allowed(request.method)
    if request.method == "GET":
        if path == "inventories":
            _end_deletions()
        return _list(list(here.store.all(path)))
    if path == "tokens":
        values = check_fields(here.store, kind, body(), partial=False)
        item, secret = new_token(here.store, here.user, values)
        return jsonify(token_answer(here, item, secret)), 201
    item = create(path, body())
    return jsonify(here.presenter.answer(item)), 201, {"Location": item.url}


@api.route("/v2/<path>/<name>/", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def detail(path: str, name: str) -> ResponseReturnValue:
    """Read, change or delete one object."""
    here = context()
    item = find(path, name)
    if request.method not in item.kind.methods - {"POST"}:
        raise method_not_allowed(request.method)
    if request.method == "DELETE":
        return _delete(item)
    if request.method != "GET":
        change(item, body(), partial=request.method == "PATCH")
    return jsonify(here.presenter.answer(item))


def _delete(item: Item) -> ResponseReturnValue:
    here = context()
    if not here.rights.may(item, "delete"):
        raise forbidden()
    if item is here.user:
        raise forbidden()
    if item.get("managed"):
        if item.path not in _MANAGED:
            raise forbidden()
        raise ApiError(403, {"detail": f"Deletion not allowed for {_MANAGED[item.path]}"})
    active = [job for job in _jobs_of(item) if job["status"] in ACTIVE]
    if active:
        listed = [{"type": job.kind.name, "id": job.id} for job in active]
        raise ApiError(409, {"error": "Resource is being used by running jobs.", "active_jobs": listed})
    if item.path == "credential_types" and here.store.where("credentials", credential_type=item.id):
        raise ApiError(403, {"detail": "Credential types that are in use cannot be deleted"})
    if item.path == "notification_templates" and here.store.where(
        "notifications", notification_template=item.id, status="pending"
    ):
        raise ApiError(405, {"error": "Delete not allowed while there are pending notifications"})
    if item.path == "inventories":
        return _begin_deletion(item)
    here.store.remove(item)
    return "", 204


def _jobs_of(item: Item) -> list[Item]:
    if item.kind.sequence == UNIFIED_JOB:
        return [item]
    of = _JOBS_OF.get(item.path, _JOBS_OF_OTHERS if item.kind.sequence else ())
    return [job for path, field in of for job in context().store.where(path, **{field: item.id})]


def _begin_deletion(inventory: Item) -> ResponseReturnValue:
    """AWX deletes an inventory in the background, and takes it from its job templates at once."""
    if inventory["pending_deletion"]:
        raise ApiError(400, {"error": "Inventory is already pending deletion."})
    inventory.values["pending_deletion"] = True
    for template in context().store.where("job_templates", inventory=inventory.id):
        template.values["inventory"] = None
    return "", 202


def _end_deletions() -> None:
    """Let what is being deleted be seen once: nothing depends on how long AWX takes."""
    for inventory in context().store.where("inventories", pending_deletion=True):
        if inventory.private.get("seen"):
            context().store.remove(inventory)
        inventory.private["seen"] = True


@api.route("/v2/<path>/<name>/<sub>/", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def below(path: str, name: str, sub: str) -> ResponseReturnValue:
    """A sub-collection or a single endpoint below an object."""
    here = context()
    parent = find(path, name)
    if action := ACTIONS.get((path, sub)) or ACTIONS.get(("*", sub)):
        if sub not in parent.kind.actions:
            raise not_found()
        if sub == "survey_spec" and request.method == "DELETE":
            return delete_survey(here, parent)
        if request.method not in ("GET", "POST"):
            raise method_not_allowed(request.method)
        return action(here, parent, body() if request.method == "POST" else None)
    if sub == "object_roles" and parent.kind.roles and request.method == "GET":
        return _list(list(here.store.roles_of(parent).values()))
    if sub in parent.kind.links:
        return _linked(parent, sub)
    if sub in parent.kind.children:
        return _children(parent, sub)
    if sub in parent.kind.actions:
        return _membership(parent, sub)
    raise not_found()


def _children(parent: Item, sub: str) -> ResponseReturnValue:
    """Members that point to their parent: listed, and created with that set."""
    here = context()
    target, key = parent.kind.children[sub]
    if request.method == "GET":
        return _list(here.store.where(target, **{key: parent.id}))
    if request.method != "POST" or target not in KINDS or "POST" not in KINDS[target].methods:
        raise method_not_allowed(request.method)
    item = create(target, {**body(), key: parent.id})
    return jsonify(here.presenter.answer(item)), 201


def _member(values: dict[str, Any], target: str) -> Item:
    identity = values.get("id")
    if not isinstance(identity, int) or isinstance(identity, bool):
        raise ApiError(
            400, {"msg": '"id" field must be an integer.' if identity else '"id" is required to disassociate'}
        )
    item = context().store.find(target, identity)
    if item is None:
        raise ApiError(400, {"detail": [f"{KINDS[target].label} with id {identity} does not exist."]})
    return item


def _linked(parent: Item, sub: str) -> ResponseReturnValue:
    """Members that are linked: listed in order, associated and disassociated by id, or created and associated."""
    here = context()
    target = parent.kind.links[sub]
    if request.method == "GET":
        return _list(here.store.linked(parent, sub))
    if request.method != "POST" or parent.kind.sequence == UNIFIED_JOB:
        raise method_not_allowed(request.method)
    values = body()
    if "id" not in values and "disassociate" not in values and target not in ("users", "teams", "credentials"):
        if not here.rights.may(parent, "change"):
            raise forbidden()
        if parent.path == "groups":
            values["inventory"] = parent["inventory"]
        made = create(target, values)
        check_link(here.store, parent, sub, made)
        parent.links[sub].append(made.id)
        return jsonify(here.presenter.answer(made)), 201
    member = _member(values, target)
    if parent.path == "roles":
        _check_grant(parent, member)
    elif not here.rights.may(parent, "change"):
        raise forbidden()
    _associate(parent, sub, member, bool(values.get("disassociate")))
    return "", 204


def _associate(parent: Item, sub: str, member: Item, remove: bool) -> None:
    store = context().store
    if remove:
        if member.id in parent.links[sub]:
            parent.links[sub].remove(member.id)
    else:
        check_link(store, parent, sub, member)
        if member.id not in parent.links[sub]:
            parent.links[sub].append(member.id)
    store.changed.notify_all()


def _check_grant(role: Item, member: Item) -> None:
    """Who may give a role: whoever administrates what it is on. Credentials stay within their organization."""
    here = context()
    about = here.store.find(role["content_path"], role["content_id"])
    if about is None or not here.rights.may(about, "change"):
        raise forbidden()
    if about.path == "organizations" and member.path == "teams" and role["role_field"] in ("member_role", "admin_role"):
        message = "You cannot assign an Organization participation role as a child role for a Team."
        raise ApiError(400, {"msg": message})
    if about.path == "credentials":
        owner = here.store.find("organizations", about["organization"])
        if member.path == "teams" and (owner is None or member["organization"] != owner.id):
            message = "You cannot grant credential access to a team when the Organization field isn't set, or belongs "
            raise ApiError(400, {"msg": message + "to a different organization"})
        if member.path == "users" and owner and not member["is_superuser"]:
            roles = here.store.roles_of(owner)
            if member.id not in roles["member_role"].links["users"] + roles["admin_role"].links["users"]:
                message = "You cannot grant credential access to a user not in the credentials' organization"
                raise ApiError(400, {"msg": message})


def _membership(parent: Item, sub: str) -> ResponseReturnValue:
    """The people of an organization or a team, which are the holders of a role; and the other way round."""
    here = context()
    store = here.store
    role = {"users": "member_role", "admins": "admin_role"}.get(sub)
    if parent.kind.roles and role:
        holder = store.roles_of(parent)[role]
        if request.method == "GET":
            return _list(store.linked(holder, "users"))
        if request.method != "POST":
            raise method_not_allowed(request.method)
        if not here.rights.may(parent, "change"):
            raise forbidden()
        values = body()
        if "id" in values:
            _associate(holder, "users", _member(values, "users"), bool(values.get("disassociate")))
            return "", 204
        checked = check_fields(store, KINDS["users"], values, partial=False)
        here.whole.rules.check(store, "users", checked, None)
        check_unique(store, KINDS["users"], checked, None)
        user = store.add("users", checked, here.user)
        holder.links["users"].append(user.id)
        return jsonify(here.presenter.answer(user)), 201
    if request.method != "GET":
        raise method_not_allowed(request.method)
    if parent.path in ("users", "teams"):
        held = [one for one in store.all("roles") if parent.id in one.links[parent.path]]
        if sub == "roles":
            return _list(held)
        if sub in ("teams", "organizations"):
            ids = {one["content_id"] for one in held if one["content_path"] == sub}
            return _list([store.get(sub, identity) for identity in sorted(ids)])
    if parent.path == "hosts" and sub == "groups":
        groups = store.where("groups", inventory=parent["inventory"])
        return _list([group for group in groups if parent.id in group.links["hosts"]])
    raise invalid(detail=f"{sub} is not supported by this controller")
