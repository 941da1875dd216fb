"""Endpoints of API v2 on persons and their fields."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse

from tests.servers.pipedrive import people
from tests.servers.pipedrive.bodies import FieldPost, Option, PersonPatch, PersonPost
from tests.servers.pipedrive.errors import bad_request
from tests.servers.pipedrive.forms import person_in_v2
from tests.servers.pipedrive.requests import Flag, Limit, TheActor, ThePaging, TheWorld, listing, split
from tests.servers.pipedrive.search import FIELDS
from tests.servers.pipedrive.shapes import PERSON_EXTRAS, FieldOption, Found, Person, PersonField, checked

router = APIRouter(prefix="/api/v2")
_CustomKeys = Annotated[str | None, Query(alias="custom_fields")]


def _include(text: str | None) -> list[str]:
    names = split(text, most=100, what="include_fields") or []
    if unknown := [name for name in names if name not in PERSON_EXTRAS]:
        raise bad_request(f"Validation failed: include_fields: {unknown[0]} is not one of the optional fields")
    return names


@router.get("/persons")
async def list_persons(
    world: TheWorld,
    paging: ThePaging,
    owner_id: int | None = None,
    org_id: int | None = None,
    deal_id: int | None = None,
    include_fields: str | None = None,
    custom_fields: _CustomKeys = None,
    include_option_labels: Flag = None,
    include_labels: Flag = None,
) -> JSONResponse:
    world.purge()
    include, custom = _include(include_fields), split(custom_fields, most=15, what="custom_fields")
    arguments = paging.only("id", "update_time", "add_time")
    if deal_id is not None:
        linked = world.row("deal", deal_id)["person_id"]
        arguments["ids"] = [] if linked is None else [linked]
    wanted = {"owner_id": owner_id, "org_id": org_id}
    filters = {field: value for field, value in wanted.items() if value is not None}
    where = (lambda row: all(row[field] == value for field, value in filters.items())) if filters else None
    rows, cursor = world.persons.page(**arguments, where=where)
    labels = include_option_labels == "true"
    shown = [person_in_v2(world, row, include, custom, labels) for row in rows]
    return JSONResponse(listing(checked(Person, shown), cursor))


@router.get("/persons/search")
async def search_persons(
    world: TheWorld,
    term: str,
    fields: str | None = None,
    exact_match: Flag = None,
    organization_id: int | None = None,
    include_fields: str | None = None,
    limit: Limit = 100,
    cursor: str | None = None,
) -> JSONResponse:
    exact = exact_match == "true"
    if len(term) < (1 if exact else 2):
        raise bad_request("Validation failed: term: must have at least 2 characters, or 1 with exact_match")
    wanted = split(fields, most=len(FIELDS), what="fields") or list(FIELDS)
    if unknown := [field for field in wanted if field not in FIELDS]:
        raise bad_request(f"Validation failed: fields: {unknown[0]} is not one of {', '.join(FIELDS)}")
    if include_fields not in (None, "person.picture"):
        raise bad_request("Validation failed: include_fields: only person.picture may be given")
    if cursor is not None and not cursor.removeprefix("p").isdecimal():
        raise bad_request("Provided cursor is invalid")
    first = int(cursor.removeprefix("p")) if cursor else 0
    hits = world.search.find(term, wanted, exact=exact)
    if organization_id is not None:
        hits = [hit for hit in hits if world.persons.rows[hit[1]]["org_id"] == organization_id]
    items = []
    for score, person_id, texts in hits[first : first + limit]:
        row = world.persons.rows[person_id]
        item = {
            "id": person_id,
            "type": "person",
            "name": texts["name"][0],
            "phones": texts["phone"],
            "emails": texts["email"],
            "primary_email": next(iter(texts["email"]), None),
            "visible_to": row["visible_to"],
            "owner": {"id": row["owner_id"]},
            "organization": None if row["org_id"] is None else {"id": row["org_id"]},
            "custom_fields": texts["custom_fields"],
            "notes": texts["notes"],
            "update_time": row["update_time"],
        }
        items.append({"result_score": score, "item": item})
    more = f"p{first + limit}" if len(hits) > first + limit else None
    data = {"items": checked(Found, items)}
    return JSONResponse({"success": True, "data": data, "additional_data": {"next_cursor": more}})


@router.get("/persons/{person_id}")
async def get_person(
    world: TheWorld,
    person_id: int,
    include_fields: str | None = None,
    custom_fields: _CustomKeys = None,
    include_option_labels: Flag = None,
) -> JSONResponse:
    include, custom = _include(include_fields), split(custom_fields, most=15, what="custom_fields")
    row = world.readable_person(person_id)
    return _one(person_in_v2(world, row, include, custom, include_option_labels == "true"))


@router.post("/persons")
async def add_person(world: TheWorld, actor: TheActor, body: PersonPost) -> JSONResponse:
    return _one(person_in_v2(world, people.create(world, body.given(), actor)))


@router.patch("/persons/{person_id}")
async def change_person(world: TheWorld, actor: TheActor, person_id: int, body: PersonPatch) -> JSONResponse:
    return _one(person_in_v2(world, people.change(world, person_id, body.given(), actor)))


@router.delete("/persons/{person_id}")
async def delete_person(world: TheWorld, actor: TheActor, person_id: int) -> JSONResponse:
    people.delete(world, person_id, actor)
    return JSONResponse({"success": True, "data": {"id": person_id}})


@router.get("/personFields")
async def list_fields(
    world: TheWorld, limit: Limit = 100, cursor: str | None = None, include_fields: str | None = None
) -> JSONResponse:
    if cursor is not None and not cursor.removeprefix("f").isdecimal():
        raise bad_request("Provided cursor is invalid")
    first = int(cursor.removeprefix("f")) if cursor else 0
    page = world.fields.all[first : first + limit]
    more = f"f{first + limit}" if len(world.fields.all) > first + limit else None
    return JSONResponse(listing(checked(PersonField, page), more))


@router.post("/personFields")
async def add_field(world: TheWorld, body: FieldPost) -> JSONResponse:
    options = None if body.options is None else [option.label for option in body.options]
    field = world.fields.add(body.field_name, body.field_type, options)
    return JSONResponse({"success": True, "data": checked(PersonField, field)})


@router.post("/personFields/{code}/options")
async def add_options(world: TheWorld, code: str, body: Annotated[list[Option], Body(min_length=1)]) -> JSONResponse:
    added = world.fields.add_options(code, [option.label for option in body])
    return JSONResponse({"success": True, "data": checked(FieldOption, added), "additional_data": None})


def _one(row: dict[str, Any]) -> JSONResponse:
    return JSONResponse({"success": True, "data": checked(Person, row)})
