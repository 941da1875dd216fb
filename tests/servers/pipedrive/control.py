"""Endpoints for the tests, under /_control: clock, faults, counts, and what people do in the app. They cost nothing."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from tests.servers.pipedrive import dealings, people
from tests.servers.pipedrive.bodies import ActivityPatch, DealPatch, DealPost, FieldPost, PersonPatch, PersonPost
from tests.servers.pipedrive.clock import parse_v2
from tests.servers.pipedrive.errors import bad_request, not_found
from tests.servers.pipedrive.faults import Once, Settings
from tests.servers.pipedrive.forms import person_in_v2
from tests.servers.pipedrive.requests import TheWorld
from tests.servers.pipedrive.webhooks import DeliveryFaults
from tests.servers.pipedrive.world import Actor, Kind, World

router = APIRouter(prefix="/_control")
Source = Literal["app", "api"]


class Tick(BaseModel):
    """POST /_control/clock."""

    model_config = ConfigDict(extra="forbid")

    now: str | None = None
    advance_seconds: float = 0.0
    rate: float | None = None


class Account(BaseModel):
    """POST /_control/account: what is given is changed."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["open", "trial_expired", "closed"] | None = None
    contact_sync: bool | None = None
    daily_tokens: int | None = None


class Load(BaseModel):
    """POST /_control/load: these persons, or `count` invented ones that were updated `every_seconds` one by one."""

    model_config = ConfigDict(extra="forbid")

    persons: list[dict[str, Any]] | None = None
    count: int = 0
    first_time: str = "2026-01-01T00:00:00Z"
    every_seconds: float = 1.0
    seed: int = 0
    user_id: int = 2


class Code(BaseModel):
    """POST /_control/oauth/code: somebody said yes to the app."""

    redirect_uri: str
    user_id: int = 1
    scope: str | None = None


@router.post("/reset")
async def reset(request: Request, changes: dict[str, Any]) -> dict[str, Any]:
    """Begin anew with the server's first configuration and these changes of it; nothing of before is left."""
    try:
        config = request.app.state.config.replace(changes)
    except (TypeError, ValueError) as problem:
        raise bad_request(str(problem)) from None
    request.app.state.world.hub.close()
    request.app.state.world = World(config)
    return {"ok": True}


@router.get("/clock")
async def get_clock(world: TheWorld) -> dict[str, Any]:
    return {"now": world.clock.now(), "day": world.clock.day()}


@router.post("/clock")
async def set_clock(world: TheWorld, tick: Tick) -> dict[str, Any]:
    world.clock.set(now=tick.now, advance_seconds=tick.advance_seconds, rate=tick.rate)
    return {"now": world.clock.now(), "day": world.clock.day()}


@router.get("/usage")
async def usage(world: TheWorld) -> dict[str, Any]:
    return world.limits.report() | {"faults": world.faults.report()["injected"], "webhooks": dict(world.hub.counts)}


@router.get("/log")
async def log(world: TheWorld) -> list[dict[str, Any]]:
    return list(world.limits.log)


@router.get("/state")
async def state(world: TheWorld) -> dict[str, Any]:
    return world.counts()


@router.post("/account")
async def set_account(world: TheWorld, account: Account) -> dict[str, Any]:
    world.account_state = account.state or world.account_state
    world.contact_sync = world.contact_sync if account.contact_sync is None else account.contact_sync
    world.limits.daily_tokens = world.limits.daily_tokens if account.daily_tokens is None else account.daily_tokens
    return {"state": world.account_state, "contact_sync": world.contact_sync, "daily_tokens": world.limits.daily_tokens}


@router.post("/users")
async def add_user(world: TheWorld, body: dict[str, str]) -> dict[str, Any]:
    return world.accounts.add_user(body["name"], token=body.get("token"))


@router.post("/oauth/code")
async def give_code(world: TheWorld, body: Code) -> dict[str, Any]:
    scope = {} if body.scope is None else {"scope": body.scope}
    return {"code": world.accounts.new_code(body.user_id, body.redirect_uri, **scope)}


@router.post("/oauth/revoke")
async def revoke(world: TheWorld) -> dict[str, Any]:
    world.accounts.revoke()
    return {"ok": True}


@router.get("/faults")
async def get_faults(world: TheWorld) -> dict[str, Any]:
    return world.faults.report()


@router.post("/faults")
async def set_faults(world: TheWorld, settings: Settings) -> dict[str, Any]:
    world.faults.set(settings)
    return world.faults.report()


@router.post("/faults/once")
async def add_fault(world: TheWorld, once: Once) -> dict[str, Any]:
    world.faults.add(once)
    return world.faults.report()


@router.delete("/faults")
async def clear_faults(world: TheWorld) -> dict[str, Any]:
    world.faults.clear()
    return world.faults.report()


@router.post("/webhooks/faults")
async def set_delivery_faults(world: TheWorld, faults: DeliveryFaults) -> dict[str, Any]:
    world.hub.set_faults(faults)
    return {"ok": True}


@router.post("/webhooks/drain")
async def drain(world: TheWorld, body: dict[str, float]) -> dict[str, Any]:
    return {"drained": await world.hub.drain(body.get("seconds", 10.0))}


