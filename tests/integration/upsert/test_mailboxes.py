"""Whose an e-mail address is: one person's, whatever is mistyped, or a couple's; and whose a row without a name is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rows import PLACES, Row, import_file, query, write_file

from cm_core import linkage
from cm_core.settings import Settings
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


def phone(number: int) -> str:
    return f"918-584-{number:04}"


#: By surname, which nobody else has: two who are known, what a later list has without a name, and who is whom then.
#: Whose an initial is, the model says.
BORROWERS: dict[str, tuple[list[Row], list[Row], list[set[int]]]] = {
    "Abernathy": (
        [Row("John", phone=phone(201)), Row("Mary", phone=phone(202))],
        [Row(phone=phone(201), phone2=phone(202))],
        [{0}, {1}, {2}],
    ),
    "Barajas": (
        [Row("John", phone=phone(211)), Row("Mary", phone=phone(212))],
        [Row("", "Barajas", phone=phone(211), phone2=phone(212))],
        [{0}, {1}, {2}],
    ),
    "Crutchfield": (
        [Row("John", email="jc@example.org"), Row("Mary", email="mc@example.org")],
        [Row(email="jc@example.org", email2="mc@example.org")],
        [{0}, {1}, {2}],
    ),
    "Dillingham": (
        [Row("John", email="jd@example.org"), Row("Jane", email="kd@example.org")],
        [Row("J", "Dillingham", email="jd@example.org", email2="kd@example.org")],
        [{0}, {1}],
    ),
    "Eisenhauer": (
        [Row(company="Eisenhauer Family Trust", phone=phone(241)), Row("Mary", phone=phone(242))],
        [Row(phone=phone(241), phone2=phone(242))],
        [{0}, {1}, {2}],
    ),
    "Fitzgerald": (
        [Row("John", email="jf@example.org", phone=phone(251)), Row("Mary", email="mf@example.org", phone=phone(252))],
        [Row(email="jf@example.org", phone=phone(252)), Row(email="mf@example.org", phone=phone(252))],
        [{0, 2}, {1, 3}],
    ),
    "Grunewald": (
        [Row("John", phone=phone(261)), Row("Mary", phone=phone(262))],
        [Row(phone=phone(261), phone2=phone(263)), Row(phone=phone(263), phone2=phone(262))],
        [{0, 2}, {1, 3}],
    ),
    "Hockenbury": (
        [Row("John", phone=phone(271)), Row("John", phone=phone(272), email="jh@example.org")],
        [Row(phone=phone(271), phone2=phone(272), email="jh@example.org")],
        [{0, 1, 2}],
    ),
    "Innsbruck": (
        [Row("John", suffix="Jr", phone=phone(281)), Row("John", suffix="Sr", phone=phone(282))],
        [Row(phone=phone(281), phone2=phone(282))],
        [{0}, {1}, {2}],
    ),
    "Jankowski": (
        [
            Row("Jose", place=(f"{number} Oak St", *PLACES[0][1:]), born=born)
            for number, born in enumerate(("1940-01-05", "1955-04-09", "1970-07-13"), 1)
        ],
        [Row("Jose", "Jankowski", place=("4 Oak St", *PLACES[0][1:]), born="1985-10-17")],
        [{0}, {1}, {2}, {3}],
    ),
    "Kirkpatrick": (
        [Row("John", phone=phone(301), place=PLACES[0], born="1950-02-03"), Row("John", phone=phone(301))],
        [Row("John", "Kirkpatrick", phone=phone(301), place=PLACES[0], born="1981-11-30")],
        [{0}, {2}],
    ),
    "Lindqvist": (
        [Row("John", phone=phone(311), place=PLACES[0], born="1950-02-03"), Row("John", phone=phone(311))],
        [Row("John", "Lindqvist", place=PLACES[0], born="1950-02-13")],
        [{0, 1, 2}],
    ),
    "Montgomery": (
        [Row("Walter", phone=phone(321), born="1938-09-30"), Row("Walter", phone=phone(322))],
        [Row(phone=phone(321), born="1958-06-29"), Row(phone=phone(322), born="1958-06-29")],
        [{0}, {1, 3}, {2}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("known_first", [True, False])
def test_who_has_no_name_does_not_make_two_people_one(
    settings: Settings, database: Database, tmp_path: Path, known_first: bool
) -> None:
    """Their contacts say who they are as far as they say the same; an e-mail address before a phone."""
    known = [replace(row, last="" if row.company else name) for name, (rows, _, _) in BORROWERS.items() for row in rows]
    later = [row for _, rows, _ in BORROWERS.values() for row in rows]
    lists = [known, later] if known_first else [later, known]
    for day, rows in enumerate(lists, start=1):
        import_file(settings, database, write_file(tmp_path / f"{day}.csv", rows, day=day))
    for full in (False, False, True):
        linkage.run(settings, database, full=full)
        found = query(
            database,
            "select s.import_id, s.`row_number`, p.entity_id from person_sources as s "
            "join persons as p on p.id = s.person_id order by s.import_id, s.`row_number`",
        )
        entities = [entity for *_, entity in found]
        of_known, of_later = entities[: len(lists[0])], entities[len(lists[0]) :]
        if not known_first:
            of_known, of_later = of_later, of_known
        for name, (rows, more, expected) in BORROWERS.items():
            theirs = [*(of_known.pop(0) for _ in rows), *(of_later.pop(0) for _ in more)]
            for group in expected:
                assert {at for at in set().union(*expected) if theirs[at] == theirs[min(group)]} == group, name
