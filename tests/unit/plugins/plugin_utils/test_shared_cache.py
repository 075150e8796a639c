# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory shared by forked workers: a short cut that is always right, and never needed."""

from __future__ import annotations

import multiprocessing
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.devfleet.axiom.plugins.plugin_utils import shared_cache
from ansible_collections.devfleet.axiom.plugins.plugin_utils.shared_cache import SharedCache

fork = multiprocessing.get_context("fork")


class Counted:
    """A value and how often it was computed here."""

    def __init__(self, value: bytes) -> None:
        self.value, self.calls = value, 0

    def __call__(self) -> bytes:
        self.calls += 1
        return self.value


def in_child(function):
    """Run in a forked process; returns its exit status."""
    process = fork.Process(target=lambda: os._exit(function()))
    process.start()
    process.join()
    return process.exitcode


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.binary(max_size=40)), max_size=12))
def test_a_value_is_what_was_computed_for_that_state(steps):
    cache, known = SharedCache(300), {}
    for thing, state, value in steps:
        computed = Counted(value)
        expected = known.get((thing, state))
        got = cache.get((thing, str(state)), computed)
        if computed.calls:
            assert got == value
            known[(thing, state)] = value
        else:
            assert got == expected


def test_a_value_computed_in_one_worker_is_there_in_the_next():
    cache, value = SharedCache(), Counted(b"\x00secret\xff")
    assert in_child(lambda: cache.get(("store", "1"), value) != value.value) == 0
    assert cache.get(("store", "1"), value) == value.value
    assert value.calls == 0


def test_a_new_state_replaces_the_old_one():
    cache = SharedCache()
    cache.get(("store", "1"), Counted(b"old"))
    cache.get(("other", "1"), Counted(b"other"))
    assert cache.get(("store", "2"), Counted(b"new")) == b"new"
    again = Counted(b"computed again")
    assert cache.get(("store", "1"), again) == b"computed again"
    assert cache.get(("other", "1"), again) == b"other"
    assert again.calls == 1


@pytest.mark.parametrize("capacity", [10, 200])
def test_what_does_not_fit_is_computed_each_time(capacity):
    cache, value = SharedCache(capacity), Counted(b"x" * 1000)
    if capacity > 100:
        cache.get(("small", "1"), Counted(b"small"))
    assert [cache.get(("large", "1"), value) for _index in range(2)] == [value.value] * 2
    assert value.calls == 2


def test_an_error_while_computing_is_passed_on_and_frees_the_lock():
    cache = SharedCache()

    def fail():
        raise RuntimeError("cannot be decrypted")

    with pytest.raises(RuntimeError, match="cannot be decrypted"):
        cache.get(("store", "1"), fail)
    assert in_child(lambda: cache.get(("store", "1"), lambda: b"x") != b"x") == 0


def test_a_worker_that_dies_with_the_lock_does_not_stop_the_others():
    cache = SharedCache()
    assert in_child(lambda: cache.get(("store", "1"), lambda: os._exit(7))) == 7
    assert cache.get(("store", "1"), lambda: b"x") == b"x"


def test_without_temporary_folder_or_memory_it_computes(monkeypatch):
    def nothing(*_arguments):
        raise OSError("no room")

    monkeypatch.setattr(shared_cache.tempfile, "mkstemp", nothing)
    cache, value = SharedCache(), Counted(b"x")
    assert [cache.get(("store", "1"), value) for _index in range(2)] == [b"x", b"x"]
    assert value.calls == 2


def test_nothing_is_left_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_cache.tempfile, "tempdir", str(tmp_path))
    SharedCache().get(("store", "1"), lambda: b"secret")
    assert list(tmp_path.iterdir()) == []
