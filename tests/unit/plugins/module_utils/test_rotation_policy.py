# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a token is rotated: properties over clocks, zones, fractions of seconds and skew, and a fleet's whole life."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.devfleet.axiom.plugins.module_utils import token_policy as policy
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import Family, PolicyError

SECOND, HOUR, DAY = policy.SECOND, policy.HOUR, 24 * policy.HOUR
NOW = 1_800_000_000 * SECOND
CAPABILITIES = {"datasetCapabilities": {"logs": {"ingest": ["create"]}}, "orgCapabilities": {}}
DECLARED = {"name": "ingest", "ingest": ["logs"]}
RECORD = {"id": "t1", "secret": "s1"}

moments = st.integers(NOW, NOW + 400 * DAY)
fractions = st.integers(0, SECOND - 1)
units = {"s": SECOND, "m": 60 * SECOND, "h": HOUR, "d": DAY, "w": 7 * DAY}


def token(identity: str = "t1", ends: int | None = None) -> dict[str, Any]:
    expires = {} if ends is None else {"expiresAt": policy.format_instant(ends)}
    return {"id": identity, "name": "ingest", **CAPABILITIES, **expires}


def action(declared: dict[str, Any], found: Family, record: Any = None, now: int = NOW, begin: bool = False) -> str:
    return policy.decide_family({**DECLARED, **declared}, found, record or RECORD, now, begin).action


# --- durations


@given(st.integers(1, 999_999), st.sampled_from(sorted(units)))
def test_a_duration_is_a_number_and_a_unit(number, unit):
    assert policy.parse_duration(f"{number}{unit}", "overlap") == number * units[unit]


@pytest.mark.parametrize(
    "text", ["", "30", "d", "0d", "-1d", "1.5h", "1h30m", " 1d", "1d\n", "1D", "1y", "٣d", None, 30]
)
def test_what_is_no_duration_is_refused_and_named(text):
    with pytest.raises(PolicyError, match=r"overlap: .* is no duration such as 30d"):
        policy.parse_duration(text, "overlap")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"overlap": "59m"}, "overlap must be an hour or more"),
        ({"expires_after": "30d", "expires_at": "2030-01-01T00:00:00Z"}, "exclude each other"),
        ({"rotate": "expiring"}, "needs expires_after"),
        ({"rotate": "expiring", "expires_after": "20d"}, "as long as rotate_before and overlap"),
        ({"rotate": "drift", "expires_after": "1w", "rotate_before": "7d"}, "as long as rotate_before and overlap"),
        ({"rotate_before": "soon"}, "token 'ingest': rotate_before: 'soon' is no duration"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, says):
    with pytest.raises(PolicyError, match=says):
        policy.check_rotation({**DECLARED, "rotate": "never", **options})


# --- how long the one before lives


@given(moments, st.integers(1, 60), st.none() | st.integers(2, 400 * 86400), fractions)
def test_the_deadline_is_after_the_overlap_and_before_the_own_expiry(now, days, left, fraction):
    own = None if left is None else now + left * SECOND + fraction
    end = policy.deadline({"overlap": f"{days}d"}, token(ends=own), now)
    assert end % policy.MICROSECOND == 0
    assert end <= now + days * DAY
    assert now + days * DAY - end < policy.MICROSECOND or (own is not None and own - 2 * SECOND < end < own)


@given(moments, st.integers(1, 400))
def test_what_is_minted_lives_as_long_as_declared(now, days):
    dated = policy.dated({**DECLARED, "expires_after": f"{days}d"}, now)
    ends = policy.parse_instant(dated["expires_at"])
    assert 0 <= now + days * DAY - ends < SECOND
    minted = Family(token(ends=ends))
    for rule in policy.POLICIES[:3]:
        assert (
            action({"expires_after": f"{days}d", "rotate": rule, "rotate_before": "12h"}, minted, now=now)
            == policy.KEEP
        )


# --- when


@given(st.integers(-20 * DAY, 20 * DAY), st.sampled_from(policy.POLICIES))
def test_expiry_is_acted_upon_within_rotate_before_whatever_the_fraction_and_zone(left, rule):
    ends = NOW + 14 * DAY + left
    instant = policy.format_instant(ends + 2 * HOUR)[:-1] + "+02:00"
    found = Family({**token(), "expiresAt": instant})
    due = action({"rotate": rule, "expires_after": "90d"}, found) == policy.ROTATE
    assert due == (rule == "always" or (rule != "never" and left <= 0))


