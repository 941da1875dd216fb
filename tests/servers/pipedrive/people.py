"""What can be done to a person, by the API or in the app: each leaves its mark in the changelog and as an event."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.servers.pipedrive.dealings import move_to
from tests.servers.pipedrive.errors import ApiError, bad_request
from tests.servers.pipedrive.forms import person_in_webhook
from tests.servers.pipedrive.tables import Row
from tests.servers.pipedrive.world import Actor, World

SYNCED = ("notes", "im", "birthday", "job_title", "postal_address")
_IN_V1 = {"emails": "email", "phones": "phone", "label_ids": "label"}
_DATA = ("owner_id", "org_id", "visible_to", "picture_id", *SYNCED)
_ONE_WAY = ("unsubscribed", "archived")


def create(world: World, given: dict[str, Any], actor: Actor) -> Row:
    """A new person. Raises ApiError 400 and 403 as `_checked` does."""
    row = blank(world.persons.new_id(), world.clock.now(), actor.user_id)
    row = _merged_values(row, _checked(world, row, given))
    world.persons.put(row)
    world.search.changed(row)
    world.hub.emit("person", "create", row["id"], actor, data=person_in_webhook(world, row))
    return row


def change(world: World, person_id: int, given: dict[str, Any], actor: Actor) -> Row:
    """A person with the given fields changed; what changes nothing leaves update_time and sends no event."""
    old = world.person(person_id)
    return _put(world, old, _merged_values(old, _checked(world, old, given)), actor, dated="update_time" in given)


def delete(world: World, person_id: int, actor: Actor, *, into: int | None = None) -> None:
    """Mark a person as deleted; it is gone for good 30 days later. `into`: who it was merged into."""
    old = world.person(person_id)
    now = world.clock.now()
    world.persons.put({**old, "is_deleted": True, "update_time": now})
    world.deleted_at[person_id] = now
    world.search.forget(person_id)
    merge = None if into is None else {"merged_to_id": into}
    world.hub.emit("person", "delete", person_id, actor, previous=person_in_webhook(world, old), merge=merge)


def merge(world: World, person_id: int, into: int, actor: Actor) -> Row:
    """Merge a person into another one, which stays, keeps its values and gets those that it lacked; returns it."""
    if person_id == into:
        raise bad_request("Cannot merge a person with itself")
    gone, stays = world.person(person_id), world.person(into)
    filled = {field: gone[field] for field in _DATA if stays[field] in (None, [], "") and gone[field]}
    for field in ("emails", "phones"):
        known = {contact["value"].casefold() for contact in stays[field]}
        more = [contact for contact in gone[field] if contact["value"].casefold() not in known]
        if not stays[field] or world.config.merge_contacts == "union":
            filled[field] = stays[field] + [{**contact, "primary": False} if known else contact for contact in more]
    if not stays["label_ids"]:
        filled["label_ids"] = gone["label_ids"]
    custom = {key: value for key, value in gone["custom_fields"].items() if value is not None}
    filled["custom_fields"] = {**custom, **{k: v for k, v in stays["custom_fields"].items() if v is not None}}
    world.merged_into[person_id] = into
    delete(world, person_id, actor, into=into)
    move_to(world, person_id, into)
    row = {**stays, **filled}
    return _put(world, stays, row, actor, merged_from=person_id)


def load(world: World, persons: Iterable[dict[str, Any]], user_id: int) -> list[int]:
    """Put many persons there at once, as if they had long been: no events, no changelog; known to the search."""
    now = world.clock.now()
    rows = []
    for given in persons:
        row = blank(given.get("id") or world.persons.new_id(), now, user_id)
        row.update({key: value for key, value in given.items() if key != "id"})
        row.update({key: _contacts(row[key]) for key in ("emails", "phones")})
        if "first_name" not in given:
            row.update(_names(row["name"]))
        rows.append(row)
    world.persons.load(rows)
    for row in rows:
        world.search.changed(row, at_once=True)
    return [row["id"] for row in rows]


def blank(person_id: int, now: str, user_id: int) -> Row:
    """A person without any value."""
    return {
        "id": person_id, "name": "", "first_name": None, "last_name": None, "owner_id": user_id, "org_id": None,
        "add_time": now, "update_time": now, "emails": [], "phones": [], "is_deleted": False, "visible_to": 3,
        "label_ids": [], "picture_id": None, "custom_fields": {}, "marketing_status": "no_consent",
        "notes": None, "im": [], "birthday": None, "job_title": None, "postal_address": None,
    }  # fmt: skip


def _checked(world: World, row: Row, given: dict[str, Any]) -> dict[str, Any]:
    """Values to write. Raises ApiError 403 for fields of the contact sync, 400 for values that cannot be."""
    if not world.contact_sync and (synced := [field for field in SYNCED if field in given]):
        raise ApiError(403, f"{synced[0]} can only be written when contact sync is enabled", code="ERR_FORBIDDEN")
    if "custom_fields" in given:
        given = {**given, "custom_fields": world.fields.check(given["custom_fields"])}
    new = given.get("marketing_status")
    if new and row["marketing_status"] in _ONE_WAY and new not in (row["marketing_status"], "archived"):
        raise bad_request(f"Validation failed: marketing_status: {row['marketing_status']} cannot become {new}")
    return given


def _merged_values(old: Row, given: dict[str, Any]) -> Row:
    """The row with the given values: arrays replace what was there, custom fields one by one."""
    row = {**old, **given}
    if "name" in given and given["name"] != old["name"]:
        row |= _names(row["name"])
    for field in ("emails", "phones"):
        if field in given:
            row[field] = _contacts(given[field])
    if "custom_fields" in given:
        values = {**old["custom_fields"], **given["custom_fields"]}
        row["custom_fields"] = {code: value for code, value in values.items() if value is not None}
    if not any("@" in contact["value"] for contact in row["emails"]):
        row["marketing_status"] = "no_consent"
    return row


def _put(world: World, old: Row, row: Row, actor: Actor, *, dated: bool = False, merged_from: int | None = None) -> Row:
    before, after = person_in_webhook(world, old), person_in_webhook(world, row)
    # A status that is not in the events is a change nevertheless.
    if before == after and old["marketing_status"] == row["marketing_status"] and merged_from is None:
        return old
    if not dated:
        row = {**row, "update_time": world.clock.now()}
        after["update_time"] = row["update_time"]
    world.persons.put(row)
    world.search.changed(row)
    _log(world, old, row, actor)
    previous = {key: value for key, value in before.items() if value != after[key] and key != "custom_fields"}
    custom = {k: v for k, v in before["custom_fields"].items() if v != after["custom_fields"][k]}
    if custom:
        previous["custom_fields"] = custom
    merge = None if merged_from is None else {"merged_from_id": merged_from}
    world.hub.emit("person", "change", row["id"], actor, data=after, previous=previous, merge=merge)
    return row


def _log(world: World, old: Row, row: Row, actor: Actor) -> None:
    pairs = {_IN_V1.get(key, key): (old[key], row[key]) for key in row if key not in ("custom_fields", "update_time")}
    codes = old["custom_fields"].keys() | row["custom_fields"].keys()
    pairs |= {code: (old["custom_fields"].get(code), row["custom_fields"].get(code)) for code in sorted(codes)}
    for key, (before, after) in pairs.items():
        if before != after:
            world.changes.setdefault(row["id"], []).append(
                {
                    "field_key": key,
                    "old_value": _as_text(before),
                    "new_value": _as_text(after),
                    "actor_user_id": actor.user_id,
                    "time": world.clock.now().replace("T", " ").removesuffix("Z"),
                    "change_source": actor.source,
                    "change_source_user_agent": actor.agent,
                    "is_bulk_update_flag": actor.bulk,
                }
            )


def _as_text(value: Any) -> str | None:
    if value is None or value == []:
        return None
    if isinstance(value, list):
        return ", ".join(str(item["value"]) if isinstance(item, dict) else str(item) for item in value)
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _contacts(given: list[Any]) -> list[dict[str, Any]]:
    """Addresses or numbers with their defaults; the first is the primary one if none is marked."""
    items = [{"value": item} if isinstance(item, str) else item for item in given]
    primary = next((place for place, item in enumerate(items) if item.get("primary")), 0)
    return [
        {"value": item["value"], "primary": place == primary, "label": item.get("label", "work")}
        for place, item in enumerate(items)
    ]


def _names(name: str) -> dict[str, str | None]:
    first, _, last = name.rpartition(" ")
    return {"first_name": first, "last_name": last} if first else {"first_name": last, "last_name": None}
