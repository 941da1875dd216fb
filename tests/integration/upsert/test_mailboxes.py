"""Whose an e-mail address is: one person's, whatever is mistyped, or a couple's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rows import Row, import_file, query, write_file

from cm_core import linkage
from cm_core.store import Database

BOX = "hollingsworth@example.org"


def people(database: Database) -> list[tuple[Any, ...]]:
    return query(database, "select first_name, count(*) from persons group by first_name order by 1")


def bring(settings: Any, database: Database, folder: Path, *given: tuple[str, ...]) -> None:
    """One list a tuple of given names, of one surname and mailbox; each later than the one before."""
    for day, names in enumerate(given, start=1):
        rows = [Row(first=first, last="Hollingsworth", email=BOX, updated=f"2025-03-0{day}") for first in names]
        import_file(settings, database, write_file(folder / f"{day}.csv", rows, day=day))


@pytest.mark.mysql
@pytest.mark.parametrize("lists", [(("John", "Mary"),), (("John",), ("Mary",)), (("Mary",), ("John",), ("Jon",))])
def test_a_couple_with_one_mailbox_is_two(
    lists: tuple[tuple[str, ...], ...], any_database: Database, make_settings: Any, tmp_path: Path
) -> None:
    settings = make_settings(database=any_database)
    bring(settings, any_database, tmp_path, *lists)
    linkage.run(settings, any_database)
    names = {first for (first,) in query(any_database, "select first_name from persons where is_original = 1")}
    assert len(names) == 2
    assert {"Mary"} < names
    assert query(any_database, "select count(distinct entity_id) from persons") == [(2,)]


@pytest.mark.parametrize(
    ("first", "later"), [("Harriet", "Hariet"), ("Harriet", "H"), ("Robert", "Bob"), ("Harriet", "")]
)
def test_a_slip_an_initial_and_a_nickname_are_the_one_person_there(
    first: str, later: str, database: Database, make_settings: Any, tmp_path: Path
) -> None:
    settings = make_settings(database=database)
    bring(settings, database, tmp_path, (first,), (later,))
    assert query(database, "select count(*) from persons") == [(1,)]
    operations = query(database, "select operation from person_sources order by import_id, `row_number`")
    assert operations[0] == ("inserted",)


def test_a_slip_where_there_are_two_is_found_out_by_linkage(
    database: Database, make_settings: Any, tmp_path: Path
) -> None:
    settings = make_settings(database=database)
    bring(settings, database, tmp_path, ("Harriet", "Leonard"), ("Hariet",))
    assert people(database) == [("Hariet", 1), ("Harriet", 1), ("Leonard", 1)]
    linkage.run(settings, database)
    joined = query(
        database,
        "select p.first_name from person_duplicates as d join persons as p on p.id in (d.original_id, d.duplicate_id)",
    )
    assert sorted(joined) == [("Hariet",), ("Harriet",)]


def test_the_literal_rule_makes_all_people_at_an_address_one(
    database: Database, make_settings: Any, tmp_path: Path
) -> None:
    settings = make_settings(database=database, email_needs_first_name=False)
    bring(settings, database, tmp_path, ("John",), ("Mary",))
    assert query(database, "select count(*) from persons") == [(1,)]
    linkage.run(settings, database)
    assert query(database, "select count(*) from persons") == [(1,)]
