"""The endpoints of texts: message-store and message-sync, consents of version 2, and the older opt-outs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from tests.servers.ringcentral import syncs
from tests.servers.ringcentral.consents import as_opt_out, page_of
from tests.servers.ringcentral.errors import ApiError, invalid
from tests.servers.ringcentral.messages import WantedMessages
from tests.servers.ringcentral.moments import to_text
from tests.servers.ringcentral.params import Params, paged
from tests.servers.ringcentral.shapes import ConsentChange, ConsentPage, MessagePage, MessageSync, OptOutPage
from tests.servers.ringcentral.world import World

_SYNC_MOST = 250
_TYPES = ("Fax", "SMS", "VoiceMail", "Pager")
_AVAILABILITY = ("Alive", "Deleted", "Purged")
_STATUSES = ("OptOut", "OptIn")
_COVERAGE = ("PhoneNumber", "Account", "CampaignType")


def message_routes(world: World) -> APIRouter:
    """The routes over a world."""
    router = APIRouter()
    extension = "/restapi/v1.0/account/{account_id}/extension/{extension_id}"
    consents = "/restapi/v2/accounts/{account_id}/sms/consents"

    @router.get(extension + "/message-store")
    async def list_messages(request: Request) -> Response:
        world.enter(request, "light", app="ReadMessages", user="ReadMessages")
        world.check_account(request.path_params["account_id"])
        params = Params(request)
        wanted = _wanted(params, world.extension(request.path_params["extension_id"]))
        since, until = params.window(world.clock.now())
        number, size = params.page()
        found = world.messages.list(since, until, wanted)
        records = found[(number - 1) * size : number * size]
        body = paged(request, records, number, size, has_more=number * size < len(found))
        return world.answer(request, MessagePage, body)

    @router.get(extension + "/message-sync")
    async def sync_messages(request: Request) -> Response:
        world.enter(request, "light", app="ReadMessages", user="ReadMessages")
        world.check_account(request.path_params["account_id"])
        params = Params(request)
        extension_id = world.extension(request.path_params["extension_id"])
        full = params.choice("syncType", ("FSync", "ISync"), "FSync") == "FSync"
        count = params.number("recordCount", _SYNC_MOST, _SYNC_MOST) or _SYNC_MOST
        now = world.clock.now()
        older = False
        if full:
            wanted = _wanted(params, extension_id)
            found = world.messages.list(*params.window(now), wanted)
            older = len(found) > count
            records = found[:count]
            known: dict[str, Any] = {"types": sorted(wanted.type), "directions": sorted(wanted.direction)}
        else:
            known = syncs.read(params.text("syncToken"), world.sync_epoch, "messages")
            if known["extension"] != extension_id:
                raise syncs.expired("messages")
            wanted = WantedMessages(
                extension_id, frozenset(_AVAILABILITY), frozenset(known["directions"]), frozenset(known["types"]),
                frozenset(("Read", "Unread")),
            )  # fmt: skip
            records = world.messages.changes(known["at"], wanted)
            if len(records) > _SYNC_MOST:
                raise syncs.expired("messages")
        token = syncs.make(
            world.sync_epoch, "messages", at=now, extension=extension_id, types=known["types"],
            directions=known["directions"],
        )  # fmt: skip
        info = {
            "syncType": "FSync" if full else "ISync", "syncToken": token, "syncTime": to_text(now),
            "olderRecordsExist": older,
        }  # fmt: skip
        return world.answer(request, MessageSync, {"uri": str(request.url), "records": records, "syncInfo": info})

    def enter_consents(request: Request) -> Params:
        world.enter(request, "light", app="SMS")
        world.check_account(request.path_params["account_id"])
        return Params(request)

    @router.get(consents)
    async def list_consents(request: Request) -> Response:
        params = enter_consents(request)
        statuses = params.choices("optStatus", _STATUSES) if "optStatus" in params else frozenset(("OptOut",))
        coverage = params.choices("coverage", _COVERAGE)
        found = world.consents.list(params.texts("from"), params.texts("to"), statuses, coverage)
        return world.answer(request, ConsentPage, page_of(found, params.text("pageToken"), _per_page(params)))

    @router.patch(consents)
    async def change_consents(request: Request) -> Response:
        enter_consents(request)
        try:
            records = (await request.json())["records"]
        except (ValueError, KeyError, TypeError):
            raise ApiError(400, "CMN-103", "JSON can't be parsed.") from None
        if not isinstance(records, list) or not records:
            raise invalid("records")
        return world.answer(request, ConsentChange, {"failedRecords": world.consents.change(records)})

    @router.get(consents + "/export")
    async def export_consents(request: Request) -> Response:
        enter_consents(request)
        return Response(world.consents.export(), 200, request.state.headers, "text/csv;charset=utf-8")

    @router.get(consents + "/history")
    async def consent_history(request: Request) -> Response:
        params = enter_consents(request)
        found = world.consents.history(params.texts("to"))
        return world.answer(request, ConsentPage, page_of(found, params.text("pageToken"), _per_page(params)))

    @router.get("/restapi/v1.0/account/{account_id}/a2p-sms/opt-outs")
    async def list_opt_outs(request: Request) -> Response:
        world.enter(request, "light", app="A2PSMS")
        world.check_account(request.path_params["account_id"])
        params = Params(request)
        status = params.choice("status", ("optout", "optin", "all"), "optout")
        statuses = {"optout": ("OptOut",), "optin": ("OptIn",), "all": _STATUSES}[status]
        found = world.consents.list(params.texts("from"), params.texts("to"), frozenset(statuses), frozenset(_COVERAGE))
        page = page_of(found, params.text("pageToken"), _per_page(params), as_opt_out)
        return world.answer(request, OptOutPage, page)

    return router


def _wanted(params: Params, extension_id: str) -> WantedMessages:
    return WantedMessages(
        extension_id=extension_id,
        availability=params.choices("availability", _AVAILABILITY)
        if "availability" in params
        else frozenset(("Alive",)),
        direction=params.choices("direction", ("Inbound", "Outbound")),
        type=params.choices("messageType", _TYPES),
        read_status=params.choices("readStatus", ("Read", "Unread")),
        conversation_id=params.text("conversationId"),
        phone_number=params.text("phoneNumber"),
    )


def _per_page(params: Params) -> int:
    """The documents: what is more than the maximum is the maximum."""
    return min(params.number("perPage", 100, 10**9) or 100, 1000)
