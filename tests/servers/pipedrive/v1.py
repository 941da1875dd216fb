"""Endpoints of API v1 that are still there, and 410 for those out of support since August 2026."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from tests.servers.pipedrive import people
from tests.servers.pipedrive.bodies import CallLogPost, Merge, V1Time
from tests.servers.pipedrive.clock import v1_of
from tests.servers.pipedrive.errors import ApiError, bad_request, not_found
from tests.servers.pipedrive.forms import person_in_v1
from tests.servers.pipedrive.requests import Limit, TheActor, TheWorld, paged
from tests.servers.pipedrive.shapes import CallLog, Change, PersonV1, Webhook, checked
from tests.servers.pipedrive.world import COMPANY_ID

router = APIRouter()
Start = Annotated[int, Query(ge=0)]
_ITEMS = {
    "activity", "activityType", "deal", "file", "filter", "note", "person", "organization", "pipeline", "product",
    "stage", "user",
}  # fmt: skip


@router.put("/persons/{person_id}/merge")
async def merge_persons(world: TheWorld, actor: TheActor, person_id: int, body: Merge) -> JSONResponse:
    row = people.merge(world, person_id, body.merge_with_id, actor)
    shown = {**person_in_v1(world, row, COMPANY_ID), "merge_what_id": person_id}
    return JSONResponse({"success": True, "data": checked(PersonV1, shown)})


@router.get("/persons/{person_id}/changelog")
async def changelog(world: TheWorld, person_id: int, cursor: str | None = None, limit: Limit = 100) -> JSONResponse:
    world.readable_person(person_id)
    if cursor is not None and not cursor.removeprefix("c").isdecimal():
        raise bad_request("Provided cursor is invalid")
    entries = world.changes.get(person_id, [])
    # Newest first; the cursor says how many entries are older, so that new ones do not move the page.
    last = int(cursor.removeprefix("c")) if cursor else len(entries)
    page = entries[max(0, last - limit) : last][::-1]
    more = f"c{last - limit}" if last > limit else None
    return JSONResponse({"success": True, "data": checked(Change, page), "additional_data": {"next_cursor": more}})


@router.get("/recents")
async def recents(
    world: TheWorld,
    since_timestamp: Annotated[V1Time, Query()],
    items: str | None = None,
    start: Start = 0,
    limit: Limit = 100,
) -> JSONResponse:
    wanted = set(items.split(",")) if items else _ITEMS
    if unknown := wanted - _ITEMS:
        raise bad_request(f"Validation failed: items: unknown item {min(unknown)}")
    found: list[tuple[str, dict[str, Any]]] = []
    if "person" in wanted:
        for row in world.persons.changed_since(since_timestamp):
            data = checked(PersonV1, person_in_v1(world, row, COMPANY_ID))
            found.append((row["update_time"], {"item": "person", "id": row["id"], "data": data}))
    for kind in ("deal", "activity"):
        if kind in wanted:
            for row in world.tables[kind].changed_since(since_timestamp):
                data = {**row, **{key: v1_of(row[key]) for key in ("add_time", "update_time")}}
                found.append((row["update_time"], {"item": kind, "id": row["id"], "data": data}))
    found.sort(key=lambda entry: entry[0])
    page = found[start : start + limit]
    more = {"since_timestamp": v1_of(since_timestamp), "last_timestamp_on_page": v1_of(page[-1][0]) if page else None}
    return JSONResponse(paged([entry for _, entry in found], start, limit, **more))


@router.get("/users/me")
async def me(world: TheWorld, actor: TheActor) -> JSONResponse:
    company = {"company_id": COMPANY_ID, "company_name": "Test Company", "company_domain": "testcompany"}
    return JSONResponse({"success": True, "data": {**world.accounts.users[actor.user_id], **company, "is_you": True}})


@router.get("/callLogs")
async def list_call_logs(world: TheWorld, start: Start = 0, limit: Limit = 100) -> JSONResponse:
    logs = [log for log in world.call_logs.values() if log]
    return JSONResponse(paged(checked(CallLog, logs), start, limit))


@router.post("/callLogs")
async def add_call_log(world: TheWorld, actor: TheActor, body: CallLogPost) -> JSONResponse:
    given = body.given()
    if given.get("person_id") is not None:
        world.person(given["person_id"])
    activity_id = given.get("activity_id")
    if activity_id is not None:
        world.row("activity", activity_id)
        if any(log and log["activity_id"] == activity_id for log in world.call_logs.values()):
            raise ApiError(409, f"activity {activity_id} has a call log already")
    log_id = hashlib.sha1(f"call log {len(world.call_logs)}".encode()).hexdigest()
    fields = [field for field in CallLog.model_fields if field not in ("id", "has_recording", "company_id", "user_id")]
    log = {
        "id": log_id,
        **{field: given.get(field) for field in fields},
        "subject": given.get("subject") or f"Call to {given['to_phone_number']}",
        "start_time": v1_of(given["start_time"]),
        "end_time": v1_of(given["end_time"]),
        "user_id": given.get("user_id") or actor.user_id,
        "company_id": COMPANY_ID,
        "has_recording": False,
    }
    world.call_logs[log_id] = checked(CallLog, log)
    return JSONResponse({"success": True, "data": log})


@router.get("/callLogs/{log_id}")
async def get_call_log(world: TheWorld, log_id: str) -> JSONResponse:
    if log_id not in world.call_logs:
        raise not_found("Call log")
    if not world.call_logs[log_id]:
        raise ApiError(410, "The call log was deleted")
    return JSONResponse({"success": True, "data": world.call_logs[log_id]})


@router.delete("/callLogs/{log_id}")
async def delete_call_log(world: TheWorld, log_id: str) -> JSONResponse:
    await get_call_log(world, log_id)
    world.call_logs[log_id] = {}
    return JSONResponse({"success": True})


@router.get("/webhooks")
async def list_webhooks(world: TheWorld) -> JSONResponse:
    rows = checked(Webhook, list(world.hub.webhooks.values()))
    return JSONResponse({"status": "ok", "success": True, "data": rows})


@router.post("/webhooks")
async def add_webhook(world: TheWorld, actor: TheActor, request: Request) -> JSONResponse:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise bad_request("Validation failed: body: not JSON") from None
    webhook = world.hub.add(body if isinstance(body, dict) else {}, actor.user_id)
    return JSONResponse({"status": "ok", "success": True, "data": checked(Webhook, webhook)}, 201)


@router.delete("/webhooks/{webhook_id}")
async def delete_webhook(world: TheWorld, webhook_id: int) -> JSONResponse:
    world.hub.remove(webhook_id)
    return JSONResponse({"status": "ok", "success": True})


_RETIRED = {"persons", "deals", "organizations", "activities", "products", "pipelines", "stages", "itemSearch"}


@router.api_route("/{kind}", methods=["GET", "POST"])
@router.api_route("/{kind}/{rest}", methods=["GET", "PUT", "PATCH", "DELETE"])
async def retired(kind: str, rest: str = "") -> JSONResponse:
    if kind in _RETIRED:
        raise ApiError(410, f"/v1/{kind} is out of support since 2026-08-01: use /api/v2/{kind}", errorCode=410)
    raise ApiError(404, "Unknown method .")
