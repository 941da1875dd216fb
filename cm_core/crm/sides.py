"""A person as one side has it (`merge_fields.Side`): read out of a record of the CRM, and written as a body for it.

What values are compared by: names by letters and digits alone; addresses, phones and e-mails by the keys of the hygiene
rules, so that what means the same is the same however it is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from cm_core.crm.contact_keys import email_keys, phone_keys, plain
from cm_core.crm.fields import CHANNELS, PersonFields
from cm_core.crm.merge_fields import DO_NOT_CONTACT, OWN, SINGLE, Agreed, Merge, Outcome, Point, Side, Text, read_again
from cm_core.crm.records import ContactPoint, PersonRecord, canonical
from cm_core.hygiene.addresses import standardize_address, standardize_addresses

#: Our name of a field -> the one that records, events and `crm_persons.manual` have.
THERE = {"address": "mailing_address"}
#: The longest text of a varchar field there.
LONGEST = 255

_NOISE = re.compile(r"[\W_]+")
_ADDRESS = ("line1", "line2", "city", "state", "zip", "zip4")


class AddressKeys:
    """Keys of addresses in one line. `learn` works out many at once, which is several times as quick."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def learn(self, texts: Iterable[str | None]) -> None:
        """Work out the keys of these."""
        new = sorted({text for text in texts if text and text not in self._known})
        if not new:
            return
        columns = {name: pa.nulls(len(new), pa.string()) for name in _ADDRESS} | {"line1": pa.array(new, pa.string())}
        answers = standardize_addresses(pa.table({"address_id": pa.array(range(len(new)), pa.int64()), **columns}))
        found = dict(zip(answers["address_id"].to_pylist(), answers["address_key"].to_pylist(), strict=True))
        self._known |= {text: found.get(place) or plain(text) for place, text in enumerate(new)}

    def of(self, text: str | None) -> str:
        """The key of an address; "" of none."""
        if not text:
            return ""
        if text not in self._known:
            answer = standardize_address(text)
            self._known[text] = (answer.address_key if answer else None) or plain(text)
        return self._known[text]


def named(text: str | None) -> Text:
    """A name as it is written, compared by its letters and digits."""
    return Text(text or None, _NOISE.sub("", plain(text)).lower() if text else "")


def located(text: str | None, keys: AddressKeys) -> Text:
    """An address in one line."""
    return Text(text or None, keys.of(text))


def theirs_of(record: PersonRecord, fields: PersonFields, keys: AddressKeys) -> Side:
    """The person as the CRM has it. All of it was said at the time of the record's last change."""
    return Side(
        name=named(record.name),
        address=located(address_in(record, fields), keys),
        phones=tuple(_point(point, phone_keys(point.value)) for point in record.phones),
        emails=tuple(_point(point, email_keys(point.value)) for point in record.emails),
        do_not_contact=requests_in(record, fields),
        own={key: _text(fields.value(record, key)) for key in OWN},
        at=dict.fromkeys(SINGLE, record.update_time),
    )


def address_in(record: PersonRecord, fields: PersonFields) -> str | None:
    """The text of the field `Mailing address`."""
    found = fields.value(record, "mailing_address")
    if isinstance(found, Mapping):
        found = found.get("value") or found.get("formatted_address")
    return _text(found)


def requests_in(record: PersonRecord, fields: PersonFields) -> frozenset[str]:
    """The channels of `Do not contact`. Other options that the account gave the field are left to it."""
    return frozenset(fields.value(record, DO_NOT_CONTACT) or ()) & {*CHANNELS}


def remembered(agreed: str | None, before: PersonRecord, after: PersonRecord, fields: PersonFields) -> str | None:
    """`crm_persons.agreed` between two readings: what the CRM had and has no more is not forgotten.

    So it is not put there again, whether or not anything was planned while it was there.
    """
    was, now = (requests_in(record, fields) for record in (before, after))
    pairs = ((before.phones, after.phones), (before.emails, after.emails))
    if was <= now and all({one.value for one in old} <= {one.value for one in new} for old, new in pairs):
        return agreed
    known = Agreed.from_json(json.loads(agreed) if agreed else None)
    had = Side(
        phones=tuple(_point(point, phone_keys(point.value)) for point in before.phones),
        emails=tuple(_point(point, email_keys(point.value)) for point in before.emails),
        do_not_contact=was,
    )
    return canonical(read_again(known, had).as_json())


def body_of(
    merge: Merge, outcomes: Iterable[Outcome], fields: PersonFields, record: PersonRecord | None = None
) -> dict[str, Any]:
    """What is to be sent so that the CRM has the results of these outcomes. Lists go whole: the API replaces them.

    `record`: the person as it is there. What is ticked in it stays, understood or not.
    """
    body: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for outcome in outcomes:
        name, result = outcome.field, merge.result
        if name == "name":
            body["name"] = (result.name.text or "")[:LONGEST]
        elif name in ("phones", "emails"):
            body[name] = [
                ContactPoint(point.value, point.primary, point.label or "other").as_json()
                for point in result.points(name)
            ]
        elif name == "address":
            custom[fields.codes["mailing_address"]] = {"value": result.address.text}
        elif name == DO_NOT_CONTACT:
            custom[fields.codes[name]] = fields.option_ids(name, result.do_not_contact, record=record) or None
        else:
            custom[fields.codes[name]] = result.own[name] or None
    return body | ({"custom_fields": custom} if custom else {})


def as_json(side: Side) -> dict[str, Any]:
    """A side for a step's column `ours`."""
    return {
        "name": side.name.text,
        "address": [side.address.text, side.address.key],
        "phones": [[point.value, list(point.keys), point.label, point.primary] for point in side.phones],
        "emails": [[point.value, list(point.keys), point.label, point.primary] for point in side.emails],
        DO_NOT_CONTACT: sorted(side.do_not_contact),
        "own": dict(side.own),
        "at": {name: at.isoformat() for name, at in side.at.items()},
    }


def from_json(document: Mapping[str, Any]) -> Side:
    """The reverse."""
    return Side(
        name=named(document["name"]),
        address=Text(*document["address"]),
        phones=tuple(Point(value, tuple(keys), *rest) for value, keys, *rest in document["phones"]),
        emails=tuple(Point(value, tuple(keys), *rest) for value, keys, *rest in document["emails"]),
        do_not_contact=frozenset(document[DO_NOT_CONTACT]),
        own=document["own"],
        at={name: datetime.fromisoformat(at) for name, at in document["at"].items()},
    )


def _point(point: ContactPoint, keys: tuple[str, ...]) -> Point:
    return Point(point.value, keys, point.label, point.primary)


def _text(value: Any) -> str | None:
    return None if value in (None, "", []) else str(value)
