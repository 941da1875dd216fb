"""Our fields in the account: found by name or made, once, whoever asks and whatever goes wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cm_core import crm
from cm_core.crm.setup import SetUp, set_up
from cm_core.errors import SettingsError
from cm_core.settings import Settings
from cm_core.store import Database
from tests.conftest import SettingsFactory
from tests.servers import PipedriveServer

NAMES = ["CM entity", "Mailing address", "Do not contact", "CM call", "CM text", "CM e-mail", "CM mail", "CM checked"]


@pytest.fixture
def settings(make_settings: SettingsFactory, database: Database, crm_server: PipedriveServer) -> Settings:
    crm_server.reset()
    return make_settings(
        database=database, pipedrive_url=crm_server.url, pipedrive_token=crm_server.token, pipedrive_burst=1000,
        web_backoff_seconds=0.01, web_timeout_seconds=2.0,
    )  # fmt: skip


def run(settings: Settings, database: Database) -> SetUp:
    with crm.pipedrive(settings, database, purpose="setup") as client:
        return set_up(settings, database, client)


def custom(settings: Settings, database: Database) -> list[dict[str, Any]]:
    with crm.pipedrive(settings, database, purpose="test") as client:
        return [field for field in client.person_fields() if field["is_custom_field"]]


def test_fields_are_made_once_and_found_again(settings: Settings, database: Database) -> None:
    assert run(settings, database).made == NAMES
    again = run(settings, database)
    assert (again.made, again.options_added) == ([], {})
    there = custom(settings, database)
    assert [field["field_name"] for field in there] == NAMES
    assert {field["field_code"] for field in there} == set(again.codes.values())
    kept = crm.known_fields(settings)
    assert kept is not None
    assert kept.codes == again.codes
    assert sorted(kept.options[again.codes["do_not_contact"]].values()) == ["call", "email", "mail", "sms"]


def test_two_at_once_make_one_field_each(settings: Settings, database: Database) -> None:
    with ThreadPoolExecutor(2) as both:
        made = list(both.map(lambda _: run(settings, database).made, range(2)))
    assert sorted(made, key=len) == [[], NAMES]
    assert [field["field_name"] for field in custom(settings, database)] == NAMES


@pytest.mark.parametrize("fault", ["drop_after_apply", pytest.param("reset", marks=pytest.mark.soak)])
def test_a_field_that_was_made_without_an_answer_is_not_made_again(
    settings: Settings, database: Database, crm_server: PipedriveServer, fault: str
) -> None:
    crm_server.once(fault, "personFields", method="POST", skip=2)
    assert run(settings, database).made == NAMES
    assert [field["field_name"] for field in custom(settings, database)] == NAMES


def test_what_people_made_by_hand_is_taken_over_and_completed(
    settings: Settings, database: Database, crm_server: PipedriveServer
) -> None:
    made = crm_server.control(
        "fields", {"field_name": "Do not contact", "field_type": "set", "options": [{"label": "Call"}]}
    )
    found = run(settings, database)
    assert found.codes["do_not_contact"] == made["field_code"]
    assert found.options_added == {"Do not contact": ["sms", "email", "mail"]}


def test_a_field_of_our_name_and_another_type_is_not_taken(
    settings: Settings, database: Database, crm_server: PipedriveServer
) -> None:
    crm_server.control("fields", {"field_name": "CM checked", "field_type": "varchar"})
    with pytest.raises(SettingsError, match="rename it there"):
        run(settings, database)
