"""A person in its forms: REST v2, v1 (merge, recents), webhook. A client has to bring them together."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from tests.servers.pipedrive.clock import v1_of
from tests.servers.pipedrive.shapes import PERSON_EXTRAS
from tests.servers.pipedrive.tables import Row

if TYPE_CHECKING:
    from tests.servers.pipedrive.world import World

_ALWAYS = (
    "id", "name", "first_name", "last_name", "owner_id", "org_id", "add_time", "update_time", "emails", "phones",
    "is_deleted", "visible_to", "label_ids", "picture_id",
)  # fmt: skip
_SYNCED = ("notes", "im", "birthday", "job_title", "postal_address")


def person_in_v2(
    world: World, row: Row, include: Collection[str] = (), custom: list[str] | None = None, labels: bool = False
) -> Row:
    """REST v2; `include`: optional fields; `custom`: only these custom fields; `labels`: options with their labels."""
    shown = {field: row[field] for field in _ALWAYS}
    values = {code: row["custom_fields"].get(code) for code in world.fields.custom}
    if custom is not None:
        values = {code: value for code, value in values.items() if code in custom}
    shown["custom_fields"] = world.fields.with_labels(values) if labels else values
    if world.contact_sync:
        shown |= {field: row[field] for field in _SYNCED}
    if include:
        extras = _extras(world, row)
        shown |= {field: extras[field] for field in include}
    return shown


def person_in_v1(world: World, row: Row, company_id: int) -> Row:
    """The form of v1: `phone` and `email`, times with a blank, visible_to as text."""
    same = ("id", "owner_id", "org_id", "name", "first_name", "last_name", "label_ids", "picture_id")
    return {field: row[field] for field in same} | {
        "company_id": company_id,
        "phone": row["phones"],
        "email": row["emails"],
        "active_flag": not row["is_deleted"],
        "add_time": v1_of(row["add_time"]),
        "update_time": v1_of(row["update_time"]),
        "visible_to": str(row["visible_to"]),
        "label": next(iter(row["label_ids"]), None),
    }


def person_in_webhook(world: World, row: Row) -> Row:
    """The webhook's form: visible_to as text, `label` beside label_ids, custom values as typed objects."""
    shown: dict[str, Any] = {field: row[field] for field in _ALWAYS if field != "is_deleted"}
    if world.contact_sync:
        shown |= {field: row[field] for field in _SYNCED}
    values = {code: row["custom_fields"].get(code) for code in world.fields.custom}
    return {
        **shown,
        "visible_to": str(row["visible_to"]),
        "label": next(iter(row["label_ids"]), None),
        "custom_fields": world.fields.typed(values),
    }


def _extras(world: World, row: Row) -> Row:
    """All optional fields of a person; what the server does not keep (mail, files, followers) is 0 or null."""
    deals, activities = world.linked("deal", row["id"]), world.linked("activity", row["id"])
    status = [deal["status"] for deal in deals]
    done = [activity["id"] for activity in activities if activity["done"]]
    waiting = [activity for activity in activities if not activity["done"]]
    following = min(waiting, key=lambda activity: (activity["due_date"] or "9999", activity["id"]), default=None)
    nothing: Row = {field: 0 if field.endswith("_count") else None for field in PERSON_EXTRAS}
    return nothing | {
        "marketing_status": row["marketing_status"],
        "doi_status": 0,
        "next_activity_id": following and following["id"],
        "last_activity_id": max(done, default=None),
        "open_deals_count": status.count("open"),
        "closed_deals_count": status.count("won") + status.count("lost"),
        "won_deals_count": status.count("won"),
        "lost_deals_count": status.count("lost"),
        "activities_count": len(activities),
        "done_activities_count": len(done),
        "undone_activities_count": len(waiting),
    }
