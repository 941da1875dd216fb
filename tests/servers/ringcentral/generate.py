"""Calls of an office, made by a seed: what people do, and the odd ends that a log of many days has."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tests.servers.ringcentral.calls import HOME
from tests.servers.ringcentral.config import OWN_EXTENSION_ID
from tests.servers.ringcentral.moments import to_milliseconds, to_text

OWN_NUMBER = "+14052329000"
_RESULTS = ("Call connected", "Voicemail", "No Answer", "Hang Up", "Busy", "Wrong Number")
_INBOUND_RESULTS = ("Accepted", "Missed", "Voicemail", "Hang Up", "Abandoned")
#: Not in any list: the sets are open.
NEW_RESULT, NEW_ACTION = "Screened by Assistant", "AI Receptionist"
_REPS = (
    (OWN_EXTENSION_ID, "101", "Dana Reed"),
    ("62288329017", "102", "Lou Vance"),
    ("62288329018", "103", "Kit Ames"),
)


def calls(
    count: int,
    first: str,
    until: str,
    *,
    seed: int = 0,
    numbers: Sequence[str] = (),
    prefix: str = "C",
    anonymous: float = 0.01,
    internal: float = 0.02,
    odd_numbers: float = 0.005,
    unknown: float = 0.01,
    recorded: float = 0.2,
    legs: bool = False,
) -> list[dict[str, Any]]:
    """`count` calls that begin in [first, until), with people of `numbers` (else numbers of nobody).

    The shares: callers without a number, calls between extensions, numbers that are not E.164, results and actions that
    are in no list, recordings. Ids are `prefix` and a number, so they are the same for the same arguments.
    """
    source = random.Random(seed)
    start, end = to_milliseconds(first), to_milliseconds(until)
    times = sorted(source.randrange(start, end) for _ in range(count))
    shares = (anonymous, internal, odd_numbers, unknown)
    made = []
    for number, moment in enumerate(times):
        kind = _kind(source.random(), shares)
        person = source.choice(numbers) if numbers else f"+1405{source.randrange(2_320_000, 2_329_000)}"
        call = _call(source, f"{prefix}{number:08d}", moment, person, kind)
        if source.random() < recorded and call["duration"] >= 30:
            call["recording"] = _recording(call["id"])
        if legs:
            call["legs"] = [_leg(call)]
        made.append(call)
    return made


def _kind(drawn: float, shares: tuple[float, float, float, float]) -> str:
    for kind, share in zip(("anonymous", "internal", "odd", "unknown"), shares, strict=True):
        if drawn < share:
            return kind
        drawn -= share
    return "plain"


def _call(source: random.Random, call_id: str, moment: int, person: str, kind: str) -> dict[str, Any]:
    rep_id, extension, name = source.choice(_REPS)
    ours: dict[str, Any] = {
        "phoneNumber": OWN_NUMBER,
        "extensionNumber": extension,
        "extensionId": rep_id,
        "name": name,
    }
    theirs: dict[str, Any] = {"phoneNumber": person, "location": "Oklahoma City, OK"}
    outbound = source.random() < 0.7 and kind != "anonymous"
    result = source.choice(_RESULTS if outbound else _INBOUND_RESULTS)
    action = "VoIP Call" if outbound else "Phone Call"
    match kind:
        case "anonymous":
            theirs = {"name": "Anonymous"} if source.random() < 0.5 else {}
        case "internal":
            other_id, other_extension, other_name = source.choice([rep for rep in _REPS if rep[1] != extension])
            theirs = {"extensionNumber": other_extension, "extensionId": other_id, "name": other_name}
            ours.pop("phoneNumber")
        case "odd":
            theirs["phoneNumber"] = source.choice(("611", "*67", "411", "5552368", "01144", "+1405"))
        case "unknown":
            result, action = NEW_RESULT, NEW_ACTION
    seconds = source.randrange(20, 600) if result in ("Call connected", "Accepted") else source.randrange(0, 40)
    ends = {"from": ours, "to": theirs} if outbound else {"from": theirs, "to": ours}
    return {
        "id": call_id,
        "uri": f"{HOME}/call-log/{call_id}?view=Simple",
        "sessionId": f"S{call_id}",
        "telephonySessionId": f"s-{call_id.lower()}",
        "partyId": f"p-{call_id.lower()}-1",
        "startTime": to_text(moment),
        "duration": seconds,
        "durationMs": seconds * 1000,
        "type": "Voice",
        "internalType": "Local",
        "direction": "Outbound" if outbound else "Inbound",
        "action": action,
        "result": result,
        **ends,
        "extension": {"id": int(rep_id), "uri": f"{HOME}/extension/{rep_id}"},
        "transport": "PSTN",
    }


def _recording(call_id: str) -> dict[str, str]:
    uri = f"{HOME}/recording/R{call_id}"
    return {"id": f"R{call_id}", "uri": uri, "type": "Automatic", "contentUri": f"{uri}/content"}


def _leg(call: dict[str, Any]) -> dict[str, Any]:
    left_out = ("id", "uri", "recording")
    return {
        **{name: value for name, value in call.items() if name not in left_out},
        "legType": "SipToPstnMetered" if call["direction"] == "Outbound" else "PstnToSip",
        "master": True,
    }