@given(st.integers(-policy.SKEW, policy.SKEW))
def test_clocks_that_differ_a_little_rotate_nothing(skew):
    just_minted = Family(token(ends=NOW + skew + 90 * DAY))
    assert action({"rotate": "expiring", "expires_after": "90d"}, just_minted) == policy.KEEP


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [("never", "conflict"), ("expiring", "conflict"), ("drift", "rotate"), ("always", "rotate")],
)
@pytest.mark.parametrize("begin", [True, False])
def test_a_difference_is_a_conflict_unless_the_policy_takes_it(rule, wanted, begin):
    declared = {"ingest": ["logs", "metrics"], "rotate": rule, "expires_after": "90d"}
    found = Family({**token(ends=NOW + 60 * DAY), "token": "xaat-the-secret"})
    decision = policy.decide_family({**DECLARED, **declared}, found, {**RECORD, "secret": "xaat-stored"}, NOW, begin)
    assert decision.action == wanted
    assert "dataset_capabilities metrics ingest create" in decision.message
    assert "xaat" not in decision.message


@pytest.mark.parametrize("rule", policy.POLICIES)
def test_nothing_is_rotated_while_the_one_before_is_alive(rule):
    declared = {"rotate": rule, "expires_after": "90d"}
    found = Family(token(ends=NOW + DAY), token("t0", NOW + HOUR))
    assert action(declared, found, begin=True) in (policy.KEEP, policy.CONFLICT)


@given(st.integers(-5 * HOUR, 5 * HOUR))
def test_what_is_not_needed_waits_for_the_end_of_the_last_overlap(left):
    record = {**RECORD, "previous_expires_at": policy.format_instant(NOW + left), "previous_id": None}
    for declared, begin in (({"rotate": "always"}, False), ({}, True)):
        assert (action(declared, Family(token()), record, begin=begin) == policy.KEEP) == (left > 0)
    assert (
        action({"rotate": "drift", "org_capabilities": {"users": ["read"]}}, Family(token()), record) == policy.ROTATE
    )


# --- what an earlier run left behind


@given(fractions, st.sampled_from(["Z", "+00:00"]), st.integers(0, 999))
def test_a_regeneration_of_ours_is_recognized_by_its_deadline(fraction, zone, nanoseconds):
    end = NOW + DAY + fraction - fraction % policy.MICROSECOND
    record = {**RECORD, "pending": {"id": "t1", "deadline": policy.format_instant(end), "known": ["t1"]}}
    # A server may keep more or less than what it was told below a microsecond.
    as_kept = policy.format_instant(end + nanoseconds)[:-1] + zone
    tokens = [{**token(), "expiresAt": as_kept}, token("t2")]
    found = policy.family(tokens, "ingest", record, NOW)
    assert (found.lost, found.interrupted, found.strays) == ((tokens[1],), True, ())
    assert action({}, found, record) == policy.ROTATE
    assert policy.family([tokens[0]], "ingest", record, NOW).lost == ()
    other = {**token(), "expiresAt": policy.format_instant(end + policy.MICROSECOND)}
    assert policy.family([other, token("t2")], "ingest", record, NOW).strays == (tokens[1],)


def test_two_that_may_be_lost_are_reported_and_none_is_taken():
    record = {**RECORD, "pending": {"id": "t1", "deadline": policy.format_instant(NOW + DAY), "known": ["t1"]}}
    tokens = [token(ends=NOW + DAY), token("t2"), token("t3")]
    found = policy.family(tokens, "ingest", record, NOW)
    decision = policy.decide_family(DECLARED, found, record, NOW)
    assert decision.action == policy.CONFLICT
    assert "the store keeps the secret of t1. Not known here: t2, t3." in decision.message


MARKS = [f"{number:016x}" for number in range(3)]


def created(identity: str, mark: str, description: str | None = None) -> dict[str, Any]:
    """A token as Axiom lists it that was asked for with a mark."""
    asked = policy.request_body(policy.marked({**DECLARED, "description": description}, mark))
    return {**token(identity), "description": asked["description"]}


