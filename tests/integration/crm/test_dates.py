"""Of when a name or an address is: a record has one time for all its fields, which any write moves."""

from __future__ import annotations

from datetime import date, datetime

from cm_core.crm import PersonFields, people, person_fields, pull_day
from cm_core.crm.client import PipedriveClient
from cm_core.crm.population import said_of
from cm_core.crm.records import normal
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.crm.conftest import landed, rows
from tests.servers import PipedriveServer

DAY = date(2026, 3, 2)
LONG_AGO = datetime(2026, 2, 1)


def _said(database: Database) -> dict[str, datetime]:
    ((text,),) = rows(database, "select said from crm_persons")
    return said_of(text)


def test_what_has_not_changed_is_not_said_once_more(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load([{"name": "Ann Lee", "phones": ["+14055552001"], "update_time": "2026-02-01T00:00:00Z"}])
    _pull(crm_settings, database)
    crm.edit(1, phones=[{"value": "+14055552002"}])
    _pull(crm_settings, database)
    crm.edit(1, name="Ann Baker")
    crm.edit(1, label_ids=[3])
    _pull(crm_settings, database)
    lines = [line for file in landed(crm_settings, "pipedrive_persons").values() for line in file]
    assert [line.get("unchanged") for line in lines] == [
        None, ["name", "mailing_address", "postal_address"], ["mailing_address", "postal_address"],
    ]  # fmt: skip
    assert [line["name"] for line in lines] == ["Ann Lee", "Ann Lee", "Ann Baker"], "the record is whole nevertheless"


def test_what_was_read_and_has_not_landed_yet_is_still_said(
    crm: PipedriveServer, crm_settings: Settings, database: Database, client: PipedriveClient
) -> None:
    crm.load([{"name": "Ann Lee", "update_time": "2026-02-01T00:00:00Z"}])
    _pull(crm_settings, database)
    crm.edit(1, name="Ann Baker")
    _read(client, crm_settings, database)
    crm.edit(1, label_ids=[3])
    _pull(crm_settings, database)
    *_, line = (line for file in landed(crm_settings, "pipedrive_persons").values() for line in file)
    assert "name" not in line["unchanged"]


def test_our_own_writes_do_not_make_their_values_newer(
    crm: PipedriveServer, crm_settings: Settings, database: Database, client: PipedriveClient
) -> None:
    crm.load([{"name": "Ann Lee", "update_time": "2026-02-01T00:00:00Z"}])
    _pull(crm_settings, database)
    assert _said(database)["name"] == LONG_AGO
    body = {"phones": [{"value": "+14055552003", "primary": True, "label": "other"}]}
    fields = _fields(crm_settings, client)
    with database.connect(autocommit=True) as connection:
        people.about_to_write(connection, 1, body, fields)
    client.update_person(1, body)
    _read(client, crm_settings, database)
    ((update_time,),) = rows(database, "select update_time from crm_persons")
    assert update_time == datetime(2026, 3, 2, 8), "the record is newer"
    assert _said(database)["name"] == LONG_AGO, "its name is not"
    crm.edit(1, name="Ann Baker")
    _read(client, crm_settings, database)
    assert _said(database)["name"] == datetime(2026, 3, 2, 8)
    assert _said(database)["address"] == LONG_AGO


def _pull(settings: Settings, database: Database) -> None:
    pull_day(settings, database, DAY)


def _fields(settings: Settings, client: PipedriveClient) -> PersonFields:
    return person_fields(settings, client)


def _read(client: PipedriveClient, settings: Settings, database: Database) -> None:
    fields = _fields(settings, client)
    with database.connect() as connection:
        with connection.cursor() as cursor:
            read_at = people.now(cursor)
        people.note_read(connection, [normal(client.get_person(1))], read_at=read_at, fields=fields)
        connection.commit()
