"""Linkage over a real database: households apart, duplicates found, golden and entity ids kept, runs repeatable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cm_core import linkage
from cm_core.errors import LinkageError
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.linkage.people import ask, load, row

_WRITTEN = ("persons", "person_duplicates", "dedup_audit_log", "entity_successors")


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {table: sorted(ask(database, f"select * from {table}"), key=repr) for table in _WRITTEN}


def at(number: int) -> tuple[str, str, str, str]:
    """A place that no other family of FAMILIES lives at."""
    return (f"{number} Oak St", "Tulsa", "OK", f"{74100 + number}")


#: A given name and two people of it at lines that are no one place: remarks, whole towns, parts of a house or building.
NO_PLACES = (
    ("Rosalind", ("Abercrombie", "RETURN TO SENDER"), ("Zielinski", "Return to Sender")),
    ("Cornelius", ("Blankenship", "General Delivery"), ("Yarborough", "GENERAL DELIVERY")),
    ("Lorraine", ("Culpepper", "RR 1"), ("Xanthakis", "RR 1")),
    ("Thaddeus", ("Delacroix", "Main St"), ("Wojciechowski", "Main Street")),
    ("Beatrice", ("Ingersoll", "0 Oak St"), ("Rutherford", "0 Oak Street")),
    ("Clarence", ("Eisenhower", "Hwy 66"), ("Vanlandingham", "Highway 66")),
    ("Reginald", ("Fitzsimmons", "500 Elm St Upper"), ("Underhill", "500 Elm St Lower")),
    (
        "Josephine",
        ("Galbraith", "50 Bay Blvd, North Tower, Apt 1201"),
        ("Tewksbury", "50 Bay Blvd, South Tower, Apt 1201"),
    ),
    ("Marguerite", ("Humperdinck", "RR 2 Box 5 Lot 1"), ("Schimmelpfennig", "RR 2 Box 5 Lot 9")),
)


#: Families that have nothing in common: one import and one dedupe do for all tests that only look at one of them.
FAMILIES = {
    "misspelt": (row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth", updated="2025-06-01")),
    "household": (
        row("Gertrude", "Throckmorton", phone="405-232-9700", place=at(1)),
        row("Mark", "Throckmorton", phone="405-232-9700", place=at(1)),
        row("Mary", "Throckmorton", phone="405-232-9700", place=at(1)),
        row("Walter", "Throckmorton", suffix="Sr", phone="405-232-9700", place=at(1)),
        row("Walter", "Throckmorton", suffix="Jr", phone="405-232-9700", place=at(1)),
    ),
    "initial": tuple(row(name, "Quackenbush", place=at(2)) for name in ("J", "James", "Jane")),
    "firms": (
        row("", "", company="Red River Minerals LLC", place=at(3)),
        row("", "", company="Red River Mineral LLC", place=at(3)),
    ),
    "lacking": (
        row("Henrietta", "Featherstone", born="1950-02-03", email="h@example.org", place=at(4)),
        row("Henrietta", "Featherstnoe", updated="2025-09-01", place=at(4)),
    ),
    "alone": (row("Otto", "Vandermeer", place=at(5)),),
    "no places": tuple(
        row(first, last, place=(line, *at(6)[1:])) for first, *people in NO_PLACES for last, line in people
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Deduped:
    """The base of FAMILIES after a dedupe, and what it said; persons of each family, in the order of its rows."""

    settings: Settings
    database: Database
    of: dict[str, list[int]]
    result: linkage.DedupeResult

    def about(self, statement: str, family: str) -> list[tuple[Any, ...]]:
        """What a statement says of a family: `{family}` stands for its persons."""
        return ask(self.database, statement.format(family=f"({', '.join(map(str, self.of[family]))})"))


@pytest.fixture(scope="module")
def deduped(_mariadb_databases: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deduped]:
    database = _mariadb_databases.make()
    settings = Settings(
        home=tmp_path_factory.mktemp("deduped"), database_url=SecretStr(database.url_text(hide_password=False))
    )
    rows = [found for family in FAMILIES.values() for found in family]
    load(settings, database, settings.home_dir / "a.csv", rows)
    left = (number for (number,) in ask(database, "select id from persons order by id"))
    of = {name: list(islice(left, len(family))) for name, family in FAMILIES.items()}
    assert next(left, None) is None
    yield Deduped(settings, database, of, linkage.run(settings, database))
    _mariadb_databases.drop(database)


def test_a_misspelt_name_at_one_address_is_linked_to_the_newest_record(deduped: Deduped) -> None:
    assert deduped.about(
        "select g.last_name, d.last_name, l.match_tier, l.match_score, l.match_probability > 0.95 "
        "from person_duplicates as l join persons as g on g.id = l.original_id "
        "join persons as d on d.id = l.duplicate_id where l.original_id in {family} or l.duplicate_id in {family}",
        "misspelt",
    ) == [("Hollingswroth", "Hollingsworth", 3, 20, 1)]
    people = "select count(distinct entity_id), sum(is_original) from persons where id in {family}"
    assert deduped.about(people, "misspelt") == [(1, 1)]


def test_what_a_run_says_is_what_it_wrote(deduped: Deduped) -> None:
    """The misspelt, the firms, and those who lack something."""
    assert (deduped.result.linked, deduped.result.golden) == (3, 3)
    assert ask(deduped.database, "select count(*), count(distinct original_id) from person_duplicates") == [(3, 3)]
    assert ask(deduped.database, "select action from dedup_audit_log") == [("link",)] * 3


@pytest.mark.parametrize("family", ["household", "initial", "no places"])
def test_two_people_stay_apart(deduped: Deduped, family: str) -> None:
    """A household, though it shares a phone; an initial that fits two people; and a given name in one town."""
    people = "select count(distinct entity_id) from persons where id in {family}"
    assert deduped.about(people, family) == [(len(FAMILIES[family]),)]
    linked = "select 1 from person_duplicates where original_id in {family} or duplicate_id in {family}"
    assert deduped.about(linked, family) == []


def test_organisations_are_linked_by_name_and_place(deduped: Deduped) -> None:
    assert deduped.about("select count(distinct entity_id) from persons where id in {family}", "firms") == [(1,)]


def test_merged_fields_name_what_the_golden_record_lacks(deduped: Deduped) -> None:
    statement = "select merged_fields from dedup_audit_log where action = 'link' and original_person_id in {family}"
    [(text,)] = deduped.about(statement, "lacking")
    assert '"date_of_birth"' in text
    assert "h@example.org" in text


def test_another_run_changes_nothing(deduped: Deduped) -> None:
    before = content(deduped.database)
    again = linkage.run(deduped.settings, deduped.database)
    assert (again.linked, again.unlinked, again.rescored, again.persons_changed) == (0, 0, 0, 0)
    assert content(deduped.database) == before


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
