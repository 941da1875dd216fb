"""`cm crm`: what it prints, and what it says where something is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cm_core.cli.main import app
from cm_core.errors import SettingsError, UsageError
from cm_core.settings import Settings
from tests.servers import PipedriveServer


@pytest.fixture
def run(crm_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `cm crm ...`; its output, or the error that the user would be told."""
    assert crm_settings.database_url
    assert crm_settings.pipedrive_token
    for name, value in {
        "HOME": crm_settings.home, "DATABASE_URL": crm_settings.database_url.get_secret_value(),
        "LANDING_URL": crm_settings.landing, "LAKE_URL": crm_settings.lake, "PIPEDRIVE_BURST": 1000,
        "PIPEDRIVE_URL": crm_settings.pipedrive_url, "PIPEDRIVE_TOKEN": crm_settings.pipedrive_token.get_secret_value(),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"CM_{name}", str(value))

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["crm", *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return call


def test_pulling_reconciling_and_how_things_stand(crm: PipedriveServer, run: Any) -> None:
    crm.load([{"name": "Ann"}, {"name": "Bob"}])
    pulls = json.loads(run("pull", "--day", "2026-03-02", "--json"))
    assert [(each["source"], each["state"], each["lines"]) for each in pulls] == [
        ("pipedrive_persons", "LANDED", 2), ("pipedrive_activities", "EMPTY", 0), ("pipedrive_deals", "EMPTY", 0),
    ]  # fmt: skip
    assert "pipedrive_persons-2026-03-02-r2" in run("pull", "--day", "2026-03-02")
    crm.clock(advance_seconds=60)
    crm.control("persons/2", method="DELETE")
    assert json.loads(run("reconcile", "--json"))["vanished"]["deleted"] == [2]
    status = json.loads(run("status", "--json"))
    assert status["people"] == {"live": 1, "deleted": 1, "merged": 0, "gone": 0, "erased": 0}
    assert status["covered_to"]["pipedrive_persons"] == "2026-03-02 08:01:00"
    assert "people live" in run("status")
    assert json.loads(run("webhooks", "--handle", "--json"))["events"] == 0


def test_what_is_wrong_is_said(run: Any) -> None:
    with pytest.raises(UsageError, match="'tomorrow' is no day"):
        run("pull", "--day", "tomorrow")
    with pytest.raises(UsageError, match="still to come"):
        run("pull", "--day", "2999-01-01")
    with pytest.raises(SettingsError, match="CM_PIPEDRIVE_WEBHOOK_USER"):
        run("webhooks")
