"""Real files through the whole import: nothing is lost, nobody is invented, phones are E.164."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import phonenumbers
import pytest

from cm_core.imports import pipeline
from cm_core.imports.records import ImportRecord
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import (
    SHARED_DATA,
    assert_conserved,
    checksum,
    column,
    counts,
    error_report,
    import_file,
    query,
    run,
    unchanged,
)

pytestmark = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"no shared data in {SHARED_DATA}; set CM_SHARED_DATA")


def _valid_numbers(texts: set[str]) -> set[str]:
    """What Google's library, asked directly, says of phone texts."""
    found = set()
    for text in texts:
        try:
            number = phonenumbers.parse(text, "US")
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            found.add(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return found


def _cells(path: Path, position: int, *, delimiter: str = ",", skip: int = 0) -> set[str]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines, delimiter=delimiter))[skip:]
    return {row[position] for row in rows if len(row) > position and row[position].strip()}


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[A-Z]+", text.upper()) if len(word) > 1]


def _numbers(database: Database) -> set[str]:
    return set(column(database, "select distinct phone_e164 from phone_numbers where phone_e164 is not null"))


def _import(settings: Settings, database: Database, name: str) -> ImportRecord:
    record = import_file(settings, database, SHARED_DATA / name)
    assert_conserved(settings, database, record)
    assert column(database, "select count(*) from persons where id not in (select person_id from person_sources)") == [
        0
    ]
    return record


def test_the_operators_of_oklahoma(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = SHARED_DATA / "ok_operators.csv"
    record = _import(settings, database, "ok_operators.csv")
    assert record.row_count == 13_083

    assert _valid_numbers(_cells(path, 7, skip=1)) <= _numbers(database)
    kinds = dict(query(database, "select entity_type, count(*) from persons group by entity_type"))
    assert kinds["organization"] > 5_000
    (owner,) = column(
        database,
        "select p.entity_type from persons as p join person_sources as s on s.person_id = p.id "
        "where s.`row_number` = 1 and s.role = 'owner'",
    )
    assert owner == "organization"
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    of_two = set(column(database, "select `row_number` from person_sources group by `row_number` having count(*) > 1"))
    reported = {
        int(row["row_number"]) for row in error_report(settings, record.import_id) if row["field_name"] == "name"
    }
    lost = [
        row
        for number, row in enumerate(rows, start=1)
        if row["Contact Name"].strip()
        and number not in of_two | reported
        # The contact may be the owner again, written another way.
        and not set(_words(row["Contact Name"])) & set(_words(row["Operator Name"]))
    ]
    assert not lost
    names = {
        (first or "").upper()
        for (first,) in query(
            database,
            "select p.first_name from persons as p join person_sources as s on s.person_id = p.id "
            "where s.`row_number` in (1, 2) and p.entity_type = 'person'",
        )
    }
    assert {"APRIL", "JAMES"} <= names

    renamed = tmp_path / "operators, second delivery.csv"
    renamed.write_bytes(path.read_bytes())
    with unchanged(database):
        for again in (path, renamed):
            copy = import_file(settings, database, again)
            assert (copy.status, copy.duplicate_of) == ("DUPLICATE", record.import_id)
            assert copy.import_id != record.import_id


def test_the_voters_of_ohio_need_no_flag(settings: Settings, database: Database) -> None:
    record = _import(settings, database, "voter_oh.csv")
    assert (record.feed, record.row_count) == ("contacts", 100)
    assert column(
        database, "select count(distinct id_value) from person_identifiers where id_type = 'sos_voterid'"
    ) == [100]
    assert dict(query(database, "select address_type, count(*) > 30 from addresses group by 1"))["residential"] == 1
    (born,) = column(
        database,
        "select p.date_of_birth from persons as p join person_sources as s on s.person_id = p.id "
        "where s.`row_number` = 1",
    )
    assert str(born) == "2008-06-22"


def test_the_voters_of_new_york_have_no_header(settings: Settings, database: Database) -> None:
    record = _import(settings, database, "voter_ny.csv")
    assert (record.feed, record.row_count) == ("voter_ny", 100)
    assert record.file_format is not None
    assert record.file_format["header"] is False
    assert query(
        database,
        "select p.first_name, p.last_name from persons as p join person_sources as s on s.person_id = p.id "
        "where s.`row_number` = 1 and s.party_no = 1",
    ) == [("Christopher", "White")]
    assert set(column(database, "select distinct state from addresses where address_type = 'residential'")) == {"NY"}


def test_the_voters_of_pennsylvania_are_tab_separated(settings: Settings, database: Database) -> None:
    record = _import(settings, database, "voter_pa.csv")
    assert (record.feed, record.row_count) == ("voter_pa", 100)
    assert record.file_format is not None
    assert record.file_format["delimiter"] == "\t"
    phones = _cells(SHARED_DATA / "voter_pa.csv", 151, delimiter="\t")
    assert _valid_numbers(phones) <= _numbers(database)
    raws = set(column(database, "select phone_raw from phone_numbers"))
    assert len(raws) >= 0.9 * len(phones)


def test_the_sites_of_chicago_have_line_breaks_in_their_fields(settings: Settings, database: Database) -> None:
    record = _import(settings, database, "early_childhood_sites_true_ids.csv")
    assert record.row_count == 3_337
    (raw,) = column(
        database, "select raw from staging_raw_import where import_id = %s and `row_number` = 1", (record.import_id,)
    )
    assert json.loads(raw)["Site name"] == "Chicago Commons\nAssociation St Catherine's - St. Lucy School"
    valid = _valid_numbers(_cells(SHARED_DATA / "early_childhood_sites_true_ids.csv", 6, skip=1))
    assert valid <= _numbers(database)


def test_staging_and_applying_again_change_nothing(settings: Settings, database: Database) -> None:
    record = _import(settings, database, "voter_oh.csv")
    before = checksum(database)
    again = pipeline.stage(settings, database, record.import_id)
    assert (again.rows, again.staged, again.rejected) == (100, 100 - (record.error_count or 0), record.error_count)
    final = run(settings, database, record.import_id)
    assert counts(final) == counts(record)
    assert checksum(database) == before
