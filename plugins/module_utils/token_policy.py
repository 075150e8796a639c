# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a declared token means and what is to be done about it: pure functions, no clock, no network.

A token is the object of Axiom's API (schema C(APIToken)), or what a user declares (options of the module C(api_token)).
Instants are integers: nanoseconds since 1970-01-01 UTC, because Axiom sends nanoseconds and datetime would drop them.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import Any, Iterable, Mapping, NamedTuple

from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError

CREATE = "create"
KEEP = "keep"
ROTATE = "rotate"
CONFLICT = "conflict"
SECRET_LOST = "secret_lost"

SECOND = 10**9
MICROSECOND = 1000
HOUR = 3600 * SECOND
POLICIES = ("never", "expiring", "drift", "always")
# Running sessions keep the secret they started with until they are restarted (measured); a week covers most of them.
DEFAULT_OVERLAP = "7d"
DEFAULT_ROTATE_BEFORE = "14d"
# How far the clocks of controllers may be apart.
SKEW = HOUR // 4
_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR}
_DURATION = re.compile(r"([1-9]\d{0,5})([smhdw])\Z", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)\Z",
    re.ASCII,
)
_EPOCH = datetime.datetime(1970, 1, 1)
_EARLIEST = (datetime.datetime.min - _EPOCH).days * 86400 * SECOND
_END = ((datetime.datetime.max - _EPOCH).days + 1) * 86400 * SECOND
# What tells a token of ours from others of its name, at the end of its description; shown to nobody else.
_MARK = re.compile(r"\s*\[devfleet\.axiom ([0-9a-f]{16})\]\Z", re.ASCII)
_EMPTY: tuple[Any, ...] = (None, {}, [], "")
# Our options and Axiom's fields.
CAPABILITY_FIELDS = {
    "dataset_capabilities": "datasetCapabilities",
    "org_capabilities": "orgCapabilities",
    "view_capabilities": "viewCapabilities",
}


class PolicyError(CollectionError):
    """A declaration that cannot be, or tokens among which none may be chosen."""


class Decision(NamedTuple):
    """What to do about a declared token: C(action) is one of the words above; C(message) says why."""

    action: str
    message: str = ""


class Family(NamedTuple):
    """The tokens of one name, told apart by what the store knows.

    token: the one that is meant, or None. previous: the one before it, while it lives. strays: live ones that the store
    knows nothing of. lost: minted by earlier runs that never learned the secret; nobody can use them.
    interrupted: an earlier run regenerated C(token), so it will end soon, and kept nothing in its place.
    """

    token: Mapping[str, Any] | None
    previous: Mapping[str, Any] | None = None
    strays: tuple[Mapping[str, Any], ...] = ()
    lost: tuple[Mapping[str, Any], ...] = ()
    interrupted: bool = False


def parse_instant(text: str) -> int:
    """An RFC 3339 instant, with an offset and up to nanoseconds, as nanoseconds since the epoch.

    A space instead of the C(T) is taken too: that is what a timestamp written in YAML without quotes becomes.
    """
    match = _INSTANT.match(text)
    try:
        if match is None:
            raise ValueError(text)
        year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
        moment = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise PolicyError(f"{text!r} is not an instant such as 2027-01-31T12:00:00Z (date, time and offset)") from None
    fraction, zone = (match.group(7) or "").ljust(9, "0"), match.group(8)
    offset = 0
    if zone not in "Zz":
        offset = (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60) * (-1 if zone[0] == "-" else 1)
    elapsed = moment - _EPOCH
    instant = (elapsed.days * 86400 + elapsed.seconds - offset) * SECOND + int(fraction)
    if not _EARLIEST <= instant < _END:
        raise PolicyError(f"{text!r} lies outside the years 1 to 9999")
    return instant


