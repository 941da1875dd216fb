"""`cm lineage`: a person's imports in the seed's form (E4), fields and reasons as the rows say, errors in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cm_core import linkage
from cm_core.cli import people
from cm_core.errors import PersonError
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.linkage.people import ask, load, row

_ELSEWHERE = ("77 Elm St", "Norman", "OK", "73069")


def of(settings: Settings, database: Database, person: int) -> dict[str, Any]:
    return linkage.lineage(settings, database, person).as_json()


def person_of(database: Database, import_id: str, number: int = 1) -> int:
    (found,) = ask(
        database, f"select person_id from person_sources where import_id = '{import_id}' and `row_number` = {number}"
    )
    return int(found[0])


def test_a_single_record_has_one_import_with_its_fields(settings: Settings, database: Database, tmp_path: Path) -> None:
    rows = [
        row("Otto", "Vandermeer", place=_ELSEWHERE),
        row("Gertrude", "Hollingsworth", suffix="Sr", phone="405-232-9700", email="G@Example.org", born="1950-02-03"),
    ]
    brought = load(settings, database, tmp_path / "owners.csv", rows)
    person = person_of(database, brought, 2)
    found = of(settings, database, person)
    (step,) = found["lineage"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", step.pop("imported_at"))
    assert step == {
        "import_id": brought,
        "source_file": "owners.csv",
        "fields_imported": ["first_name", "last_name", "name_suffix", "date_of_birth", "phone", "email", "address"],
        "rows": [2],
    }
    del found["lineage"]
    assert found == {
        "person_id": person,
        "entity_id": person,
        "golden_person_id": person,
        "merged_from": [],
        "current_status": "single_record",
    }


def test_later_imports_say_what_they_updated_and_what_they_met_the_person_by(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    mail, line = "g@example.org", "405-232-9700"
    imports = [
        load(settings, database, tmp_path / "one.csv", [row("Gertrude", "Hollingsworth", email=mail)]),
        load(
            settings,
            database,
            tmp_path / "two.csv",
            [row("Gertrude", "Hollingsworth", email=mail, phone=line, place=_ELSEWHERE, updated="2024-01-01")],
        ),
        load(
            settings,
            database,
            tmp_path / "three.csv",
            [row("Gertrude", "Hollings", phone=line, place=("",) * 4, born="1950-02-03", updated="2026-01-01")],
        ),
        load(settings, database, tmp_path / "four.csv", [row("Gertrude", "Hollingsworth", updated="2023-01-01")]),
    ]
    person = person_of(database, imports[0])
    assert ask(database, "select count(*) from persons") == [(1,)]
    steps = of(settings, database, person)["lineage"]
    assert [step["import_id"] for step in steps] == imports
    assert [step["source_file"] for step in steps] == ["one.csv", "two.csv", "three.csv", "four.csv"]
    assert [step.get("merge_reason") for step in steps] == [None, "email_match", "phone_match", "name_zip_match"]
    assert steps[0]["fields_imported"] == ["first_name", "last_name", "email", "address"]
    # Older than the first, so the name stays; a new phone and a new address come in.
    assert steps[1]["fields_updated"] == ["phone", "address"]
    # The newest: another surname, the birthday, and the phone confirmed.
    assert steps[2]["fields_updated"] == ["first_name", "last_name", "date_of_birth", "phone"]
    # The oldest, and nothing in it is new.
    assert steps[3]["fields_updated"] == []
    assert all("fields_imported" not in step for step in steps[1:])
    times = [step["imported_at"] for step in steps]
    assert times == sorted(times)


def test_contact_points_agree_with_first_and_last_import(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    mail = "g@example.org"
    for day, (name, phone, updated) in enumerate(
        [("a", "405-232-9700", "2025-01-01"), ("b", "405-232-9701", "2024-01-01"), ("c", "405-232-9700", "2026-01-01")]
    ):
        rows = [row("Gertrude", "Hollingsworth", email=mail, phone=phone, updated=updated)]
        load(settings, database, tmp_path / f"{name}.csv", rows, day=day + 1)
    ((person,),) = ask(database, "select id from persons")
    steps = of(settings, database, person)["lineage"]
    for table, field in (("phone_numbers", "phone"), ("email_addresses", "email"), ("addresses", "address")):
        by_tables = {found for pair in ask(database, f"select first_import_id, last_import_id from {table}") for found in pair}  # fmt: skip # noqa: E501
        by_rows = {s["import_id"] for s in steps if field in s.get("fields_imported", s.get("fields_updated", ()))}
        assert by_rows == by_tables, table


def test_golden_record_and_duplicate_name_each_other(settings: Settings, database: Database, tmp_path: Path) -> None:
    rows = [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth", updated="2025-06-01")]
    brought = load(settings, database, tmp_path / "a.csv", rows)
    linkage.run(settings, database)
    duplicate, golden = person_of(database, brought, 1), person_of(database, brought, 2)
    of_golden, of_duplicate = of(settings, database, golden), of(settings, database, duplicate)
    assert (of_golden["current_status"], of_golden["merged_from"]) == ("golden_record", [duplicate])
    assert (of_duplicate["current_status"], of_duplicate["merged_from"]) == ("duplicate", [])
    assert of_duplicate["golden_person_id"] == golden
    assert of_duplicate["entity_id"] == of_golden["entity_id"]
    assert of_duplicate["lineage"][0]["rows"] == [1]


def test_an_organisation_has_its_name_and_identifiers(settings: Settings, database: Database, tmp_path: Path) -> None:
    brought = load(settings, database, tmp_path / "a.csv", [row("", "", company="Red River Minerals LLC")])
    (step,) = of(settings, database, person_of(database, brought))["lineage"]
    assert step["fields_imported"] == ["organization_name", "address"]


def test_an_unknown_and_a_retired_id_are_named(settings: Settings, database: Database, tmp_path: Path) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth")])
    linkage.run(settings, database)
    # Apart and together again: the part that was split off had a fresh entity id, which no person ever had.
    linkage.run(settings.model_copy(update={"match_threshold": 0.9999999999}), database)
    (fresh,) = set(ask(database, "select entity_id from persons")) - set(ask(database, "select id from persons"))
    with pytest.raises(PersonError, match=rf"no person {fresh[0]}; it is the id of an entity: its golden record is"):
        linkage.lineage(settings, database, fresh[0])
    linkage.run(settings, database)
    ((entity, golden),) = ask(database, "select entity_id, id from persons where is_original = 1")
    with pytest.raises(PersonError) as raised:
        linkage.lineage(settings, database, fresh[0])
    assert str(raised.value) == (
        f"There is no person {fresh[0]}; it is a retired entity id, now entity {entity}: its golden record is "
        f"person {golden}."
    )
    with pytest.raises(PersonError, match=r"^There is no person 999\.$"):
        linkage.lineage(settings, database, 999)


def test_what_people_are_shown(
    settings: Settings, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brought = load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth")])
    people.lineage(settings, database, person_of(database, brought), as_json=False)
    shown = capsys.readouterr().out
    assert "Gertrude Hollingsworth" in shown
    assert "single record" in shown
    assert brought in shown
    assert "first_name, last_name, address" in shown