@given(st.lists(st.sampled_from(MARKS), unique=True), st.sampled_from([None, "", "for [devfleet.axiom] "]))
def test_what_was_created_and_never_learned_is_recognized_by_its_mark_alone(noted, description):
    """Nobody else's token of the name is ever taken for one of ours, however alike it is."""
    record = {"name": "ingest", "id": None, "secret": None, "datasets": {}, "pending": {"marks": noted}}
    tokens = [created(f"t{number}", mark, description) for number, mark in enumerate(MARKS)]
    found = policy.family(tokens, "ingest", record, NOW)
    assert {item["id"] for item in found.lost} == {f"t{MARKS.index(mark)}" for mark in noted}
    assert policy.found_view(tokens[0])["description"] == (description or "").strip()
    others = [item for item in tokens if item not in found.lost]
    if noted:
        decision = policy.decide_family(DECLARED, found, record, NOW).action
        assert decision == (policy.CONFLICT if others else policy.CREATE)
    alone = policy.family([token("of a person")], "ingest", record, NOW)
    assert alone.lost == ()
    assert policy.decide_family(DECLARED, alone, record, NOW).action == policy.SECRET_LOST


class World:
    """Axiom, a store and a controller, as far as the policy is concerned; time only goes on."""

    def __init__(self, declared: dict[str, Any]) -> None:
        self.declared = {**DECLARED, **declared}
        self.now = NOW
        self.tokens: dict[str, dict[str, Any]] = {}
        self.record: dict[str, Any] | None = None

    def live(self) -> set[str]:
        return {key for key, item in self.tokens.items() if policy.is_live(item, self.now)}

    def _mint(self, expires: str | None) -> str:
        identity = f"t{len(self.tokens)}"
        self.tokens[identity] = {**token(identity), "expiresAt": expires}
        return identity

    def run(self, begin: bool, lost: bool) -> str:
        """One run; C(lost) means that it ends right after the token was minted."""
        found = policy.family(self.tokens.values(), "ingest", self.record, self.now)
        todo = policy.decide_family(self.declared, found, self.record, self.now, begin).action
        expires = policy.dated(self.declared, self.now).get("expires_at")
        for item in found.lost if todo in (policy.CREATE, policy.ROTATE) else ():
            self.tokens[item["id"]]["expiresAt"] = policy.format_instant(self.now)
        if todo == policy.CREATE:
            before, mark = self.record or {"id": None}, f"{len(self.tokens):016x}"
            marks = before.get("pending", {}).get("marks", [])
            self.record = {**before, "pending": {"marks": [*marks, mark]}}
            new = self._mint(expires)
            self.tokens[new]["description"] = created(new, mark)["description"]
            if not lost:
                self.record = {"id": new}
        if todo == policy.ROTATE:
            assert self.record is not None
            old = self.tokens[self.record["id"]]
            end = policy.format_instant(policy.deadline(self.declared, old, self.now))
            self.record["pending"] = {"id": old["id"], "deadline": end, "known": sorted(self.live())}
            old["expiresAt"] = end
            new = self._mint(expires)
            if not lost:
                self.record = {"id": new, "previous_id": old["id"], "previous_expires_at": end}
        return todo


@given(
    st.sampled_from(
        [
            {},
            {"rotate": "always", "overlap": "2d"},
            {"rotate": "always", "expires_after": "54d", "overlap": "40d"},
            {"rotate": "expiring", "expires_after": "30d", "rotate_before": "10d"},
            {"rotate": "drift", "expires_after": "20d", "rotate_before": "1d", "overlap": "3d"},
        ]
    ),
    st.lists(st.tuples(st.integers(0, 20 * DAY), st.booleans(), st.booleans()), max_size=25),
    st.booleans(),
)
def test_whatever_happens_two_tokens_at_most_and_every_run_heals(declared, steps, lost_at_once):
    policy.check_rotation({"rotate": "never", **declared})
    world = World(declared)
    world.run(False, lost_at_once)
    for elapsed, begin, lost in steps:
        world.now += elapsed
        todo = world.run(begin, lost)
        assert todo in (policy.CREATE, policy.ROTATE, policy.KEEP)
        known = {world.record["id"], world.record.get("previous_id")}
        assert len(world.live() - known) <= lost
        assert len(world.live()) <= 2 + lost
        if not lost:
            assert world.record["id"] in world.live()
