"""What people of the CRM asked for: `Do not contact` and the marketing status, as lines of an opt-out list. Pure.

An opt-out is about a channel and a contact point, as everywhere; one line for each. A tick is also about the numbers
and mailboxes that the person had there before: whoever asks to be left alone may be rid of them in the same breath,
and we have them still. What was taken back in the CRM is not taken back here: opt-outs only add up. A tick that was
taken off is ticked again by us, so it is one opt-out however often it comes and goes; who subscribes and unsubscribes
again has opted out again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cm_core.crm.contact_keys import email_keys, phone_keys, phone_text_of
from cm_core.crm.fields import PersonFields
from cm_core.crm.records import PersonRecord

#: Statuses of the Campaigns add-on that mean: no e-mail.
NO_EMAIL = ("unsubscribed", "archived")
SOURCE = "pipedrive"
_STATUS = "status "
#: Match keys by `phones` and `emails`.
Had = Mapping[str, Collection[str]]
NOTHING: Had = {}


def had_there(agreed: str | None) -> Had:
    """The keys of all that the person has or had there, out of `crm_persons.agreed`."""
    known: dict[str, Any] = json.loads(agreed) if agreed else {}
    return {name: known.get(name, ()) for name in ("phones", "emails")}


def opt_outs(record: PersonRecord, fields: PersonFields, had: Had = NOTHING) -> dict[str, dict[str, Any]]:
    """Every opt-out that the record holds: its key -> the line to land. `had`: what the person had there before.

    A key is `sms +1 405 555 0100` of a tick, `status email ann@x.org` of a marketing status. A person
    without a contact point of the channel has none yet; as soon as one is there, the opt-out is about it.
    """
    said = fields.value(record, "do_not_contact") or []
    reasons = [("", channel, f"Do not contact: {channel}") for channel in said]
    if record.marketing_status in NO_EMAIL:
        reasons.append((_STATUS, "email", f"Marketing status: {record.marketing_status}"))
    found: dict[str, dict[str, Any]] = {}
    for kind, channel, reason in reasons:
        for point in _points(record, fields, channel, NOTHING if kind else had):
            text = " ".join(str(value) for value in point.values()).lower()
            found[f"{kind}{channel} {text}"] = {
                "person_id": record.id,
                "channel": channel,
                **point,
                "opted_out_at": record.as_json()["update_time"],
                "reason": reason,
                "source": SOURCE,
            }
    return found


def new_lines(
    record: PersonRecord, fields: PersonFields, landed: Iterable[str], had: Had = NOTHING
) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines that have not landed yet, and the keys of all that have landed with them, sorted.

    A number that is written otherwise now is no news. Of who is subscribed, or never said anything, no marketing
    status has landed: the next one is news.
    """
    known, found = set(landed), opt_outs(record, fields, had)
    if record.marketing_status not in (None, *NO_EMAIL):
        known = {key for key in known if not key.startswith(_STATUS)}
    about = {point for key in known for point in _about(key)}
    return [line for key, line in found.items() if not _about(key) <= about], sorted(known | found.keys())


def ticked_by_us(record: PersonRecord, fields: PersonFields, channels: Collection[str], had: Had = NOTHING) -> set[str]:
    """The keys of the record's opt-outs that are ticks of these channels. A marketing status we never write."""
    found = opt_outs(record, fields, had)
    return {key for key, line in found.items() if line["channel"] in channels and not key.startswith(_STATUS)}


def _about(key: str) -> set[tuple[str, str]]:
    """What an opt-out is about: (kind and channel, match key) for each number or mailbox in it."""
    kind, text = (_STATUS, key.removeprefix(_STATUS)) if key.startswith(_STATUS) else ("", key)
    channel, _, point = text.partition(" ")
    keys = phone_keys(point) if channel in ("call", "sms") else email_keys(point) if channel == "email" else (point,)
    return {(kind + channel, each) for each in keys}


def _points(record: PersonRecord, fields: PersonFields, channel: str, had: Had) -> list[dict[str, Any]]:
    if channel in ("call", "sms"):
        there = {key for point in record.phones for key in phone_keys(point.value)}
        before = sorted(key for key in had.get("phones", ()) if key.startswith("+") and key not in there)
        return [{"phone": value} for value in (*(point.value for point in record.phones), *map(phone_text_of, before))]
    if channel == "email":
        there = {key for point in record.emails for key in email_keys(point.value)}
        before = sorted(key for key in had.get("emails", ()) if "@" in key and key not in there)
        return [{"email": value} for value in (*(point.value for point in record.emails), *before)]
    if channel == "mail":
        address = fields.value(record, "mailing_address") or record.more.get("postal_address")
        return [{"full_name": record.name, **parts}] if (parts := address_parts(address)) else []
    return []


def address_parts(address: object) -> dict[str, str]:
    """An address of the CRM as address, city, state, zip: its parts where they are known, else its text alone."""
    if not isinstance(address, Mapping):
        return {"address": str(address)} if address else {}
    street = [address.get("street_number"), address.get("route"), address.get("subpremise")]
    parts = {
        "address": " ".join(str(part) for part in street if part),
        "city": address.get("locality"),
        "state": address.get("admin_area_level_1"),
        "zip": address.get("postal_code"),
    }
    if parts["address"] and parts["zip"]:
        return {name: str(value) for name, value in parts.items() if value}
    text = address.get("value") or address.get("formatted_address")
    return {"address": str(text)} if text else {}