def format_instant(instant: int) -> str:
    """The one way we write an instant: RFC 3339 in UTC, with as many decimals as it needs."""
    seconds, fraction = divmod(instant, SECOND)
    moment = _EPOCH + datetime.timedelta(seconds=seconds)
    decimals = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{moment.isoformat()}{decimals}Z"


def parse_duration(text: Any, label: str) -> int:
    """One number and one unit (s, m, h, d, w), such as 30d, as nanoseconds."""
    match = _DURATION.match(str(text))
    if match is None:
        raise PolicyError(f"{label}: {text!r} is no duration such as 30d or 12h (a number, and one of s, m, h, d, w)")
    return int(match.group(1)) * _UNITS[match.group(2)]


def expiry(token: Mapping[str, Any]) -> int | None:
    """When a token of the API expires; None for never. Go's zero time means never too."""
    value = token.get("expiresAt")
    if not value or str(value).startswith("0001-01-01T"):
        return None
    return parse_instant(str(value))


def is_live(token: Mapping[str, Any], now: int) -> bool:
    """Whether a token of the API still works; an expired one counts as absent."""
    expires = expiry(token)
    return expires is None or expires > now


def live_token(tokens: Iterable[Mapping[str, Any]], name: str, now: int) -> Mapping[str, Any] | None:
    """The one live token of a name, or None. Raises PolicyError that lists the ids where there are several."""
    live = [token for token in tokens if token.get("name") == name and is_live(token, now)]
    if len(live) > 1:
        ids = ", ".join(sorted(str(token.get("id")) for token in live))
        raise PolicyError(
            f"{len(live)} live tokens are named {name!r}, and which one is meant cannot be known: {ids}. Keep one and"
            " delete the others (module api_token, state absent, with id; or Settings > API tokens in Axiom)"
        )
    return live[0] if live else None


def family(tokens: Iterable[Mapping[str, Any]], name: str, record: Mapping[str, Any] | None, now: int) -> Family:
    """Tell the tokens of a name apart.

    record: what the store holds under the name, or None. Its C(pending) was written before a token was minted. Before
    one was regenerated: the token's C(id), the C(deadline) it was to get, and the ids that were C(known). A token that
    ends at exactly that deadline was regenerated, and what is new beside it is what came of that. Before one was
    created: the C(marks) that were put into descriptions; a token with one of them is what came of that.
    """
    own = {str(token.get("id")): token for token in tokens if token.get("name") == name}
    live = {key: token for key, token in own.items() if is_live(token, now)}
    record = record or {}
    token, previous = live.pop(str(record.get("id")), None), live.pop(str(record.get("previous_id")), None)
    pending = record.get("pending") or {}
    interrupted = _was_regenerated(own, record)
    lost = {key for key in live if _mark_of(live[key]) in pending.get("marks", [])}
    if interrupted:
        new = [key for key in live if key not in pending.get("known", [])]
        lost.update(new if len(new) == 1 else [])
    others = [key for key in live if key not in lost]
    if token is None and previous is None and len(live) == len(others) == 1:
        return Family(live[others[0]])
    strays, useless = tuple(live[key] for key in others), tuple(live[key] for key in live if key in lost)
    return Family(token, previous, strays, useless, interrupted)


def marked(declared: Mapping[str, Any], mark: str) -> Mapping[str, Any]:
    """The declaration of a token that can be recognized as the one asked for with this mark (16 hex digits)."""
    return {**declared, "description": f"{declared.get('description') or ''} [devfleet.axiom {mark}]".strip()}


def _description(token: Mapping[str, Any]) -> str:
    return str(token.get("description") or "")


def _mark_of(token: Mapping[str, Any]) -> str | None:
    found = _MARK.search(_description(token))
    return found.group(1) if found else None


def _was_regenerated(own: Mapping[str, Mapping[str, Any]], record: Mapping[str, Any]) -> bool:
    pending = record.get("pending") or {}
    ends = expiry(own.get(str(pending.get("id")), {}))
    if ends is None or pending.get("id") != record.get("id"):
        return False
    return ends // MICROSECOND == parse_instant(pending["deadline"]) // MICROSECOND


