"""Linkage over a real database: households apart, duplicates found, golden and entity ids kept, runs repeatable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cm_core import linkage
from cm_core.errors import LinkageError
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.linkage.people import ask, load, row

_WRITTEN = ("persons", "person_duplicates", "dedup_audit_log", "entity_successors")


def clusters(database: Database) -> set[frozenset[str]]:
    found: dict[int, set[str]] = {}
    for entity, first, last, suffix in ask(
        database, "select entity_id, first_name, last_name, name_suffix from persons"
    ):
        found.setdefault(entity, set()).add(" ".join(filter(None, (first, last, suffix))).upper())
    return {frozenset(names) for names in found.values()}


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {table: sorted(ask(database, f"select * from {table}"), key=repr) for table in _WRITTEN}


def test_a_misspelt_name_at_one_address_is_linked_to_the_newest_record(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    rows = [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth", updated="2025-06-01")]
    load(settings, database, tmp_path / "a.csv", rows)
    result = linkage.run(settings, database)
    assert (result.linked, result.golden) == (1, 1)
    assert ask(
        database,
        "select g.last_name, d.last_name, l.match_tier, l.match_score, l.match_probability > 0.95 "
        "from person_duplicates as l join persons as g on g.id = l.original_id "
        "join persons as d on d.id = l.duplicate_id",
    ) == [("Hollingswroth", "Hollingsworth", 3, 20, 1)]
    assert ask(database, "select action from dedup_audit_log") == [("link",)]
    assert ask(database, "select count(distinct entity_id), sum(is_original) from persons") == [(1, 1)]


def test_households_stay_apart(settings: Settings, database: Database, tmp_path: Path) -> None:
    shared = {"phone": "405-232-9700"}
    rows = [
        row("Gertrude", "Hollingsworth", **shared),
        row("Mark", "Hollingsworth", **shared),
        row("Mary", "Hollingsworth", **shared),
        row("Walter", "Hollingsworth", suffix="Sr", **shared),
        row("Walter", "Hollingsworth", suffix="Jr", **shared),
    ]
    load(settings, database, tmp_path / "a.csv", rows)
    result = linkage.run(settings, database)
    assert result.duplicates == 0
    assert len(clusters(database)) == 5


def test_an_initial_that_fits_two_people_stays_alone(settings: Settings, database: Database, tmp_path: Path) -> None:
    load(settings, database, tmp_path / "a.csv", [row("J", "Quackenbush"), row("James", "Quackenbush"), row("Jane", "Quackenbush")])  # fmt: skip # noqa: E501
    linkage.run(settings, database)
    assert len(clusters(database)) == 3


def test_organisations_are_linked_by_name_and_place(settings: Settings, database: Database, tmp_path: Path) -> None:
    rows = [row("", "", company="Red River Minerals LLC"), row("", "", company="Red River Mineral LLC")]
    load(settings, database, tmp_path / "a.csv", rows)
    assert linkage.run(settings, database).linked == 1


def test_another_run_changes_nothing(settings: Settings, database: Database, tmp_path: Path) -> None:
    rows = [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth"), row("Otto", "Vandermeer")]
    load(settings, database, tmp_path / "a.csv", rows)
    linkage.run(settings, database)
    before = content(database)
    again = linkage.run(settings, database)
    assert (again.linked, again.unlinked, again.rescored, again.persons_changed) == (0, 0, 0, 0)
    assert content(database) == before


def test_stages_one_by_one_give_what_a_run_gives(make_settings: Any, make_database: Any, tmp_path: Path) -> None:
    rows = [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth"), row("Otto", "Vandermeer")]
    outcomes = []
    for name in ("whole", "stages"):
        database = make_database()
        settings = make_settings(database=database)
        load(settings, database, tmp_path / f"{name}.csv", rows)
        if name == "whole":
            linkage.run(settings, database, job_id="job")
        else:
            linkage.train_or_load_model(settings, database)
            linkage.find_pairs(settings, database)
            linkage.write_duplicates(settings, database, job_id="job")
        outcomes.append(ask(database, "select original_id, duplicate_id, match_score, match_tier, match_reason, match_probability, job_id from person_duplicates"))  # fmt: skip # noqa: E501
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]


def test_an_entity_keeps_its_id_when_a_newer_record_becomes_golden(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth")])
    linkage.run(settings, database)
    (entity,) = ask(database, "select entity_id from persons")[0]
    load(settings, database, tmp_path / "b.csv", [row("Gertrude", "Hollingswroth", updated="2026-01-01")], day=2)
    linkage.run(settings, database)
    assert ask(database, "select distinct entity_id from persons") == [(entity,)]
    assert ask(database, "select last_name from persons where is_original") == [("Hollingswroth",)]
    assert ask(database, "select successor_id from entity_successors") == [(entity,)]


def test_a_split_entity_keeps_its_id_and_a_retired_one_never_returns(
    settings: Settings, database: Database, make_settings: Any, tmp_path: Path
) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth")])
    linkage.run(settings, database)
    (kept,) = ask(database, "select distinct entity_id from persons")[0]
    (retired,) = ask(database, "select entity_id from entity_successors")[0]

    strict = settings.model_copy(update={"match_threshold": 0.9999999999})
    result = linkage.run(strict, database)
    assert result.unlinked == 1
    ids = {entity for (entity,) in ask(database, "select entity_id from persons")}
    assert len(ids) == 2
    assert kept in ids
    assert retired not in ids
    assert ask(database, "select action from dedup_audit_log order by id") == [("link",), ("unlink",)]


def test_merged_fields_name_what_the_golden_record_lacks(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    rows = [
        row("Gertrude", "Hollingswroth", born="1950-02-03", email="g@example.org"),
        row("Gertrude", "Hollingsworth", updated="2025-09-01"),
    ]
    load(settings, database, tmp_path / "a.csv", rows)
    linkage.run(settings, database)
    (text,) = ask(database, "select merged_fields from dedup_audit_log where action = 'link'")[0]
    assert '"date_of_birth"' in text
    assert "g@example.org" in text


def test_a_manually_verified_record_is_golden(settings: Settings, database: Database, tmp_path: Path) -> None:
    rows = [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth", updated="2025-06-01")]
    load(settings, database, tmp_path / "a.csv", rows)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("update persons set is_manually_verified = 1 where last_name = 'Hollingsworth'")
        connection.commit()
    linkage.run(settings, database)
    assert ask(database, "select last_name from persons where is_original") == [("Hollingsworth",)]


def test_too_many_pairs_are_refused_before_scoring(settings: Settings, database: Database, tmp_path: Path) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth")])
    with pytest.raises(LinkageError, match="CM_MAX_PAIRS"):
        linkage.run(settings.model_copy(update={"max_pairs": 0}), database)
    assert ask(database, "select count(*) from person_duplicates") == [(0,)]


def test_an_empty_database_is_no_error(settings: Settings, database: Database) -> None:
    result = linkage.run(settings, database)
    assert (result.clusters, result.duplicates) == (0, 0)


def test_writing_without_pairs_says_what_to_do(settings: Settings, database: Database) -> None:
    with pytest.raises(LinkageError, match="cm dedupe"):
        linkage.write_duplicates(settings, database)
