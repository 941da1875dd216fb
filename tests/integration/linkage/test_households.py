"""Families and couples stay apart as people and are linked as households."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cm_core import linkage
from cm_core.linkage import households
from cm_core.linkage.decisions import decide
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import import_file
from tests.integration.linkage.people import ask, load, row

_ELSEWHERE = ("PO Box 12", "Norman", "OK", "73070")
_FAR = ("77 Elm Ave", "Tulsa", "OK", "74103")


def found(database: Database) -> dict[str, set[tuple[str, str]]]:
    """Members of each household, with the reason, by the first name of its lowest entity."""
    rows = ask(
        database,
        "select g.first_name, p.first_name, h.reason from households as h "
        "join persons as p on p.entity_id = h.entity_id and p.is_original = 1 "
        "join persons as g on g.entity_id = h.household_id and g.is_original = 1",
    )
    return {first: {(name, reason) for other, name, reason in rows if other == first} for first, *_ in rows}


@pytest.mark.mysql
def test_who_lives_together_is_linked_and_who_does_not_is_not(
    any_database: Database, make_settings: Any, tmp_path: Path
) -> None:
    settings = make_settings(database=any_database)
    people = [
        row("Walter", "Hollingsworth", phone="405-232-9700"),
        row("Harriet", "Hollingsworth", born="1950-02-03"),
        row("Otto", "Hollingsworth", place=_FAR, phone="405-232-9700"),  # moved out, still on the phone
        row("Gertrude", "Vandermeer", phone="405-232-9700"),  # the same place and phone
        row("Leonard", "Hollingsworth", place=_ELSEWHERE),  # a namesake elsewhere
        row("Phyllis", "Abernathy"),  # the address alone
    ]
    load(settings, any_database, tmp_path / "a.csv", people)
    result = linkage.run(settings, any_database)
    assert (result.duplicates, result.households) == (0, 1)
    assert found(any_database) == {
        "Walter": {
            ("Walter", "address and surname"),
            ("Harriet", "address and surname"),
            ("Otto", "phone and surname"),
            ("Gertrude", "address and phone"),
        }
    }
    before = ask(any_database, "select * from households order by entity_id")
    linkage.run(settings, any_database)
    assert ask(any_database, "select * from households order by entity_id") == before

    load(settings, any_database, tmp_path / "b.csv", [row("Phyllis", "Abernathy", phone="405-232-9700")], day=2)
    linkage.run(settings, any_database)
    (members,) = found(any_database).values()
    assert ("Phyllis", "address and phone") in members
    assert len(members) == 5


def test_joint_owners_are_a_household_wherever_they_are(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "owners.csv"
    path.write_text("Owner Name,Address,City,State,Zip\nSMITH JOHN & MARY,1 Main St,Norman,OK,73069\n")
    import_file(settings, database, path)
    assert linkage.run(settings, database).households == 1
    assert found(database) == {"JOHN": {("JOHN", "joint owners"), ("MARY", "joint owners")}}


def test_what_too_many_share_makes_no_household(settings: Settings, database: Database, tmp_path: Path) -> None:
    given = ("Walter", "Harriet", "Douglas", "Phyllis", "Leonard", "Geneva", "Chester", "Lucille", "Vernon", "Thelma")
    assert len(given) > households.MOST
    load(settings, database, tmp_path / "a.csv", [row(name, "Hollingsworth") for name in given])
    assert linkage.run(settings, database).households == 0
    assert ask(database, "select count(*) from households") == [(0,)]


def test_a_household_ends_when_its_people_turn_out_to_be_one(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Walter", "Hollingsworth"), row("Harriet", "Hollingsworth")])
    assert linkage.run(settings, database).households == 1
    first, second = (number for (number,) in ask(database, "select id from persons order by id"))
    decide(database, "same", first, second)
    assert linkage.run(settings, database).households == 0
    assert ask(database, "select count(*) from households") == [(0,)]
