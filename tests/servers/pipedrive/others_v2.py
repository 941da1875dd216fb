"""Endpoints of API v2 on activities and deals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from tests.servers.pipedrive import dealings
from tests.servers.pipedrive.bodies import ActivityPatch, DealPatch, DealPost
from tests.servers.pipedrive.requests import Flag, Paging, TheActor, ThePaging, TheWorld, listing
from tests.servers.pipedrive.shapes import Activity, Deal, checked
from tests.servers.pipedrive.tables import Row
from tests.servers.pipedrive.world import World

router = APIRouter(prefix="/api/v2")


def _where(**wanted: Any) -> Callable[[Row], bool]:
    filters = {field: value for field, value in wanted.items() if value is not None}
    return lambda row: all(row[field] == value for field, value in filters.items())


@router.get("/activities")
async def list_activities(
    world: TheWorld,
    paging: ThePaging,
    owner_id: int | None = None,
    deal_id: int | None = None,
    lead_id: str | None = None,
    person_id: int | None = None,
    org_id: int | None = None,
    done: Flag = None,
) -> JSONResponse:
    state = None if done is None else done == "true"
    where = _where(owner_id=owner_id, deal_id=deal_id, lead_id=lead_id, person_id=person_id, org_id=org_id, done=state)
    arguments = paging.only("id", "update_time", "add_time", "due_date")
    rows, cursor = world.tables["activity"].page(**arguments, where=where)
    return JSONResponse(listing(checked(Activity, rows), cursor))


@router.get("/activities/{row_id}")
async def get_activity(world: TheWorld, row_id: int) -> JSONResponse:
    return _one(checked(Activity, world.row("activity", row_id)))


@router.post("/activities")
async def add_activity(world: TheWorld, actor: TheActor, body: ActivityPatch) -> JSONResponse:
    return _one(checked(Activity, dealings.create(world, "activity", body.given(), actor)))


@router.patch("/activities/{row_id}")
async def change_activity(world: TheWorld, actor: TheActor, row_id: int, body: ActivityPatch) -> JSONResponse:
    return _one(checked(Activity, dealings.change(world, "activity", row_id, body.given(), actor)))


@router.delete("/activities/{row_id}")
async def delete_activity(world: TheWorld, actor: TheActor, row_id: int) -> JSONResponse:
    dealings.delete(world, "activity", row_id, actor)
    return _one({"id": row_id})


def _deals(world: World, paging: Paging, archived: bool, **wanted: Any) -> JSONResponse:
    where = _where(is_archived=archived, **wanted)
    rows, cursor = world.tables["deal"].page(**paging.only("id", "update_time", "add_time"), where=where)
    return JSONResponse(listing(checked(Deal, rows), cursor))


@router.get("/deals")
async def list_deals(
    world: TheWorld,
    paging: ThePaging,
    owner_id: int | None = None,
    person_id: int | None = None,
    org_id: int | None = None,
    pipeline_id: int | None = None,
    stage_id: int | None = None,
    status: str | None = None,
) -> JSONResponse:
    wanted = {"owner_id": owner_id, "person_id": person_id, "org_id": org_id, "pipeline_id": pipeline_id}
    return _deals(world, paging, False, **wanted, stage_id=stage_id, status=status)


@router.get("/deals/archived")
async def list_archived_deals(
    world: TheWorld, paging: ThePaging, owner_id: int | None = None, person_id: int | None = None
) -> JSONResponse:
    return _deals(world, paging, True, owner_id=owner_id, person_id=person_id)


@router.get("/deals/{row_id}")
async def get_deal(world: TheWorld, row_id: int) -> JSONResponse:
    return _one(checked(Deal, world.row("deal", row_id)))


@router.post("/deals")
async def add_deal(world: TheWorld, actor: TheActor, body: DealPost) -> JSONResponse:
    return _one(checked(Deal, dealings.create(world, "deal", body.given(), actor)))


@router.patch("/deals/{row_id}")
async def change_deal(world: TheWorld, actor: TheActor, row_id: int, body: DealPatch) -> JSONResponse:
    return _one(checked(Deal, dealings.change(world, "deal", row_id, body.given(), actor)))


@router.delete("/deals/{row_id}")
async def delete_deal(world: TheWorld, actor: TheActor, row_id: int) -> JSONResponse:
    dealings.delete(world, "deal", row_id, actor)
    return _one({"id": row_id})


def _one(row: Row) -> JSONResponse:
    return JSONResponse({"success": True, "data": row})
