"""Deals and activities: made, changed, deleted, and moved along when their person is merged into another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.pipedrive.errors import bad_request
from tests.servers.pipedrive.tables import Row

if TYPE_CHECKING:
    from tests.servers.pipedrive.world import Actor, Kind, World

_CLOSED_AT = {"won": "won_time", "lost": "lost_time"}


def create(world: World, kind: Kind, given: dict[str, Any], actor: Actor) -> Row:
    """A new deal or activity. ApiError 400 if it names a person that does not exist."""
    now = world.clock.now()
    blank = _DEAL if kind == "deal" else _ACTIVITY
    base = {"id": world.tables[kind].new_id(), "creator_user_id": actor.user_id, "owner_id": actor.user_id}
    row = {**blank, **base, "add_time": now, "update_time": now}
    if kind == "deal":
        row["stage_change_time"] = now
    row = _with(world, kind, row, given)
    world.put(kind, row)
    world.hub.emit(kind, "create", row["id"], actor, data=in_webhook(row))
    return row


def change(world: World, kind: Kind, row_id: int, given: dict[str, Any], actor: Actor) -> Row:
    """A deal or activity with the given fields changed."""
    old = world.row(kind, row_id)
    row = _with(world, kind, old, given)
    if row == old:
        return old
    row = {**row, "update_time": given.get("update_time", world.clock.now())}
    world.put(kind, row)
    before, after = in_webhook(old), in_webhook(row)
    previous = {key: value for key, value in before.items() if value != after[key]}
    world.hub.emit(kind, "change", row_id, actor, data=after, previous=previous)
    return row


def delete(world: World, kind: Kind, row_id: int, actor: Actor) -> None:
    """Mark a deal or activity as deleted."""
    old = world.row(kind, row_id)
    row = {**old, "is_deleted": True, "update_time": world.clock.now()}
    world.put(kind, {**row, "status": "deleted"} if kind == "deal" else row)
    world.hub.emit(kind, "delete", row_id, actor, previous=in_webhook(old))


def move_to(world: World, person_id: int, into: int) -> None:
    """What was linked to one person is linked to another, and counts as updated."""
    now = world.clock.now()
    for deal in world.linked("deal", person_id):
        world.put("deal", {**deal, "person_id": into, "update_time": now})
    for activity in world.linked("activity", person_id):
        others = [p for p in activity["participants"] if p["person_id"] not in (person_id, into)]
        participants = [{"person_id": into, "primary": True}, *others]
        world.put("activity", {**activity, "person_id": into, "participants": participants, "update_time": now})


def in_webhook(row: Row) -> Row:
    """A deal or activity in the webhook's form: visible_to is text there."""
    return {**row, "visible_to": str(row["visible_to"])} if "visible_to" in row else row


def _with(world: World, kind: Kind, old: Row, given: dict[str, Any]) -> Row:
    row, now = {**old, **given}, world.clock.now()
    if kind == "activity":
        row["participants"], row["attendees"] = row["participants"] or [], row["attendees"] or []
        primary = next((p for p in row["participants"] if p.get("primary")), next(iter(row["participants"]), None))
        row["participants"] = [{"person_id": p["person_id"], "primary": p is primary} for p in row["participants"]]
        row["person_id"] = primary["person_id"] if primary else None
        if row["done"] != old["done"]:
            row["marked_as_done_time"] = now if row["done"] else None
    else:
        if row["status"] != old["status"]:
            closed = row["status"] in _CLOSED_AT
            row |= {"won_time": None, "lost_time": None, "close_time": now if closed else None}
            if closed:
                row[_CLOSED_AT[row["status"]]] = now
        if row["stage_id"] != old["stage_id"]:
            row["stage_change_time"] = now
        if row["is_archived"] != old["is_archived"]:
            row["archive_time"] = now if row["is_archived"] else None
    person_id = row["person_id"]
    if person_id is not None and person_id != old["person_id"] and person_id not in world.persons.rows:
        raise bad_request(f"Validation failed: person {person_id} does not exist")
    return row


_ACTIVITY: Row = {
    "id": 0, "subject": "Call", "type": "call", "owner_id": 0, "creator_user_id": 0, "is_deleted": False,
    "add_time": "", "update_time": "", "deal_id": None, "lead_id": None, "person_id": None, "org_id": None,
    "project_id": None, "due_date": None, "due_time": None, "duration": None, "busy": False, "done": False,
    "marked_as_done_time": None, "location": None, "participants": [], "attendees": [], "public_description": None,
    "priority": None, "note": None,
}  # fmt: skip
_DEAL: Row = {
    "id": 0, "title": "", "creator_user_id": 0, "owner_id": 0, "person_id": None, "org_id": None, "pipeline_id": 1,
    "stage_id": 1, "value": 0, "currency": "USD", "status": "open", "lost_reason": None, "probability": None,
    "expected_close_date": None, "add_time": "", "update_time": "", "stage_change_time": None, "won_time": None,
    "lost_time": None, "close_time": None, "label_ids": [], "visible_to": 3, "custom_fields": {}, "is_deleted": False,
    "is_archived": False, "archive_time": None,
}  # fmt: skip