def deadline(declared: Mapping[str, Any], found: Mapping[str, Any], now: int) -> int:
    """When a token that is regenerated now will end: after the overlap, and before its own expiry.

    Whole microseconds, because a server may keep no more, and it is recognized by them later.
    """
    end = now + parse_duration(declared.get("overlap") or DEFAULT_OVERLAP, "overlap")
    own = expiry(found)
    # Axiom allows nothing later than the token's own expiry; a second less shows that it was set.
    end = end if own is None else min(end, own - SECOND)
    return end - end % MICROSECOND


def dated(declared: Mapping[str, Any], now: int) -> Mapping[str, Any]:
    """The declaration of a token that is minted now, C(expires_after) turned into C(expires_at)."""
    if not declared.get("expires_after"):
        return declared
    ends = now + parse_duration(declared["expires_after"], "expires_after")
    return {**declared, "expires_at": format_instant(ends - ends % SECOND)}


def check_rotation(declared: Mapping[str, Any]) -> None:
    """Raise PolicyError for options of rotation that are unusable, or do not fit together."""
    label = f"token {declared.get('name')!r}: "
    spans = {option: declared.get(option) for option in ("expires_after", "rotate_before", "overlap")}
    parsed = {option: parse_duration(text, label + option) for option, text in spans.items() if text is not None}
    before = parsed.get("rotate_before", parse_duration(DEFAULT_ROTATE_BEFORE, "rotate_before"))
    overlap = parsed.get("overlap", parse_duration(DEFAULT_OVERLAP, "overlap"))
    if overlap < HOUR:
        raise PolicyError(
            f"{label}overlap must be an hour or more: clocks differ, and sessions keep the old secret until they are"
            " restarted. To end a token at once there is devfleet.axiom.revoke"
        )
    if "expires_after" in parsed and declared.get("expires_at"):
        raise PolicyError(f"{label}expires_after and expires_at exclude each other")
    if declared.get("rotate") != "never" and parsed.get("expires_after", before + overlap) < before + overlap:
        raise PolicyError(
            f"{label}expires_after must be as long as rotate_before and overlap together: one rotation has to end"
            " before the next is due"
        )
    if declared.get("rotate") == "expiring" and "expires_after" not in parsed:
        raise PolicyError(f"{label}rotate: expiring needs expires_after, the lifetime of the new token")


def normalised(value: Any) -> Any:
    """A value of capabilities in its one form: missing, null and empty are equal, lists are sets.

    Works on any JSON, so that capabilities Axiom adds later are compared and kept instead of breaking the run.
    """
    if isinstance(value, Mapping):
        members = {str(key): normalised(member) for key, member in value.items()}
        return {key: members[key] for key in sorted(members) if members[key] not in _EMPTY}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [item for item in map(normalised, value) if item not in _EMPTY]
        return [json.loads(text) for text in sorted({json.dumps(item, sort_keys=True) for item in items})]
    return value


def found_capabilities(token: Mapping[str, Any]) -> dict[str, Any]:
    """The capabilities of a token of the API, normalised, under our option names."""
    return {option: normalised(token.get(field) or {}) for option, field in CAPABILITY_FIELDS.items()}


