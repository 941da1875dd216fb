"""Records as sides and sides as bodies: what is the same on both sides, however it is written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cm_core.crm.contact_keys import email_keys, phone_keys, phone_text
from cm_core.crm.edits import is_same
from cm_core.crm.fields import OUR_FIELDS, PersonFields
from cm_core.crm.merge_fields import Agreed, Point, Side, resolve
from cm_core.crm.records import PersonRecord, normal
from cm_core.crm.sides import AddressKeys, as_json, body_of, from_json, located, named, remembered, theirs_of
from cm_core.errors import SettingsError

CODES = {field.key: f"{number:040x}" for number, field in enumerate(OUR_FIELDS, 1)}
OPTIONS = {"call": 11, "sms": 12, "email": 13, "mail": 14}
FIELDS = PersonFields(
    tuple(
        {
            "field_name": field.name, "field_code": CODES[field.key], "field_type": field.kind,
            "options": [{"id": OPTIONS[label], "label": label} for label in field.options] or None,
        }
        for field in OUR_FIELDS
    )
)  # fmt: skip


def record(**more: Any) -> PersonRecord:
    return normal({"id": 7, "name": "Ann Lee", "update_time": "2026-03-01T10:00:00Z", **more})


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann Lee", "ANN  LEE"), ("O'Brien, Pat", "obrien pat"), ("José Díaz", "Jose Diaz"), ("Lee Jr.", "Lee Jr")],
)
def test_names_are_the_same_by_their_letters(one: str, other: str) -> None:
    assert named(one).key == named(other).key != ""


def test_no_name_has_no_key() -> None:
    assert named(None).key == named("").key == ""


@pytest.mark.parametrize("other", ["1 Main Street, Enid, OK 73701", "1 MAIN ST ENID OK 73701"])
def test_addresses_are_the_same_by_their_place(other: str) -> None:
    keys = AddressKeys()
    keys.learn(["1 MAIN ST, ENID, OK 73701", None])
    assert located("1 MAIN ST, ENID, OK 73701", keys).key == located(other, keys).key
    assert located("2 MAIN ST, ENID, OK 73701", keys).key != located(other, keys).key


def test_keys_of_contact_points_are_those_of_our_tables() -> None:
    assert phone_keys("(405) 555-2001") == phone_keys("+14055552001") == ("+14055552001",)
    assert phone_keys(phone_text("+14055552001", "12")) == ("+14055552001;ext=12",)
    assert phone_keys("405 555 2001 or 405 555 2002") == ("+14055552001", "+14055552002")
    assert phone_keys("ask  her") == ("ASK HER",)
    assert email_keys("Ann <Ann@X.org>") == ("ann@x.org",)


def test_a_record_is_read_as_a_side() -> None:
    custom = {
        CODES["mailing_address"]: {"value": "1 Main St, Enid, OK 73701", "locality": "Enid"},
        CODES["do_not_contact"]: [12, 11],
        CODES["cm_entity"]: "7",
    }
    points = [{"value": "(405) 555-2001", "primary": True, "label": "home"}]
    side = theirs_of(record(phones=points, custom_fields=custom), FIELDS, AddressKeys())
    assert side.address.text == "1 Main St, Enid, OK 73701"
    assert side.do_not_contact == {"call", "sms"}
    assert side.phones == (Point("(405) 555-2001", ("+14055552001",), "home", True),)
    assert side.own["cm_entity"] == "7"
    assert side.at == dict.fromkeys(("name", "address"), datetime(2026, 3, 1, 10))


def test_a_body_holds_whole_lists_and_nothing_else() -> None:
    points = [{"value": "(405) 555-2001", "primary": True, "label": "home"}]
    theirs = theirs_of(record(phones=points), FIELDS, AddressKeys())
    ours = Side(
        name=named("Ann Lee"),
        phones=(Point("+14055552002", ("+14055552002",), "mobile"),),
        do_not_contact=frozenset({"mail"}),
        own={"cm_call": "Yes: +14055552002"},
    )
    merge = resolve(Agreed(), ours, theirs)
    assert body_of(merge, merge.pushes, FIELDS) == {
        "phones": [
            {"value": "(405) 555-2001", "primary": True, "label": "home"},
            {"value": "+14055552002", "primary": False, "label": "mobile"},
        ],
        "custom_fields": {CODES["do_not_contact"]: [14], CODES["cm_call"]: "Yes: +14055552002"},
    }


def test_a_body_takes_no_tick_away_that_is_not_understood() -> None:
    there = record(custom_fields={CODES["do_not_contact"]: [77]})
    theirs = theirs_of(there, FIELDS, AddressKeys())
    assert theirs.do_not_contact == frozenset()
    merge = resolve(Agreed(), Side(do_not_contact=frozenset({"sms"})), theirs)
    body = body_of(merge, merge.pushes, FIELDS, there)
    assert body == {"custom_fields": {CODES["do_not_contact"]: [12, 77]}}
    assert FIELDS.not_understood(there) == {"77"}


def test_a_channel_without_an_option_there_is_an_error_and_clears_nothing() -> None:
    options = [{"id": 12, "label": "sms"}, {"id": 11, "label": "phone calls"}]
    fields = PersonFields(tuple({**each, "options": options if each["options"] else None} for each in FIELDS.described))
    assert fields.lacking == {"do_not_contact": ["call", "email", "mail"]}
    merge = resolve(Agreed(), Side(do_not_contact=frozenset({"call"})), Side())
    with pytest.raises(SettingsError, match="no option call"):
        body_of(merge, merge.pushes, fields)


def test_a_side_is_the_same_after_json() -> None:
    side = Side(
        name=named("Ann Lee"), address=located("1 MAIN ST, ENID, OK 73701", AddressKeys()),
        phones=(Point("1", ("1",), "home", True),), do_not_contact=frozenset({"call"}), own={"cm_entity": "1"},
        at={"name": datetime(2026, 1, 2, 3, 4, 5, 6)},
    )  # fmt: skip
    assert from_json(as_json(side)) == side


def test_what_the_crm_had_between_two_readings_is_remembered() -> None:
    before = record(phones=[{"value": "405 555 2001"}, {"value": "405 555 2002"}])
    after = record(phones=[{"value": "405 555 2001"}])
    kept = remembered(None, before, after, FIELDS)
    assert kept is not None
    assert "+14055552002" in kept
    assert remembered(kept, after, after, FIELDS) == kept
    assert remembered(None, after, before, FIELDS) is None, "nothing is gone"
    ticked = record(custom_fields={CODES["do_not_contact"]: [11]})
    assert remembered(None, ticked, record(), FIELDS) == '{"do_not_contact":["call"]}'


def test_an_address_is_the_one_we_wrote_whatever_they_add_to_it() -> None:
    assert is_same({"value": "1 Main St", "locality": "Enid"}, {"value": "1 Main St"})
    assert not is_same({"value": "2 Main St"}, {"value": "1 Main St"})
    assert is_same("x", "x")
