"""One normal form of a person, whoever sent it; fields by our names; opt-outs; whose edit it was. Pure functions."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cm_core.crm import PersonFields, PersonRecord, RecordError, canonical, normal, values_of
from cm_core.crm.edits import Told, corrected, find_edits
from cm_core.crm.opt_outs import address_parts, new_lines, opt_outs
from cm_core.errors import SettingsError

ADDRESS, CHANNELS, LEVEL, MONEY = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
WHERE = {"value": "12 Main St, Midland", "route": "Main St", "street_number": "12", "postal_code": "79701"}
FIELDS = PersonFields((
    {"field_code": ADDRESS, "field_name": "Mailing address", "field_type": "address", "options": None},
    {"field_code": CHANNELS, "field_name": "Do Not Contact", "field_type": "set",
     "options": [{"id": 7, "label": "Call"}, {"id": 8, "label": "SMS"}, {"id": 9, "label": "Email"}]},
    {"field_code": LEVEL, "field_name": "Level", "field_type": "enum", "options": [{"id": 3, "label": "High"}]},
    {"field_code": MONEY, "field_name": "Offer", "field_type": "monetary", "options": None},
))  # fmt: skip

REST = {
    "id": 5, "name": "Ann Smith", "first_name": "Ann", "last_name": "Smith", "owner_id": 2, "org_id": None,
    "add_time": "2026-01-01T00:00:00Z", "update_time": "2026-03-02T08:00:00Z",
    "emails": [{"value": "ann@example.com", "primary": True, "label": "work"}],
    "phones": [{"value": "+14055550100", "primary": True, "label": "mobile"}], "is_deleted": False, "visible_to": 3,
    "label_ids": [4, 1], "picture_id": None,
    "custom_fields": {ADDRESS: {**WHERE, "country": None, "formatted_address": None}, CHANNELS: [8, 7], LEVEL: 3,
                      MONEY: {"value": 5, "currency": "USD"}, "e" * 40: None},
}  # fmt: skip
WEBHOOK = {
    **{name: value for name, value in REST.items() if name != "is_deleted"},
    "visible_to": "3", "label": 1,
    "custom_fields": {
        ADDRESS: {"type": "address", **WHERE, "formatted_address": WHERE["value"]},
        CHANNELS: {"type": "set", "values": [{"id": 7}, {"id": 8}]}, LEVEL: {"type": "enum", "id": 3},
        MONEY: {"type": "monetary", "value": 5, "currency": "USD"}, "e" * 40: None,
    },
}  # fmt: skip
V1 = {
    "id": 5, "company_id": 9, "name": "Ann Smith", "first_name": "Ann", "last_name": "Smith",
    "owner_id": {"id": 2, "name": "Rep", "value": 2}, "org_id": None, "add_time": "2026-01-01 00:00:00",
    "update_time": "2026-03-02 08:00:00", "email": REST["emails"], "phone": REST["phones"], "active_flag": True,
    "visible_to": "3", "label": 1, "label_ids": [1, 4], "picture_id": None,
    ADDRESS: WHERE["value"], f"{ADDRESS}_route": "Main St", f"{ADDRESS}_street_number": "12",
    f"{ADDRESS}_postal_code": "79701", CHANNELS: [7, 8], LEVEL: 3, MONEY: {"value": 5, "currency": "USD"},
}  # fmt: skip


@pytest.mark.parametrize(
    "sent", [WEBHOOK, V1, {**REST, "label_ids": [1, 4]}, {**REST, "marketing_status": "no_consent"}]
)
def test_all_forms_of_a_person_are_one(sent: dict[str, Any]) -> None:
    record = normal(sent)
    assert record.hash == normal(REST).hash
    assert record.fields == normal(REST).fields
    assert record.update_time == datetime(2026, 3, 2, 8)


def test_what_nobody_changed_does_not_change_the_hash() -> None:
    more = {"update_time": "2026-04-01T00:00:00Z", "open_deals_count": 3, "picture_id": 5, "next_activity_id": 9}
    assert normal({**REST, **more}).hash == normal(REST).hash
    for change in ({"name": "Ann"}, {"phones": []}, {"visible_to": 1}, {"marketing_status": "unsubscribed"},
                   {"custom_fields": {}}, {"job_title": "x"}, {"is_deleted": True}):  # fmt: skip
        assert normal({**REST, **change}).hash != normal(REST).hash, change


def test_nothing_is_thrown_away() -> None:
    record = normal({**REST, "notes": "call after six", "something_new": {"a": [1]}})
    shown = record.as_json()
    assert (shown["notes"], shown["something_new"]) == ("call after six", {"a": [1]})
    assert shown["custom_fields"][ADDRESS] == WHERE


@pytest.mark.parametrize(
    "sent", [{}, {"id": 5}, {"id": None, "update_time": "2026-03-02T08:00:00Z"}, {"id": 5, "update_time": "?"}]
)
def test_what_is_no_person_is_refused(sent: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        normal(sent)


texts = st.text(st.sampled_from("a1 @+é\u2028\ud800"), max_size=6)
keys = st.sampled_from(["value", "primary", "label", "id", "type", "values", "more"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1000) | texts | st.sampled_from(["set", "enum", "address"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
sent_persons = st.fixed_dictionaries(
    {"id": st.integers(1, 10**12), "update_time": st.just("2026-03-02T08:00:00Z")},
    optional={
        **{name: values for name in REST if name not in ("id", "update_time", "custom_fields")},
        "custom_fields": st.dictionaries(st.sampled_from([ADDRESS, CHANNELS, LEVEL]), values, max_size=3) | st.none(),
        "more": values, "phone": values, "label": values, LEVEL: values,
    },
)  # fmt: skip


@given(sent_persons)
def test_whatever_is_sent_its_normal_form_is_its_own(sent: dict[str, Any]) -> None:
    record = normal(sent)
    text = canonical(record.as_json())
    text.encode()
    again = normal(json.loads(text))
    assert again.hash == record.hash
    assert canonical(again.as_json()) == text


def test_our_fields_are_found_by_name_and_read_in_words() -> None:
    record = normal(REST)
    assert FIELDS.codes == {"mailing_address": ADDRESS, "do_not_contact": CHANNELS}
    assert FIELDS.value(record, "do_not_contact") == ["call", "sms"]
    assert FIELDS.value(record, "cm_entity") is None
    assert FIELDS.named(record)["Level"] == "High"
    assert FIELDS.option_ids("do_not_contact", ["sms", "call", "fax"]) == [7, 8]
    assert [field.key for field in FIELDS.missing] == [
        "cm_entity", "cm_call", "cm_text", "cm_email", "cm_mail", "cm_checked",
    ]  # fmt: skip
    assert FIELDS.knows(record)
    assert not FIELDS.knows(normal({**REST, "custom_fields": {CHANNELS: [7, 99]}}))
    assert not FIELDS.knows(normal({**REST, "custom_fields": {"f" * 40: "x"}}))


def test_our_fields_are_the_same_whatever_they_are_called_later() -> None:
    kept = FIELDS.ours
    assert kept["do_not_contact"] == {"code": CHANNELS, "options": {"7": "call", "8": "sms", "9": "email"}}
    options = [{"id": 7, "label": "Phone calls"}, {"id": 12, "label": "call"}]
    described = tuple(
        {**each, "field_name": "Leave alone", "options": options}
        if each["field_code"] == CHANNELS else each
        for each in FIELDS.described
    )  # fmt: skip
    renamed = PersonFields(described, kept)
    assert renamed.codes == FIELDS.codes
    ticked = normal({**REST, "custom_fields": {CHANNELS: [7]}})
    assert renamed.value(ticked, "do_not_contact") == ["call"]
    assert renamed.value(normal({**REST, "custom_fields": {CHANNELS: [12]}}), "do_not_contact") == ["call"]
    assert renamed.option_ids("do_not_contact", ["call"]) == [7]
    assert renamed.lacking == {"do_not_contact": ["sms", "email", "mail"]}
    assert renamed.ours["do_not_contact"]["options"] == {"7": "call", "8": "sms", "9": "email", "12": "call"}
    of_an_option_that_is_gone = normal({**REST, "custom_fields": {CHANNELS: [8, 99]}})
    assert renamed.value(of_an_option_that_is_gone, "do_not_contact") == ["sms"]
    assert renamed.option_ids("do_not_contact", ["call"], record=of_an_option_that_is_gone) == [7, 99]
    with pytest.raises(SettingsError, match="options sms, email of"):
        renamed.check_requests()
    gone = PersonFields(FIELDS.described[:1], kept)
    with pytest.raises(SettingsError, match="the field 'Do not contact'"):
        gone.check_requests()
    PersonFields(FIELDS.described[:1]).check_requests()  # nothing was set up yet


def test_options_that_have_no_number_are_passed_over() -> None:
    visible = {"field_code": "visible_to", "field_name": "Visible to", "field_type": "enum",
               "options": [{"id": "all", "label": "All"}, {"id": 3, "label": "Us"}]}  # fmt: skip
    assert PersonFields((visible,)).options == {"visible_to": {3: "Us"}}


def test_opt_outs_are_about_contact_points_and_only_new_ones_land() -> None:
    record = normal(REST)
    assert list(opt_outs(record, FIELDS)) == ["call +14055550100", "sms +14055550100"]
    lines, landed = new_lines(record, FIELDS, ["call +14055550100", "email old@example.com"])
    assert [line["channel"] for line in lines] == ["sms"]
    assert landed == ["call +14055550100", "email old@example.com", "sms +14055550100"]
    unsubscribed = normal({**REST, "custom_fields": {}, "marketing_status": "archived"})
    (line,) = opt_outs(unsubscribed, FIELDS).values()
    assert (line["channel"], line["email"], line["reason"]) == (
        "email", "ann@example.com", "Marketing status: archived",
    )  # fmt: skip


def test_an_address_is_its_parts_or_its_text() -> None:
    assert address_parts(WHERE) == {"address": "12 Main St", "zip": "79701"}
    assert address_parts({"value": "PO Box 5, Midland TX"}) == {"address": "PO Box 5, Midland TX"}
    assert address_parts("12 Main St") == {"address": "12 Main St"}
    assert address_parts(None) == address_parts({}) == {}


def edited(changes: dict[str, Any], **known: Any) -> Any:
    after = normal({**REST, "update_time": "2026-03-02T09:00:00Z", **changes})
    given = {"pushed": {}, "manual": {}, **known}
    return find_edits(normal(REST), after, FIELDS, **given)


def told(source: str, *names: str, at: str = "2026-03-02T09:00:00") -> Told:
    return Told(datetime.fromisoformat(at), 2, source, frozenset(names))


def test_our_own_write_read_back_is_no_edit() -> None:
    body = {"name": "Ann Jones", "phones": [], "custom_fields": {LEVEL: None, CHANNELS: [9, 7]}}
    pushed = values_of(body, FIELDS)
    assert pushed == {"name": "Ann Jones", "phones": None, LEVEL: None, "do_not_contact": [7, 9]}
    custom = {name: value for name, value in REST["custom_fields"].items() if name != LEVEL} | {CHANNELS: [7, 9]}
    found = edited(
        {"name": "Ann Jones", "first_name": "Ann", "last_name": "Jones", "phones": [], "custom_fields": custom},
        pushed=pushed,
    )
    assert found.ours == {"name", "phones", LEVEL, "do_not_contact"}
    assert (found.others, found.manual) == (frozenset(), {})
    other = edited({"name": "Somebody else"}, pushed=pushed)
    assert (other.ours, other.others) == (frozenset(), {"name"})


def test_an_edit_is_by_hand_unless_a_program_is_known_to_have_made_it() -> None:
    by_hand = {"at": "2026-03-02T09:00:00Z", "by": 2, "source": "app"}
    assert edited({"name": "x"}).manual == {"name": {**by_hand, "by": None, "source": "unknown"}}
    assert edited({"name": "x"}, told=[told("app", "name")]).manual == {"name": by_hand}
    assert edited({"name": "x"}, told=[told("api", "name")], manual={"name": by_hand}).manual == {}
    assert edited({"name": "x"}, told=[told("api", "phones")]).manual["name"]["source"] == "unknown"
    early = told("api", "name", at="2026-03-01T00:00:00")
    assert edited({"name": "x"}, told=[early]).manual["name"]["source"] == "unknown", "that was another change"
    kept = edited({"name": "x"}, told=[told("api", "name")], manual={"phones": by_hand})
    assert kept.manual == {"phones": by_hand}


def test_an_event_that_comes_late_tells_who_it_was() -> None:
    unknown = edited({"name": "x", "visible_to": 1}).manual
    assert corrected(unknown, told("api", "name")).keys() == {"visible_to"}
    assert corrected(unknown, told("app", "name"))["name"]["source"] == "app"
    assert corrected(unknown, told("api", "name", at="2026-03-02T09:00:01")) == unknown, "another change"


def test_a_record_says_what_it_is() -> None:
    assert normal(REST) == normal(normal(REST).as_json())
    assert isinstance(normal(REST), PersonRecord)
