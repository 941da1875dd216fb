"""The call log's endpoints: lists, single calls, call-log-sync and call-log-extract-sync, of account and extension."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from tests.servers.ringcentral import syncs
from tests.servers.ringcentral.calls import Wanted
from tests.servers.ringcentral.errors import ApiError, invalid, not_found
from tests.servers.ringcentral.moments import DAY_MS, to_text
from tests.servers.ringcentral.params import Params, paged
from tests.servers.ringcentral.shapes import Call, CallPage, CallSync
from tests.servers.ringcentral.world import World

_SYNC_MOST = 250
_EXTRACT_MOST = 1000
_FRAME_DAYS = 30


def call_routes(world: World) -> APIRouter:
    """The routes over a world."""
    router = APIRouter()
    account = "/restapi/v1.0/account/{account_id}"
    extension = account + "/extension/{extension_id}"

    def enter(request: Request) -> str | None:
        """Let a request in; the extension that it is about."""
        of_account = "extension_id" not in request.path_params
        world.enter(request, "heavy", app="ReadCallLog", user="FullCompanyCallLog" if of_account else "ReadCallLog")
        world.check_account(request.path_params["account_id"])
        return None if of_account else world.extension(request.path_params["extension_id"])

    @router.get(account + "/call-log")
    @router.get(extension + "/call-log")
    async def list_calls(request: Request) -> Response:
        world.counts["list_calls"] += 1
        extension_id = enter(request)
        params = Params(request)
        wanted = _wanted(params, extension_id, deleted=world.config.show_deleted and params.flag("showDeleted"))
        since, until = _window(params, world.clock.now())
        number, size = params.page()
        view = params.choice("view", ("Simple", "Detailed"), "Simple")
        ids = world.calls.list(since, until, wanted)
        records = world.calls.show(ids[(number - 1) * size : number * size], view)
        world.counts["records"] += len(records)
        body = paged(request, records, number, size, has_more=number * size < len(ids))
        return world.answer(request, CallPage, body)

    @router.get(account + "/call-log/{call_id}")
    @router.get(extension + "/call-log/{call_id}")
    async def one_call(request: Request, call_id: str) -> Response:
        enter(request)
        view = Params(request).choice("view", ("Simple", "Detailed"), "Simple")
        if world.calls.get(call_id) is None:
            raise not_found("callRecordId")
        return world.answer(request, Call, world.calls.show([call_id], view)[0])

    @router.get(account + "/call-log-sync")
    @router.get(extension + "/call-log-sync")
    async def sync_calls(request: Request) -> Response:
        extension_id = enter(request)
        params = Params(request)
        full = params.choice("syncType", ("FSync", "ISync"), "FSync") == "FSync"
        count = params.number("recordCount", None, _SYNC_MOST)
        now = world.clock.now()
        if full:
            if count is None:
                raise invalid("recordCount")
            groups = params.choices("statusGroup", ("Missed", "All"))
            since = params.moment("dateFrom")
            if since is not None and since < now - _FRAME_DAYS * DAY_MS:
                raise invalid("dateFrom")
            known = {
                "view": params.choice("view", ("Simple", "Detailed"), "Simple"),
                "missed": groups == {"Missed"},
                "extension": extension_id,
                "since": now - DAY_MS if since is None else since,
            }
            wanted = Wanted(extension_id=extension_id, missed=known["missed"])
            ids = world.calls.list(known["since"], None, wanted)[:count]
        else:
            known = syncs.read(params.text("syncToken"), world.sync_epoch, "calls")
            if known["extension"] != extension_id:
                raise syncs.expired("calls")
            wanted = Wanted(extension_id=extension_id, missed=known["missed"], deleted=params.flag("showDeleted"))
            ids = [call_id for _, call_id in reversed(world.calls.changes(known["at"], wanted))]
            if len(ids) > _SYNC_MOST:
                raise syncs.too_many()
            # The frame may grow into the past; what is new goes first.
            frame = world.calls.list(known["since"], None, wanted)
            ids += [call_id for call_id in frame if call_id not in ids][: count or 0][: _SYNC_MOST - len(ids)]
        kept = {name: known[name] for name in ("view", "missed", "extension", "since")}
        token = syncs.make(world.sync_epoch, "calls", at=now, **kept)
        info = {"syncType": "FSync" if full else "ISync", "syncToken": token, "syncTime": to_text(now)}
        records = world.calls.show(ids, str(known["view"]))
        return world.answer(request, CallSync, {"uri": str(request.url), "records": records, "syncInfo": info})

    @router.get(account + "/call-log-extract-sync")
    async def extract_calls(request: Request) -> Response:
        enter(request)
        params = Params(request)
        full = params.choice("syncType", ("FSync", "ISync"), "FSync") == "FSync"
        count = params.number("recordCount", 250, _EXTRACT_MOST) or 250
        now = world.clock.now()
        if full:
            since = params.moment("dateFrom")
            known: dict[str, Any] = {
                "at": now - 3_600_000 if since is None else since - 1,
                "id": "",
                "view": params.choice("view", ("Simple", "Detailed"), "Simple"),
            }
        else:
            known = syncs.read(params.text("syncToken"), world.sync_epoch, "extract")
        # From where the last answer ended, oldest change first: (moment, id), since a moment may have several.
        after = (known["at"], known["id"])
        changes = [change for change in world.calls.changes(known["at"] - 1, Wanted(deleted=True)) if change > after]
        given, left = changes[:count], changes[count:]
        at, last_id = given[-1] if given else after
        token = syncs.make(world.sync_epoch, "extract", at=at, id=last_id, view=known["view"])
        info = {
            "syncType": "FSync" if full else "ISync", "syncToken": token, "syncTime": to_text(now),
            "newerRecordsExist": bool(left),
        }  # fmt: skip
        records = world.calls.show([call_id for _, call_id in given], known["view"])
        return world.answer(request, CallSync, {"uri": str(request.url), "records": records, "syncInfo": info})

    return router


def _wanted(params: Params, extension_id: str | None, *, deleted: bool) -> Wanted:
    if "extensionNumber" in params and "phoneNumber" in params:
        raise invalid("extensionNumber")
    recording = params.choice("recordingType", ("Automatic", "OnDemand", "All", ""), "")
    if not recording and params.flag("withRecording"):
        recording = "All"
    return Wanted(
        direction=params.choices("direction", ("Inbound", "Outbound")),
        type=params.choices("type", ("Voice", "Fax")),
        phone_number=params.bare_number("phoneNumber"),
        extension_number=params.bare_number("extensionNumber"),
        extension_id=extension_id,
        session_id=params.text("sessionId"),
        telephony_session_id=params.text("telephonySessionId"),
        recording=recording or None,
        deleted=deleted,
    )


def _window(params: Params, now: int) -> tuple[int | None, int | None]:
    """The times to look between; a session is looked for at any time."""
    if "sessionId" not in params:
        return params.window(now)
    for name in ("dateFrom", "dateTo", "phoneNumber", "extensionNumber", "direction", "type"):
        if name in params:
            message = f"Parameter [sessionId] is not allowed for usage along with parameter [{name}]"
            raise ApiError(400, "CLG-110", message, parameterName="sessionId")
    return None, None
