"""What people decide about who is who holds through every run, implies what follows, and can be undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cm_assets.checks.invariants import INVARIANTS, violations
from cm_core import linkage
from cm_core.cli.main import app
from cm_core.errors import CmError, LinkageError, PersonError
from cm_core.linkage import decisions
from cm_core.linkage.decisions import decide, undo
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.changes import noted
from tests.integration.linkage.people import ask, load, row
from tests.integration.linkage.test_linkage import content

_OTHER_PLACE = ("77 Peavine Ct", "Fargo", "ND", "58102")
_THIRD_PLACE = ("9 Quail Ln", "Reno", "NV", "89501")


def ids(database: Database) -> dict[str, int]:
    """Person ids by given name."""
    return dict(ask(database, "select first_name, id from persons"))


def entities(database: Database) -> dict[str, int]:
    return dict(ask(database, "select first_name, entity_id from persons"))


def together(database: Database, *names: str) -> bool:
    found = entities(database)
    return len({found[name] for name in names}) == 1


@pytest.fixture
def met(any_database: Database, make_settings: Any, tmp_path: Path) -> tuple[Settings, Database]:
    """Three people who have nothing in common, before any dedupe."""
    settings = make_settings(database=any_database)
    rows = [
        row("Gertrude", "Hollingsworth"), row("Otto", "Vandermeer", place=_OTHER_PLACE),
        row("Ophelia", "Quackenbush", place=_THIRD_PLACE),
    ]  # fmt: skip
    load(settings, any_database, tmp_path / "a.csv", rows)
    return settings, any_database


@pytest.fixture
def three(met: tuple[Settings, Database]) -> tuple[Settings, Database]:
    """They after a dedupe."""
    linkage.run(*met)
    return met


@pytest.fixture
def linked(any_database: Database, make_settings: Any, tmp_path: Path) -> tuple[Settings, Database]:
    """Two spellings of a name at one address, which the model links; the second is the newer."""
    settings = make_settings(database=any_database)
    rows = [row("Gertrude", "Hollingsworth"), row("Gertrud", "Hollingsworth", updated="2025-06-01")]
    load(settings, any_database, tmp_path / "a.csv", rows)
    assert linkage.run(settings, any_database).linked == 1
    return settings, any_database


@pytest.mark.mysql
def test_same_joins_those_who_share_nothing_and_implies_what_follows(three: tuple[Settings, Database]) -> None:
    settings, database = three
    person = ids(database)
    decide(database, "same", person["Otto"], person["Gertrude"], reason="his sister says so")
    decide(database, "same", person["Otto"], person["Ophelia"])
    result = linkage.run(settings, database)
    assert (result.duplicates, result.golden) == (2, 1)
    assert together(database, "Gertrude", "Otto", "Ophelia")
    reasons = {reason for (reason,) in ask(database, "select match_reason from person_duplicates")}
    assert any(reason.startswith("decided by ") for reason in reasons)
    before = content(database)
    linkage.run(settings, database)
    assert content(database) == before


@pytest.mark.mysql
def test_different_parts_those_who_were_linked_and_undo_joins_them_again(linked: tuple[Settings, Database]) -> None:
    settings, database = linked
    before = {table: rows for table, rows in content(database).items() if table == "persons"}
    made = decide(database, "different", *ids(database).values(), reason="mother and daughter")
    result = linkage.run(settings, database)
    assert (result.duplicates, result.unlinked) == (0, 1)
    assert len(set(entities(database).values())) == 2
    assert sorted(ask(database, "select is_original from persons")) == [(1,), (1,)]

    taken_back = undo(database, made.id, reason="it was a slip")
    assert (taken_back.undone_reason, taken_back.undone_by is None) == ("it was a slip", False)
    assert linkage.run(settings, database).linked == 1
    after = content(database)["persons"]
    assert [line[:-1] for line in after] == [line[:-1] for line in before["persons"]]  # but for updated_at
    assert ask(database, "select action from dedup_audit_log order by id") == [
        ("link",), ("different",), ("unlink",), ("undo",), ("link",)
    ]  # fmt: skip


@pytest.mark.mysql
def test_different_parts_even_those_who_share_an_exact_key(
    any_database: Database, make_settings: Any, tmp_path: Path
) -> None:
    """A shared e-mail address joins persons of two lists; a third who has it goes with one of them."""
    settings = make_settings(database=any_database)
    shared = {"email": "hollingsworth@example.org"}
    apart = [
        row("Gertrude", "Hollingsworth", phone="405-232-9700"),
        row("Ottokarl", "Vandermeer", place=_OTHER_PLACE, phone="405-232-9701"),
    ]
    load(settings, any_database, tmp_path / "a.csv", apart)
    bridge = [row("Gertrude", "Hollingsworth", **shared), row("Ottokarl", "Vandermeer", place=_OTHER_PLACE, **shared)]
    load(settings, any_database, tmp_path / "c.csv", [bridge[0]], day=2)
    load(settings, any_database, tmp_path / "d.csv", [bridge[1]], day=3)
    linkage.run(settings, any_database)
    people = ask(any_database, "select id, entity_id from persons order by id")
    assert len(people) == 2
    assert len({entity for _, entity in people}) == 1
    decide(any_database, "different", people[0][0], people[1][0])
    result = linkage.run(settings, any_database)
    assert result.duplicates == 0
    assert len({entity for _, entity in ask(any_database, "select id, entity_id from persons")}) == 2
    load(settings, any_database, tmp_path / "e.csv", [row("Ottokarl", "Vandermeer", place=_OTHER_PLACE, **shared, updated="2026-01-01")], day=4)  # fmt: skip # noqa: E501
    assert linkage.run(settings, any_database).duplicates == 0


def test_who_is_the_same_as_one_is_different_from_all_that_the_one_is_different_from(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    rows = [
        row("Gertrude", "Hollingsworth"), row("Gertrud", "Hollingsworth"), row("Otto", "Vandermeer", place=_OTHER_PLACE)
    ]  # fmt: skip
    load(settings, database, tmp_path / "a.csv", rows)
    person = ids(database)
    decide(database, "same", person["Gertrud"], person["Otto"])
    decide(database, "different", person["Gertrude"], person["Otto"])
    result = linkage.run(settings, database)
    assert result.duplicates == 1
    assert together(database, "Gertrud", "Otto")
    assert not together(database, "Gertrud", "Gertrude")


@pytest.mark.mysql
def test_the_golden_record_that_was_chosen_stays_it(linked: tuple[Settings, Database]) -> None:
    settings, database = linked
    person = ids(database)
    golden = "select first_name from persons where is_original = 1"
    assert ask(database, golden) == [("Gertrud",)]  # the newer
    made = decide(database, "golden", person["Gertrude"])
    linkage.run(settings, database)
    assert ask(database, golden) == [("Gertrude",)]
    undo(database, made.id)
    linkage.run(settings, database)
    assert ask(database, golden) == [("Gertrud",)]


def test_of_golden_records_that_were_chosen_the_last_choice_counts(linked: tuple[Settings, Database]) -> None:
    settings, database = linked
    person = ids(database)
    with noted(database):
        first = decide(database, "golden", person["Gertrude"])
    second = decide(database, "golden", person["Gertrud"])
    again = decide(database, "golden", person["Gertrude"])
    assert len({first.id, second.id, again.id}) == 3
    assert decide(database, "golden", person["Gertrude"]) == again
    linkage.run(settings, database)
    assert ask(database, "select first_name from persons where is_original = 1") == [("Gertrude",)]


@pytest.mark.mysql
def test_decisions_that_contradict_are_refused_with_those_in_the_way(met: tuple[Settings, Database]) -> None:
    _, database = met
    a, b, c = sorted(ids(database).values())
    first = decide(database, "same", a, b)
    second = decide(database, "same", b, c)
    assert decide(database, "same", c, b) == second  # the same again
    with pytest.raises(LinkageError, match=rf"decision {first.id}: .*; decision {second.id}: .*cm review undo"):
        decide(database, "different", a, c)
    undo(database, second.id)
    decide(database, "different", a, c)
    with pytest.raises(LinkageError, match="are different"):
        decide(database, "same", b, c)
    assert len(decisions.decisions(database)) == 2
    assert len(decisions.decisions(database, also_undone=True)) == 3


@pytest.mark.mysql
def test_a_decision_about_nobody(met: tuple[Settings, Database]) -> None:
    _, database = met
    for pair, message in (((1, 999_999), "no person 999999"), ((1, 1), "is one person"), ((0, 1), "no person 0")):
        with pytest.raises(CmError, match=message):
            decide(database, "same", *pair)
    with pytest.raises(PersonError, match="no decision 77"):
        undo(database, 77)
    assert decisions.decisions(database, also_undone=True) == []


def test_pairs_in_doubt_wait_for_review_until_they_are_decided(
    make_settings: Any, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A father and a son who share all but the generation; what the commands print."""
    settings = make_settings(database=database, review_threshold=0.01)
    rows = [row("Walter", "Hollingsworth", suffix="Sr", phone="405-232-9700"), row("Walter", "Hollingsworth")]
    load(settings, database, tmp_path / "a.csv", rows)
    result = linkage.run(settings, database)
    assert (result.duplicates, result.queued) == (0, 1)
    assert linkage.run(settings, database).queued == 1
    (queued,) = ask(database, "select person_id, other_id, cause, value > 0, match_reason from review_queue")
    first, second = sorted(number for (number,) in ask(database, "select id from persons"))
    assert queued[:2] == (first, second)
    assert queued[2] in ("rule", "uncertain")
    assert "same name" in queued[4]

    assert settings.database_url is not None
    monkeypatch.setenv("CM_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("CM_HOME", str(settings.home))
    listed = json.loads(_cm("review", "list", "--json"))
    assert (listed["waiting"], listed["pairs"][0]["other_id"]) == (1, second)
    assert "Walter Hollingsworth" in _cm("review", "list")
    shown = json.loads(_cm("review", "show", str(second), str(first), "--json"))
    assert [person["person_id"] for person in shown["persons"]] == [second, first]
    assert {tuple(person["phones"]) for person in shown["persons"]} == {("+14052329700",), ()}
    assert shown["waiting"]["cause"] == queued[2]
    assert not shown["linked"]

    made = json.loads(_cm("review", "different", str(second), str(first), "--reason", "father and son", "--json"))
    assert (made["decision"], made["person_id"], made["other_id"]) == ("different", first, second)
    assert made["was_one"] is False
    assert ask(database, "select count(*) from review_queue") == [(0,)]
    assert linkage.run(settings, database).queued == 0
    assert "father and son" in _cm("review", "list", "--decisions")
    assert "are different" in _cm("review", "show", str(first), str(second))
    _cm("review", "undo", str(made["id"]))
    assert linkage.run(settings, database).queued == 1


def _cm(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


@pytest.mark.mysql
def test_the_check_sees_a_decision_that_does_not_hold(three: tuple[Settings, Database]) -> None:
    settings, database = three
    (invariant,) = (found for found in INVARIANTS if found.name == "decisions_hold")
    a, b, c = sorted(ids(database).values())
    decide(database, "same", a, b)
    made = decide(database, "different", a, c)
    assert violations(settings, database, invariant) == []  # no run since
    linkage.run(settings, database)
    assert violations(settings, database, invariant) == []
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("update persons set entity_id = %s where id = %s", (a, c))
    assert [row["decision_id"] for row in violations(settings, database, invariant)] == [made.id]
    undo(database, made.id)
    assert violations(settings, database, invariant) == []


@pytest.mark.mysql
def test_linkage_is_held_against_what_people_decided(met: tuple[Settings, Database]) -> None:
    """By what it had said before it was told."""
    settings, database = met
    first = linkage.run(settings, database)
    assert (first.reviewed_pairs, first.reviewed_precision, first.reviewed_recall) == (0, None, None)
    a, b, c = sorted(ids(database).values())
    entity = dict(ask(database, "select id, entity_id from persons"))
    one = {frozenset(pair) for pair in ((a, b), (a, c), (b, c)) if entity[pair[0]] == entity[pair[1]]}
    decide(database, "same", a, b)
    decide(database, "different", b, c)
    told = linkage.run(settings, database)
    linked = [pair for pair in (frozenset((a, b)), frozenset((b, c))) if pair in one]
    right = frozenset((a, b)) in one
    assert told.reviewed_pairs == 2
    assert told.reviewed_precision == (float(right) / len(linked) if linked else None)
    assert told.reviewed_recall == float(right)
    assert linkage.run(settings, database).reviewed_recall == float(right), "not by what it says since"
    decide(database, "golden", c)
    assert decisions.reviewed(database).pairs == 2