def declared_capabilities(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The capabilities a declaration asks for, normalised: C(ingest), C(query) and those written out."""
    scoped: dict[str, dict[str, Any]] = {name: {"ingest": ["create"]} for name in declared.get("ingest") or []}
    for name in declared.get("query") or []:
        scoped.setdefault(name, {})["query"] = ["read"]
    for name, capabilities in _scoped(declared, "dataset_capabilities").items():
        for capability, verbs in capabilities.items():
            scope = scoped.setdefault(name, {})
            scope[capability] = [*scope.get(capability, []), *verbs]
    org = declared.get("org_capabilities") or {}
    _check_verbs(declared, "org_capabilities", org)
    return {
        "dataset_capabilities": normalised(scoped),
        "org_capabilities": normalised(org),
        "view_capabilities": normalised(_scoped(declared, "view_capabilities")),
    }


def _scoped(declared: Mapping[str, Any], option: str) -> dict[str, dict[str, Any]]:
    value = declared.get(option) or {}
    if not isinstance(value, Mapping):
        raise _shape_error(declared, option)
    for capabilities in value.values():
        _check_verbs(declared, option, capabilities or {})
    return {str(name): {str(key): verbs or [] for key, verbs in (of or {}).items()} for name, of in value.items()}


def _check_verbs(declared: Mapping[str, Any], option: str, capabilities: Any) -> None:
    good = isinstance(capabilities, Mapping) and all(
        verbs is None or (isinstance(verbs, (list, tuple)) and all(isinstance(verb, str) for verb in verbs))
        for verbs in capabilities.values()
    )
    if not good:
        raise _shape_error(declared, option)


def _shape_error(declared: Mapping[str, Any], option: str) -> PolicyError:
    form = "{capability: [verb, ...]}"
    form = form if option == "org_capabilities" else "{name: %s}" % form
    return PolicyError(f"token {declared.get('name')!r}: {option} must have the form {form}")


def request_body(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The body of C(POST /tokens), schema C(CreateAPIToken), with only what is asked for."""
    capabilities = declared_capabilities(declared)
    body = {"name": declared["name"], "description": declared.get("description")}
    body.update({field: capabilities[option] for option, field in CAPABILITY_FIELDS.items()})
    if declared.get("expires_at"):
        body["expiresAt"] = format_instant(parse_instant(declared["expires_at"]))
    return {field: value for field, value in body.items() if value}


def found_view(token: Mapping[str, Any]) -> dict[str, Any]:
    """A token of the API as our results and diffs show it. Built from known fields only: a secret cannot slip in."""
    expires = expiry(token)
    return {
        "name": token.get("name"),
        "description": _MARK.sub("", _description(token)),
        "expires_at": None if expires is None else format_instant(expires),
        **found_capabilities(token),
    }


def declared_view(declared: Mapping[str, Any]) -> dict[str, Any]:
    """A declaration in the form of found_view()."""
    expires = declared.get("expires_at")
    return {
        "name": declared["name"],
        "description": declared.get("description") or "",
        "expires_at": format_instant(parse_instant(expires)) if expires else None,
        **declared_capabilities(declared),
    }


def wanted_view(declared: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What a found token would have to look like: its description, and an expiry nobody declared, are as found."""
    wanted, view = declared_view(declared), found_view(found)
    wanted["description"] = view["description"]
    if not declared.get("expires_at"):
        wanted["expires_at"] = view["expires_at"]
    return wanted


def decide(
    declared: Mapping[str, Any],
    found: Mapping[str, Any] | None,
    record: Mapping[str, Any] | None,
    now: int,
    stored: bool = True,
) -> Decision:
    """What to do about a declared token.

    found: the live token of that name (see live_token and family) or None. record: what the store holds under that
    name or None; C(stored=False) means that no store is involved, and nothing is rotated.
    """
    if found is None:
        expires = declared.get("expires_at")
        if expires and parse_instant(expires) <= now:
            return Decision(
                CONFLICT, f"token {declared['name']!r}: expires_at {expires} has passed, declare a later one"
            )
        return Decision(CREATE)
    label = f"token {declared['name']!r} (id {found.get('id')})"
    policy = (declared.get("rotate") or "never") if stored else "never"
    differences = _differences(found_view(found), wanted_view(declared, found))
    if differences and policy not in ("drift", "always"):
        more = ", or declare rotate: drift" if stored else ""
        return Decision(
            CONFLICT,
            f"{label} differs from what is declared, and Axiom cannot change a token: {differences}. Declare what it"
            f" has{more}, or delete it (module api_token, state absent) and run again: a new one is minted",
        )
    if stored and (record is None or record.get("id") != found.get("id")):
        return Decision(
            SECRET_LOST,
            f"{label} is alive in Axiom, but its secret is not in the store, and Axiom shows a secret only once. Delete"
            " it (module api_token, state absent) and run again: a new one is minted. Or declare its secret (from"
            " a vaulted variable) for one run: it is then put into the store",
        )
    if differences:
        return Decision(ROTATE, f"{label} differs from what is declared: {differences}")
    return Decision(ROTATE, f"{label} expires soon") if expires_soon(declared, found, now) else Decision(KEEP)


def expires_soon(declared: Mapping[str, Any], found: Mapping[str, Any], now: int) -> bool:
    """Whether a policy wants a token replaced for its expiry: too near, or later than C(expires_after) allows."""
    if (declared.get("rotate") or "never") == "never" or not declared.get("expires_after"):
        return False
    ends = expiry(found)
    longest = now + parse_duration(declared["expires_after"], "expires_after") + SKEW
    before = parse_duration(declared.get("rotate_before") or DEFAULT_ROTATE_BEFORE, "rotate_before")
    return ends is None or ends > longest or ends - now <= before


def decide_family(
    declared: Mapping[str, Any], tokens: Family, record: Mapping[str, Any] | None, now: int, begin: bool = False
) -> Decision:
    """What to do about a declared token whose secret a store keeps, and about those of its name beside it.

    begin: rotate whatever the policy says. At no time are there more than two live tokens of a name: while the one
    before is alive nothing is rotated, and what is rotated without a need is not before the last overlap has ended.
    """
    record = record or {}
    if tokens.strays:
        return Decision(CONFLICT, _strays(declared["name"], tokens, record))
    if tokens.interrupted and tokens.token is not None:
        return Decision(ROTATE, f"an earlier run regenerated token {declared['name']!r} and could not keep the new one")
    decision = decide(declared, tokens.token, record or None, now)
    always = decision.action == KEEP and (begin or declared.get("rotate") == "always")
    if not always and decision.action != ROTATE:
        return decision
    if tokens.previous is not None:
        if decision.action == ROTATE:
            text = (
                f"{decision.message}; but a rotation is under way. Finish it with devfleet.axiom.rotate, or end it"
                " with -e axiom_workspace_retire=now, then run again"
            )
            return Decision(CONFLICT, text)
        return Decision(KEEP)
    last = record.get("previous_expires_at")
    if always and last and parse_instant(last) > now:
        return Decision(KEEP)
    return Decision(ROTATE, decision.message)


def _strays(name: str, tokens: Family, record: Mapping[str, Any]) -> str:
    strays = ", ".join(sorted(str(token.get("id")) for token in tokens.strays))
    known = [str(token.get("id")) for token in (tokens.token, tokens.previous) if token]
    ours = f"the store keeps the secret of {' and '.join(known)}" if known else "the store keeps the secret of none"
    return (
        f"{len(tokens.strays) + len(known)} live tokens are named {name!r}, and {ours}. Not known here: {strays}."
        " Delete those that nobody uses (module api_token, state absent, with id; or Settings > API tokens in Axiom),"
        " or give the others another name"
    )


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    has, wanted = set(_leaves(before)), set(_leaves(after))
    parts = [("it has", sorted(has - wanted)), ("declared is", sorted(wanted - has))]
    return "; ".join(f"{label} {', '.join(leaves)}" for label, leaves in parts if leaves)


def _leaves(value: Any, *path: str) -> list[str]:
    """Every leaf of a view as one phrase, such as C(dataset_capabilities claude-code-logs ingest create)."""
    if isinstance(value, Mapping):
        return [leaf for key in value for leaf in _leaves(value[key], *path, str(key))]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item, *path)]
    return [" ".join([*path, "never" if value is None else str(value)])]
