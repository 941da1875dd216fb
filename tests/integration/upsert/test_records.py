"""A record of the CRM is its person whatever is edited there, until its name says that somebody else has it now."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from rows import golden, import_file, query

from cm_core import linkage
from cm_core.settings import Settings
from cm_core.store import Database

Crm = Callable[..., None]
_EDITS = (
    {"id": 7, "name": "Harriet Hollingsworth", "phone": "405-232-9700", "update_time": "2026-03-01T10:00:00Z"},
    {"id": 7, "name": "Harriet Hollingsworth", "phone": "580-467-2744", "update_time": "2026-03-02T10:00:00Z"},
    {"id": 7, "name": "Hariet Holingsworth", "email": "h@example.org", "update_time": "2026-03-03T10:00:00Z"},
)


def write(folder: Path, name: str, *people: dict[str, Any]) -> Path:
    """A file as the pull of the CRM lets it land."""
    lines = []
    for person in people:
        record = {key: person[key] for key in ("id", "name", "update_time")}
        record["phones"] = [{"value": person["phone"], "primary": True, "label": "work"}] if "phone" in person else []
        record["emails"] = [{"value": person["email"], "primary": True, "label": "work"}] if "email" in person else []
        lines.append(json.dumps(record) + "\n")
    path = folder / f"pipedrive_persons_{name}.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def people(database: Database) -> list[tuple[Any, ...]]:
    return query(
        database,
        "select max(p.first_name), max(p.last_name), group_concat(distinct c.phone_e164 order by 1), "
        "group_concat(distinct e.email_key), group_concat(distinct concat(i.id_type, ' ', i.id_value)) "
        "from persons as p left join phone_numbers as c on c.person_id = p.id "
        "left join email_addresses as e on e.person_id = p.id "
        "left join person_identifiers as i on i.person_id = p.id group by p.id order by p.id",
    )


@pytest.mark.mysql
@pytest.mark.parametrize("bulk_rows", [0, 20_000])
def test_what_is_edited_there_stays_one_person(
    bulk_rows: int, any_database: Database, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = make_settings(database=any_database, bulk_rows=bulk_rows)
    for number, edit in enumerate(_EDITS):
        import_file(settings, any_database, write(tmp_path, str(number), edit))
    assert people(any_database) == [
        ("Hariet", "Holingsworth", "+14052329700,+15804672744", "h@example.org", "record:pipedrive_person 7")
    ]
    found = query(any_database, "select match_key, operation from person_sources order by import_id")
    assert found == [("new", "inserted"), ("record", "updated"), ("record", "updated")]
    if not bulk_rows:  # that of the other way is looked at below, in each order
        linkage.run(settings, any_database)
        assert len(golden(any_database)) == 1


@pytest.mark.parametrize(
    "orders", [[(0, 1, 2), (2, 0, 1)], pytest.param(list(permutations(range(3))), marks=pytest.mark.soak)]
)
def test_the_order_of_its_edits_makes_no_difference(
    make_database: Callable[..., Database],
    make_settings: Callable[..., Settings],
    tmp_path: Path,
    orders: list[tuple[int, ...]],
) -> None:
    paths = [write(tmp_path, str(number), edit) for number, edit in enumerate(_EDITS)]
    outcomes = []
    for order in orders:
        database = make_database()
        settings = make_settings(database=database)
        for number in order:
            import_file(settings, database, paths[number])
        linkage.run(settings, database)
        outcomes.append(golden(database))
        assert len(outcomes[-1]) == 1
    assert outcomes == outcomes[:1] * len(orders)


def test_a_record_that_was_given_to_somebody_else_is_two_people(
    database: Database, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = make_settings(database=database)
    given = {"id": 7, "name": "Leonard Abernathy", "phone": "918-584-2050", "update_time": "2026-03-04T10:00:00Z"}
    import_file(settings, database, write(tmp_path, "before", _EDITS[0]))
    import_file(settings, database, write(tmp_path, "after", given))
    assert [row[:3] for row in people(database)] == [
        ("Harriet", "Hollingsworth", "+14052329700"), ("Leonard", "Abernathy", "+19185842050"),
    ]  # fmt: skip
    linkage.run(settings, database)
    assert len(golden(database)) == 2


def test_the_record_goes_before_the_e_mail_address_and_the_phone(
    database: Database, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    """Two records of one household; the address of one is typed into the other."""
    settings = make_settings(database=database)
    ann = {"id": 1, "name": "Ann Hollingsworth", "email": "ann@example.org", "update_time": "2026-03-01T10:00:00Z"}
    other = {"id": 2, "name": "A Hollingsworth", "email": "h@example.org", "update_time": "2026-03-01T10:00:00Z"}
    import_file(settings, database, write(tmp_path, "both", ann, other))
    moved = {**other, "email": "ann@example.org", "update_time": "2026-03-02T10:00:00Z"}
    import_file(settings, database, write(tmp_path, "moved", moved))
    (row,) = query(database, "select person_id, match_key from person_sources order by import_id desc limit 1")
    assert row == (query(database, "select id from persons where first_name = 'A'")[0][0], "record")
    assert len(query(database, "select 1 from persons")) == 2
