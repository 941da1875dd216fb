"""What a build of the marts makes anew, by what earlier ones came to."""

from __future__ import annotations

from datetime import datetime

import pytest

from cm_core.compliance import builds
from cm_core.store import Database

AT = datetime(2026, 3, 2)


@pytest.fixture
def built(any_database: Database) -> Database:
    """A base whose marts were built by the rules `first`."""
    builds.end(any_database, builds.begin(any_database, "first", []), AT)
    assert builds.begin(any_database, "first", []).by_changes
    return any_database


def test_other_rules_build_everything_once(built: Database) -> None:
    build = builds.begin(built, "second", [])
    assert not build.by_changes
    builds.end(built, build, AT)
    assert builds.begin(built, "second", []).by_changes
    assert builds.waiting(built) is None


def test_after_a_build_by_other_rules_that_failed_the_former_rules_build_everything(built: Database) -> None:
    builds.begin(built, "second", [])  # and dbt fails: nothing is recorded, but the rules are in MySQL
    build = builds.begin(built, "first", [])
    assert not build.by_changes
    builds.end(built, build, AT)
    assert builds.begin(built, "first", []).by_changes


def test_after_a_part_was_built_by_other_rules_everything_is(built: Database) -> None:
    builds.part(built, "first")
    assert builds.begin(built, "first", []).by_changes
    builds.part(built, "second")
    assert not builds.begin(built, "first", []).by_changes


def test_failing_again_and_again_asks_for_one_more_build_only(built: Database) -> None:
    builds.begin(built, "second", [])
    first = builds.waiting(built)
    builds.begin(built, "second", [])
    again = builds.waiting(built)
    assert first is not None
    assert again is not None
    assert again.last_id == first.last_id
