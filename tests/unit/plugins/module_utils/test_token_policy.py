# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Token policy: properties over capabilities, clocks, offsets and fractions of seconds."""

from __future__ import annotations

import copy
import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.devfleet.axiom.plugins.module_utils import token_policy as policy
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import PolicyError

SECOND = policy.SECOND
NOW = 1_800_000_000 * SECOND

names = st.text("abcdefghij-0123456789", min_size=1, max_size=12)
verbs = st.lists(st.sampled_from(["create", "read", "update", "delete", "conjure"]), max_size=5)
capabilities = st.dictionaries(st.sampled_from(["ingest", "query", "trim", "teleport"]), verbs, max_size=4)
scoped = st.dictionaries(names, capabilities, max_size=4)
# What a server might send in place of capabilities one day.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
instants = st.integers(-62_000_000_000, 250_000_000_000).flatmap(
    lambda seconds: st.integers(0, SECOND - 1).map(lambda fraction: seconds * SECOND + fraction)
)


def token(**members: Any) -> dict[str, Any]:
    return {"id": "t1", "name": "ingest", "datasetCapabilities": {}, "orgCapabilities": {}, **members}


# --- capabilities


@given(json_values)
def test_normalising_twice_is_normalising_once(value):
    once = policy.normalised(value)
    assert policy.normalised(once) == once
    json.dumps(once)


@given(json_values, st.randoms(use_true_random=False))
def test_order_and_repetition_of_lists_do_not_matter(value, random):
    def shuffled(part: Any) -> Any:
        if isinstance(part, list):
            items = [shuffled(item) for item in part] * random.randint(1, 2)
            random.shuffle(items)
            return items
        if isinstance(part, dict):
            keys = list(part)
            random.shuffle(keys)
            return {key: shuffled(part[key]) for key in keys}
        return part

    assert policy.normalised(shuffled(value)) == policy.normalised(value)


@given(scoped, st.sampled_from([None, [], {}]))
def test_missing_null_and_empty_are_equal(value, nothing):
    padded = copy.deepcopy(value)
    padded["a-scope-without-capabilities"] = nothing
    for of in padded.values():
        if of:
            of["a-capability-without-verbs"] = nothing
    assert policy.normalised(padded) == policy.normalised(value)


@given(json_values, json_values)
def test_whatever_the_server_sends_is_compared_and_shown(dataset_capabilities, org_capabilities):
    found = token(datasetCapabilities=dataset_capabilities, orgCapabilities=org_capabilities)
    decision = policy.decide({"name": "ingest"}, found, {"id": "t1"}, NOW)
    json.dumps(policy.found_view(found))
    nothing = not policy.normalised(dataset_capabilities) and not policy.normalised(org_capabilities)
    assert decision.action == (policy.KEEP if nothing else policy.CONFLICT)


def test_an_unknown_capability_on_the_server_is_a_difference_and_named():
    found = token(datasetCapabilities={"logs": {"ingest": ["create"], "teleport": ["both"]}})
    decision = policy.decide({"name": "ingest", "ingest": ["logs"]}, found, {"id": "t1"}, NOW)
    assert decision.action == policy.CONFLICT
    assert "it has dataset_capabilities logs teleport both" in decision.message


@given(st.lists(names, max_size=4), scoped, capabilities, scoped)
def test_a_token_minted_as_declared_is_kept(ingest, dataset_capabilities, org_capabilities, view_capabilities):
    declared = {
        "name": "ingest",
        "ingest": ingest,
        "dataset_capabilities": dataset_capabilities,
        "org_capabilities": org_capabilities,
        "view_capabilities": view_capabilities,
    }
    body = policy.request_body(declared)
    found = {"id": "t1", "datasetCapabilities": None, "orgCapabilities": None, **body}
    assert policy.decide(declared, found, {"id": "t1"}, NOW).action == policy.KEEP
    for name in ingest:
        assert "create" in body["datasetCapabilities"][name]["ingest"]
    assert policy.declared_view(declared) == {**policy.found_view(found), "description": ""}


def test_the_request_holds_only_what_is_asked_for():
    assert policy.request_body({"name": "a", "ingest": ["logs"], "description": None, "org_capabilities": {}}) == {
        "name": "a",
        "datasetCapabilities": {"logs": {"ingest": ["create"]}},
    }


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("dataset_capabilities", ["logs"]),
        ("dataset_capabilities", {"logs": ["ingest"]}),
        ("dataset_capabilities", {"logs": {"ingest": "create"}}),
        ("dataset_capabilities", {"logs": {"ingest": [1]}}),
        ("view_capabilities", {"view": "query"}),
        ("org_capabilities", {"datasets": "read"}),
        ("org_capabilities", ["datasets"]),
    ],
)
def test_capabilities_of_another_form_are_refused(option, value):
    with pytest.raises(PolicyError, match=f"token 'a': {option} must have the form"):
        policy.declared_capabilities({"name": "a", option: value})


# --- instants


@given(instants)
def test_an_instant_survives_being_written(instant):
    assert policy.parse_instant(policy.format_instant(instant)) == instant


