"""`cm calls`: what it pulls and prints."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cm_core.cli import calls
from cm_core.cli.main import app
from cm_core.errors import UsageError
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.telephony.conftest import call
from tests.servers.ringcentral import RingCentral


@pytest.fixture
def cm(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(calls, "ready", lambda: (settings, database))
    return lambda *arguments: CliRunner().invoke(app, ["calls", *arguments], catch_exceptions=False).stdout


def test_a_day_is_pulled_and_shown(cm: Any, api: RingCentral) -> None:
    assert "Nothing was pulled" in cm("status")
    api.add_calls([call("a", "14T12:00")])
    pulled = json.loads(cm("pull", "--day", "2026-09-14", "--json"))
    assert [(one["source"], one["state"], one["records"]) for one in pulled] == [
        ("ringcentral_calls", "LANDED", 1), ("ringcentral_messages", "EMPTY", 0), ("ringcentral_consents", "EMPTY", 0),
    ]  # fmt: skip
    usage = api.usage()
    assert (usage["logins"], usage["revocations"]) == (1, 1)
    shown = cm("status")
    assert "ringcentral_calls_20260914T000000_r1" in shown
    assert "heavy" in shown
    assert len(json.loads(cm("status", "--json"))["pulls"]) == 3


def test_a_range_of_calls_alone(cm: Any, api: RingCentral) -> None:
    printed = cm("pull", "--from", "2026-09-01", "--to", "2026-09-14", "--only", "calls")
    assert printed.count("ringcentral_") == 1
    assert "EMPTY" in printed
    assert [request["query"]["dateFrom"] for request in api.requests() if "call-log" in request["path"]] == [
        ["2026-09-01T00:00:00.000Z"]
    ]


def test_options_that_cannot_be_meant(cm: Any) -> None:
    for arguments in (["--day", "2026-09-14", "--from", "2026-09-01"], ["--to", "2026-09-14"]):
        with pytest.raises(UsageError):
            cm("pull", *arguments)
