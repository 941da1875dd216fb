"""What people of the CRM asked for: `Do not contact` and the marketing status, as lines of an opt-out list. Pure.

An opt-out is about a channel and a contact point, as everywhere; one line for each. What was taken back in the CRM is
not taken back here: opt-outs only add up. A tick that was taken off is ticked again by us, so it is one opt-out however
often it comes and goes; who subscribes and unsubscribes again has opted out again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cm_core.crm.fields import PersonFields
from cm_core.crm.records import PersonRecord

#: Statuses of the Campaigns add-on that mean: no e-mail.
NO_EMAIL = ("unsubscribed", "archived")
SOURCE = "pipedrive"
_STATUS = "status "


def opt_outs(record: PersonRecord, fields: PersonFields) -> dict[str, dict[str, Any]]:
    """Every opt-out that the record holds: its key -> the line to land.

    A key is `sms +1 405 555 0100` of a tick, `status email ann@x.org` of a marketing status. A person
    without a contact point of the channel has none yet; as soon as one is there, the opt-out is about it.
    """
    said = fields.value(record, "do_not_contact") or []
    reasons = [("", channel, f"Do not contact: {channel}") for channel in said]
    if record.marketing_status in NO_EMAIL:
        reasons.append((_STATUS, "email", f"Marketing status: {record.marketing_status}"))
    found: dict[str, dict[str, Any]] = {}
    for kind, channel, reason in reasons:
        for point in _points(record, fields, channel):
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
    record: PersonRecord, fields: PersonFields, landed: Iterable[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines that have not landed yet, and the keys of all that have landed with them, sorted.

    Of who is subscribed, or never said anything, no marketing status has: the next one is news.
    """
    known, found = set(landed), opt_outs(record, fields)
    if record.marketing_status not in (None, *NO_EMAIL):
        known = {key for key in known if not key.startswith(_STATUS)}
    return [line for key, line in found.items() if key not in known], sorted(known | found.keys())


def ticked_by_us(record: PersonRecord, fields: PersonFields, channels: Collection[str]) -> set[str]:
    """The keys of the record's opt-outs that are ticks of these channels. A marketing status we never write."""
    found = opt_outs(record, fields)
    return {key for key, line in found.items() if line["channel"] in channels and not key.startswith(_STATUS)}


def _points(record: PersonRecord, fields: PersonFields, channel: str) -> list[dict[str, Any]]:
    if channel in ("call", "sms"):
        return [{"phone": point.value} for point in record.phones]
    if channel == "email":
        return [{"email": point.value} for point in record.emails]
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