@given(instants, st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_an_offset_does_not_change_the_instant(instant, minutes):
    local = policy.format_instant(instant + minutes * 60 * SECOND)[:-1]
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    assert policy.parse_instant(local + offset) == instant
    assert policy.parse_instant(local.replace("T", " ") + offset) == instant


@given(st.datetimes(timezones=st.just(datetime.UTC)))
def test_instants_agree_with_the_standard_library(moment):
    assert policy.parse_instant(moment.isoformat()) // 1000 == (
        moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    ) // datetime.timedelta(microseconds=1)


@given(instants, instants)
def test_instants_are_ordered_as_time_is(one, other):
    texts = [policy.format_instant(instant) for instant in (one, other)]
    assert (one < other) == (policy.parse_instant(texts[0]) < policy.parse_instant(texts[1]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2027-01-31",
        "2027-01-31T12:00:00",
        "2027-02-30T12:00:00Z",
        "2027-01-31T12:00:60Z",
        "2027-01-31T12:00:00Z\n",
        "2027-01-31T12:00:00+0200",
        "٢٠٢٧-01-31T12:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_is_no_instant_is_refused(text):
    with pytest.raises(PolicyError, match=r"is not an instant such as|outside the years"):
        policy.parse_instant(text)


def test_nanoseconds_are_kept_and_more_is_cut():
    assert policy.parse_instant("1970-01-01T00:00:00.000000001Z") == 1
    assert policy.parse_instant("1970-01-01T00:00:00.0000000019Z") == 1


@pytest.mark.parametrize("value", [None, "", "0001-01-01T00:00:00Z"])
def test_never_has_three_forms(value):
    assert policy.expiry({"expiresAt": value}) is None
    assert policy.is_live({"expiresAt": value}, NOW)


@given(instants)
def test_a_token_is_dead_from_the_instant_of_its_expiry_on(expires):
    found = token(expiresAt=policy.format_instant(expires))
    assert policy.is_live(found, expires - 1)
    assert not policy.is_live(found, expires)


# --- which token, and what to do


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([-1, 0, 1, None])), max_size=6))
def test_the_one_live_token_of_a_name(tokens):
    listed = [
        {
            "id": f"id-{number}",
            "name": name,
            "expiresAt": None if expires is None else policy.format_instant(NOW + expires),
        }
        for number, (name, expires) in enumerate(tokens)
    ]
    live = [
        item["id"] for item, (name, expires) in zip(listed, tokens, strict=True) if name == "a" and expires in (1, None)
    ]
    if len(live) > 1:
        with pytest.raises(PolicyError) as caught:
            policy.live_token(listed, "a", NOW)
        assert all(identity in caught.value.message for identity in live)
        assert sum(item["id"] in caught.value.message for item in listed) == len(live)
    else:
        found = policy.live_token(listed, "a", NOW)
        assert [found["id"]] == live if found else live == []


LIVE = token(datasetCapabilities={"logs": {"ingest": ["create"]}}, expiresAt="2030-01-01T00:00:00.000000000Z")
DECLARED = {"name": "ingest", "ingest": ["logs"]}


@pytest.mark.parametrize(
    ("changes", "found", "record", "action"),
    [
        ({}, None, None, policy.CREATE),
        ({}, None, {"id": "gone"}, policy.CREATE),
        ({}, LIVE, {"id": "t1"}, policy.KEEP),
        ({}, LIVE, None, policy.SECRET_LOST),
        ({}, LIVE, {"id": "another"}, policy.SECRET_LOST),
        ({"ingest": ["logs", "metrics"]}, LIVE, {"id": "t1"}, policy.CONFLICT),
        ({"ingest": []}, LIVE, {"id": "t1"}, policy.CONFLICT),
        ({"description": "not compared"}, LIVE, {"id": "t1"}, policy.KEEP),
        ({"expires_at": "2030-01-01T02:00:00+02:00"}, LIVE, {"id": "t1"}, policy.KEEP),
        ({"expires_at": "2030-01-01T00:00:00.000000001Z"}, LIVE, {"id": "t1"}, policy.CONFLICT),
        ({"expires_at": "2020-01-01T00:00:00Z"}, None, None, policy.CONFLICT),
    ],
)
def test_decisions(changes, found, record, action):
    decision = policy.decide({**DECLARED, **changes}, found, record, NOW)
    assert decision.action == action
    assert bool(decision.message) == (action in (policy.CONFLICT, policy.SECRET_LOST))
    assert "\n" not in decision.message


def test_without_a_store_there_is_no_secret_to_lose():
    assert policy.decide(DECLARED, LIVE, None, NOW, stored=False).action == policy.KEEP


def test_a_conflict_names_both_sides_and_the_way_out():
    message = policy.decide({**DECLARED, "ingest": ["metrics"]}, LIVE, {"id": "t1"}, NOW).message
    assert "(id t1)" in message
    assert "it has dataset_capabilities logs ingest create" in message
    assert "declared is dataset_capabilities metrics ingest create" in message
    assert "state absent" in message


@given(scoped, st.text(min_size=1))
def test_a_secret_in_an_answer_gets_into_no_view_and_no_message(dataset_capabilities, junk):
    found = token(datasetCapabilities=dataset_capabilities, token="xaat-the-secret", unknown=junk)
    decision = policy.decide(DECLARED, found, None, NOW)
    assert "xaat-the-secret" not in json.dumps([policy.found_view(found), decision.message])
