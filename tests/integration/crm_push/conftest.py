"""A Pipedrive, our database, and what imports and marts would have made of both: for the tests of plan and apply."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cm_core import crm
from cm_core.crm import noting
from cm_core.crm.apply import Applied, apply_plan
from cm_core.crm.fields import PersonFields
from cm_core.crm.plan import make_plan
from cm_core.crm.setup import set_up
from cm_core.crm.steps import PlanRow, Step, steps_of
from cm_core.crm.suppressions import push_suppressions
from cm_core.settings import Settings
from cm_core.store import Database
from tests.conftest import SettingsFactory
from tests.integration.dbt.people import OLD, People
from tests.servers import PipedriveServer, running_pipedrive

_ROOT = Path(__file__).resolve().parents[3]
_MARTS = (_ROOT / "tests/golden_views.sql", Path(__file__).with_name("marts.sql"))
NOON = "2026-03-02T12:00:00Z"


def phone(last: int) -> str:
    return f"+1405555{2000 + last}"


class Push:
    """Both sides, and the commands between them. `settings` may be changed by a test (`limits`)."""

    def __init__(self, settings: Settings, database: Database, server: PipedriveServer) -> None:
        self.settings, self.database, self.server = settings, database, server
        self.people = People(database)
        for file in _MARTS:
            for statement in file.read_text().split(";\n"):
                self.people.run(statement)
        with crm.pipedrive(settings, database, purpose="setup") as client:
            set_up(settings, database, client)
            self.fields: PersonFields = crm.refresh_fields(settings, client)
        self.server.clock(NOON)

    # Their side

    def there(self, name: str, *, phones: tuple[str, ...] = (), emails: tuple[str, ...] = (), **more: Any) -> int:
        """A person that long was in the CRM; `address` and `do_not_contact` are fields of ours there."""
        custom: dict[str, Any] = {}
        if address := more.pop("address", None):
            custom[self.fields.codes["mailing_address"]] = {"value": address, "formatted_address": None}
        if said := more.pop("do_not_contact", None):
            custom[self.fields.codes["do_not_contact"]] = self.fields.option_ids("do_not_contact", list(said))
        person = {"name": name, "phones": list(phones), "emails": list(emails), "custom_fields": custom,
                  "update_time": "2026-02-01T00:00:00Z", **more}  # fmt: skip
        return int(self.server.load([person])["first_id"])

    def person(self, crm_id: int) -> dict[str, Any]:
        """The person as the CRM has it, our own fields by our keys."""
        found = self.server.person(crm_id)
        record = crm.normal(found)
        ours = {key: self.fields.value(record, key) for key in self.fields.codes}
        if isinstance(ours["mailing_address"], dict):
            ours["mailing_address"] = ours["mailing_address"]["value"]
        return {
            "name": found["name"], "phones": [p["value"] for p in found["phones"]],
            "emails": [p["value"] for p in found["emails"]], "is_deleted": found["is_deleted"], **ours,
        }  # fmt: skip

    def everybody(self) -> list[dict[str, Any]]:
        """All who are live there, by a list that costs nothing."""
        count = self.server.control("state")
        live = []
        for crm_id in range(1, count["persons"] + count["persons_deleted"] + 1):
            person = self.server.person(crm_id)
            if not person["is_deleted"]:
                live.append(person)
        return live

    def option(self, channel: str) -> list[int]:
        return self.fields.option_ids("do_not_contact", [channel])

    def renamed(self, key: str, *, name: str, **labels: str) -> None:
        """An administrator there calls a field of ours, and options of it, something else; we read the fields anew."""
        code = self.fields.codes[key]
        found = self.server.control(f"fields/{code}", {"field_name": name})["options"]
        options = [{**one, "label": labels.get(one["label"], one["label"])} for one in found]
        self.server.control(f"fields/{code}", {"options": options})
        self.refresh()

    def refresh(self) -> PersonFields:
        with crm.pipedrive(self.settings, self.database, purpose="fields") as client:
            return crm.refresh_fields(self.settings, client)

    # Ours

    def known(self, entity: int, crm_id: int | None = None, name: tuple[str, str] = ("Ann", "Lee"), **more: Any) -> int:
        """A person of ours as imports would have made it, linked to one of the CRM."""
        at = more.pop("at", OLD)
        kind = {key: more.pop(key) for key in ("entity_type", "organization_name", "original") if key in more}
        of = more.pop("golden", None)
        self.people.person(entity, first_name=name[0], last_name=name[1], at=at, entity=of, **kind)
        for number in more.pop("phones", ()):
            self.people.phone(entity, number, at=at)
        for address in more.pop("emails", ()):
            self.people.email(entity, address, at=at)
        if street := more.pop("street", None):
            self.people.address(entity, street, at=at)
        if crm_id is not None:
            self.link(entity, crm_id)
        assert not more, more
        return entity

    def link(self, person: int, crm_id: int) -> None:
        self.people._insert(
            "person_identifiers", person_id=person, id_type="record:pipedrive_person", id_value=str(crm_id),
            source_date=OLD, first_import_id="i", last_import_id="i",
        )  # fmt: skip

    def listed(self, person: int, first_name: str, at: str) -> None:
        """A list says another first name."""
        self.people.run(
            "update persons set first_name = %s, name_source_date = %s where id = %s", (first_name, at, person)
        )

    def renamed_on_both_sides(self, **edit: Any) -> int:
        """Ann of the CRM: somebody there (whom `edit` names) and a newer list of ours gave her another name each."""
        ann = self.there("Ann Lee", phones=(phone(1),))
        self.pull()
        self.known(1, ann, phones=[phone(1)])
        self.push()
        self.server.edit(ann, name="Annie Lee", **edit)
        self.pull()
        self.listed(1, "Anna", "2026-03-02 13:00:00")
        return ann

    def answered(self, person: int) -> None:
        self.people.touched(person, "call", "2026-02-20 10:00:00")

    # Between them

    def pull(self) -> None:
        """Read the CRM; what lands counts as imported where a test has made the rows."""
        crm.pull_day(self.settings, self.database, date(2026, 3, 2))

    def read(self, crm_id: int) -> None:
        """Read one person, as an apply does; nothing lands."""
        client = crm.pipedrive(self.settings, self.database, purpose="read", max_wait_s=5)
        with client as asked, self.database.connect() as connection:
            noting.read(connection, asked, self.fields, [crm_id])

    def plan(self) -> PlanRow:
        with crm.pipedrive(self.settings, self.database, purpose="plan", max_wait_s=5) as client:
            return make_plan(self.settings, self.database, client, requested_by="test")

    def apply(self, plan_id: str | None = None, **more: Any) -> Applied:
        return apply_plan(self.settings, self.database, plan_id, **more)

    def suppress(self) -> Applied | None:
        return push_suppressions(self.settings, self.database, requested_by="test")

    def push(self) -> Applied:
        self.plan()
        return self.apply()

    def steps(self, plan: PlanRow | Applied | None = None) -> list[Step]:
        latest = "select plan_id from crm_plans order by made_at desc limit 1"
        plan_id = plan.plan_id if plan else self.people.rows(latest)[0][0]
        with self.database.connect() as connection:
            return steps_of(connection, plan_id, most=1000)

    def rules(self) -> list[tuple[Any, ...]]:
        """The resolutions that are recorded, oldest first."""
        return self.people.rows("select field, winner, rule from crm_resolutions order by id")

    def landed(self, part: str) -> list[dict[str, Any]]:
        """The lines of the landed files whose names have `part` in them."""
        folder = Path(self.settings.landing.removeprefix("file://"))
        files = sorted(path for path in folder.rglob("*.jsonl") if part in path.name)
        return [json.loads(line) for path in files for line in path.read_text().splitlines()]

    def limits(self, **fields: Any) -> None:
        self.settings = self.settings.model_copy(update=fields)

    @contextmanager
    def applying(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """`cm crm apply` in a process of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "cm_core.cli.main", "crm", "apply", "--json", *arguments],
            env=self.environment() | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def environment(self) -> dict[str, str]:
        settings = self.settings
        assert settings.database_url is not None
        assert settings.pipedrive_token is not None
        ours = {name: value for name, value in os.environ.items() if not name.startswith("CM_")}
        return {
            **ours, "PYTHONPATH": str(_ROOT), "CM_HOME": str(settings.home),
            "CM_DATABASE_URL": settings.database_url.get_secret_value(), "CM_LANDING_URL": settings.landing,
            "CM_LAKE_URL": settings.lake, "CM_PIPEDRIVE_URL": settings.pipedrive_url,
            "CM_PIPEDRIVE_TOKEN": settings.pipedrive_token.get_secret_value(),
            "CM_PIPEDRIVE_BURST": str(settings.pipedrive_burst),
            "CM_PIPEDRIVE_BURST_SECONDS": str(settings.pipedrive_burst_seconds),
            "CM_PIPEDRIVE_DAILY_TOKENS": str(settings.pipedrive_daily_tokens),
            "CM_PIPEDRIVE_RESERVE_TOKENS": str(settings.pipedrive_reserve_tokens),
            "CM_WEB_TIMEOUT_SECONDS": str(settings.web_timeout_seconds),
            "CM_WEB_BACKOFF_SECONDS": str(settings.web_backoff_seconds),
        }  # fmt: skip


@pytest.fixture(scope="package")
def crm_server() -> Iterator[PipedriveServer]:
    with running_pipedrive(
        clock=NOON, clock_rate=0.0, burst=1000, search_burst=1000, webhook_scale=0.001, daily_tokens=1_000_000
    ) as running:
        yield running


@pytest.fixture
def push(make_settings: SettingsFactory, database: Database, crm_server: PipedriveServer) -> Push:
    """Both sides, empty; the server's clock stands at noon of 2026-03-02."""
    crm_server.reset()
    settings = make_settings(
        database=database, pipedrive_url=crm_server.url, pipedrive_token=crm_server.token, pipedrive_burst=1000,
        pipedrive_burst_seconds=0.5, pipedrive_daily_tokens=1_000_000, web_backoff_seconds=0.01,
        web_timeout_seconds=1.0,
    )  # fmt: skip
    return Push(settings, database, crm_server)