@router.get("/webhooks")
async def deliveries(world: TheWorld) -> dict[str, Any]:
    return world.hub.report()


@router.post("/fields")
async def add_field(world: TheWorld, body: FieldPost) -> dict[str, Any]:
    options = None if body.options is None else [option.label for option in body.options]
    return world.fields.add(body.field_name, body.field_type, options)


@router.post("/fields/{code}")
async def change_field(world: TheWorld, code: str, body: dict[str, Any]) -> dict[str, Any]:
    """What an administrator does to a field: another name, options with other labels, more, or fewer."""
    field = world.fields.custom[code]
    field.update(body)
    return field


@router.post("/load")
async def load(world: TheWorld, body: Load) -> dict[str, Any]:
    persons = body.persons if body.persons is not None else _invented(body)
    ids = people.load(world, persons, body.user_id)
    return {"count": len(ids), "first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}


@router.get("/persons/{person_id}")
async def get_person(world: TheWorld, person_id: int) -> dict[str, Any]:
    """The person as it is, deleted or not, with who it was merged into."""
    row = world.persons.rows.get(person_id)
    if row is None:
        raise not_found("Person")
    shown = person_in_v2(world, row, ["marketing_status"])
    return {**shown, "merged_into": world.merged_into.get(person_id)}


@router.post("/persons")
async def create_person(world: TheWorld, body: dict[str, Any]) -> dict[str, Any]:
    actor, given = _who(body)
    return person_in_v2(world, people.create(world, PersonPost.model_validate(given).given(), actor))


@router.post("/persons/{person_id}")
async def change_person(world: TheWorld, person_id: int, body: dict[str, Any]) -> dict[str, Any]:
    actor, given = _who(body)
    return person_in_v2(world, people.change(world, person_id, PersonPatch.model_validate(given).given(), actor))


@router.post("/persons/{person_id}/subscribe")
async def subscribe(world: TheWorld, person_id: int) -> dict[str, Any]:
    """The person subscribes by a form of the Campaigns add-on: no user and no program may do that after an opt-out."""
    world.persons.rows[person_id]["marketing_status"] = "no_consent"
    actor, given = _who({"marketing_status": "subscribed"})
    return person_in_v2(world, people.change(world, person_id, given, actor))


@router.delete("/persons/{person_id}")
async def delete_person(
    world: TheWorld, person_id: int, user_id: int = 2, change_source: Source = "app"
) -> JSONResponse:
    people.delete(world, person_id, Actor(user_id, change_source))
    return JSONResponse({"id": person_id})


@router.post("/persons/{person_id}/merge")
async def merge(world: TheWorld, person_id: int, body: dict[str, Any]) -> dict[str, Any]:
    actor, given = _who(body)
    return person_in_v2(world, people.merge(world, person_id, given["merge_with_id"], actor))


@router.post("/{kind}s")
async def create_other(world: TheWorld, kind: Literal["deal", "activitie"], body: dict[str, Any]) -> dict[str, Any]:
    actor, given = _who(body)
    model = DealPost if kind == "deal" else ActivityPatch
    return dealings.create(world, _kind(kind), model.model_validate(given).given(), actor)


@router.post("/{kind}s/{row_id}")
async def change_other(
    world: TheWorld, kind: Literal["deal", "activitie"], row_id: int, body: dict[str, Any]
) -> dict[str, Any]:
    actor, given = _who(body)
    model = DealPatch if kind == "deal" else ActivityPatch
    return dealings.change(world, _kind(kind), row_id, model.model_validate(given).given(), actor)


def _kind(name: str) -> Kind:
    return "deal" if name == "deal" else "activity"


def _who(body: dict[str, Any]) -> tuple[Actor, dict[str, Any]]:
    """Who does it, out of the body (user_id, change_source, is_bulk), and the rest of it."""
    rest = dict(body)
    user_id, source = rest.pop("user_id", 2), rest.pop("change_source", "app")
    agent = "Mozilla/5.0" if source == "app" else "test-automation/1.0"
    return Actor(user_id, source, agent, rest.pop("is_bulk", False)), rest


def _invented(load: Load) -> list[dict[str, Any]]:
    """People with an address at example.com, each another; the first 50 000 with a phone for fiction (555-01XX)."""
    chance, first = random.Random(load.seed), datetime.fromisoformat(parse_v2(load.first_time))
    firsts = ("Ann", "Bob", "Carla", "Dwight", "Ella", "Frank", "Grace", "Hank", "Ida", "Jack")
    lasts = ("Smith", "Jones", "Miller", "Garcia", "Nguyen", "Olson", "Baker", "Young", "King", "Wright")
    invented: list[dict[str, Any]] = []
    for place in range(load.count):
        given, family = chance.choice(firsts), f"{chance.choice(lasts)}-{place}"
        moment = (first + timedelta(seconds=place * load.every_seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        phone = f"+1{405 + place // 100}555{100 + place % 100:04d}"
        invented.append(
            {
                "name": f"{given} {family}",
                "emails": [f"{given.lower()}.{place}@example.com"],
                "phones": [phone] if place < 50_000 else [],
                "add_time": moment,
                "update_time": moment,
            }
        )
    return invented
