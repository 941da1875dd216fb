"""What endpoints of several kinds take from a request: the account, who asks, paging and filters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request

from tests.servers.pipedrive.bodies import Timestamp
from tests.servers.pipedrive.errors import bad_request
from tests.servers.pipedrive.world import Actor, World


def world_of(request: Request) -> World:
    """The account that the server stands for."""
    world: World = request.app.state.world
    return world


def actor_of(request: Request) -> Actor:
    """The owner of the request's token: changes by it are changes by the API."""
    return Actor(request.scope["caller"].user_id, "api", request.headers.get("user-agent"))


TheWorld = Annotated[World, Depends(world_of)]
TheActor = Annotated[Actor, Depends(actor_of)]
Limit = Annotated[int, Query(ge=1, le=500)]
Flag = Literal["true", "false"] | None


def split(text: str | None, *, most: int, what: str) -> list[str] | None:
    """A comma list of a parameter; None if it was not given. ApiError 400 if it has too many entries."""
    if text is None:
        return None
    items = [item.strip() for item in text.split(",") if item.strip()]
    if len(items) > most:
        raise bad_request(f"Validation failed: {what}: at most {most} may be given")
    return items


def ids_of(text: str | None) -> list[int] | None:
    """The `ids` parameter: at most 100."""
    items = split(text, most=100, what="ids")
    if items is not None and not all(item.isdecimal() for item in items):
        raise bad_request("Validation failed: ids: must be a comma-separated list of numbers")
    return None if items is None else [int(item) for item in items]


class Paging:
    """Order, window and place of a list: the parameters that all v2 lists have."""

    def __init__(
        self,
        *,
        limit: Limit = 100,
        cursor: str | None = None,
        sort_by: str = "id",
        sort_direction: Literal["asc", "desc"] = "asc",
        updated_since: Annotated[Timestamp | None, Query()] = None,
        updated_until: Annotated[Timestamp | None, Query()] = None,
        ids: str | None = None,
        filter_id: int | None = None,
    ) -> None:
        if filter_id is not None:
            raise bad_request(f"Validation failed: filter_id: there is no filter {filter_id}")
        self.arguments: dict[str, Any] = {
            "limit": limit,
            "cursor": cursor,
            "sort_by": sort_by,
            "descending": sort_direction == "desc",
            "since": updated_since,
            "until": updated_until,
            "ids": ids_of(ids),
        }

    def only(self, *fields: str) -> dict[str, Any]:
        """The arguments of Table.page. ApiError 400 for an order that is none of these."""
        if self.arguments["sort_by"] not in fields:
            raise bad_request(f"Validation failed: sort_by: must be one of {', '.join(fields)}")
        return self.arguments


ThePaging = Annotated[Paging, Depends()]


def listing(rows: list[dict[str, Any]], cursor: str | None) -> dict[str, Any]:
    """The envelope of a v2 list."""
    return {"success": True, "data": rows, "additional_data": {"next_cursor": cursor}}


def paged(rows: list[dict[str, Any]], start: int, limit: int, **more: Any) -> dict[str, Any]:
    """The envelope of a v1 list, of all rows."""
    rest = len(rows) > start + limit
    page = {"start": start, "limit": limit, "more_items_in_collection": rest}
    if rest:
        page["next_start"] = start + limit
    return {"success": True, "data": rows[start : start + limit], "additional_data": {**more, "pagination": page}}
