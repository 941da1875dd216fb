"""A day of the CRM and of calls in `cm demo`: in from Pipedrive and RingCentral, imported, and out to Pipedrive again.

The other sides are the servers that stand in for them in the tests (`tests/servers`), on loopback: whatever accounts
are set up, the demo asks none of them. Where the tests are not at hand, this part is left out and said so.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

import cm_core
from cm_core.cli import ingest, output, runner, summary
from cm_core.errors import CmError
from cm_core.settings import Settings
from cm_core.store.database import Database

_ROOT = Path(cm_core.__file__).resolve().parents[1]
_START_SECONDS = 60.0
_KNOWN = "select exists (select 1 from crm_persons)"
_CHOSEN = """
select p.id, p.first_name, p.last_name, min(c.phone_e164), min(e.email)
from persons as p
inner join phone_numbers as c on c.person_id = p.id and c.phone_e164 is not null
left join email_addresses as e on e.person_id = p.id and e.email is not null
where p.is_original = 1 and p.entity_type = 'person' and p.first_name is not null and p.last_name is not null
group by p.id, p.first_name, p.last_name
order by p.id
limit 100
"""
#: Not in our lists: one who came to the CRM by herself.
_STRANGER = {"name": "Philippa Quarterman", "phone": "+14052329700", "email": "philippa.quarterman@example.org"}
#: A number of the demo's own office.
_OFFICE = "+14055550100"


def day(settings: Settings, database: Database) -> bool:
    """The day, told as it goes. Whether all went well; True also where it is left out."""
    if not (_ROOT / "tests" / "servers").is_dir():
        output.out.print("The day of the CRM is left out: the servers that it needs come with the source only.")
        return True
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_KNOWN)
        if cursor.fetchall()[0][0]:
            output.out.print("The day of the CRM is left out: this database has people of a CRM already.")
            return True
        cursor.execute(_CHOSEN)
        people = list(cursor.fetchall())
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    with _standing_in("pipedrive") as pipedrive, _standing_in("ringcentral") as ringcentral:
        there = _settings(settings, pipedrive, ringcentral)
        _fill(pipedrive, ringcentral, people, yesterday)
        try:
            return _in(there, database, yesterday) and _out(there, database, pipedrive)
        except CmError as error:
            output.print_error(str(error))
            return False


def _in(settings: Settings, database: Database, yesterday: date) -> bool:
    """Pull a day, import what landed."""
    from cm_core import crm, telephony

    with output.progress("pulling a day of Pipedrive and RingCentral"):
        with crm.pipedrive(settings, database, purpose="cm demo") as client:
            crm.set_up(settings, database, client)
        pulled = [crm.pull_day(settings, database, yesterday, source=source) for source in crm.SOURCES]
        rows: list[tuple[Any, ...]] = [
            (each.source, each.state, each.records, each.usage.requests, each.usage.tokens) for each in pulled
        ]
        for pull in (telephony.pull_calls, telephony.pull_messages, telephony.pull_consents):
            found = pull(settings, database, yesterday)
            rows.append((found.source, found.state, found.records, found.requests, ""))
        telephony.log_out(settings, database)
    output.print_table(
        ("pulled", "state", "records", "requests", "tokens"), rows, title="A day of the CRM and of calls"
    )
    imported = _import_landed(settings, database)
    result = summary.dedupe(settings, database)
    return imported and result["status"] == "COMPLETE"


def _out(settings: Settings, database: Database, pipedrive: str) -> bool:
    """Somebody edits a person there, somebody opts out here; then a plan, and what became of it."""
    from cm_core import crm
    from cm_core.cli import push_view
    from cm_core.compliance import by_hand
    from cm_core.compliance.subjects import Subject

    httpx.post(f"{pipedrive}/_control/persons/1", json={"name": "Edited by a Person"}).raise_for_status()
    by_hand.suppress(database, Subject("phone", _STRANGER["phone"]), "call", reason="asked on the telephone", by="demo")
    told = crm.push_suppressions(settings, database, requested_by="demo")
    with output.progress("planning a push"), crm.pipedrive(settings, database, purpose="cm demo") as client:
        made = crm.make_plan(settings, database, client, requested_by="demo")
        left = client.api.limiter.tokens_left()
    with closing(database.connect()) as connection:
        steps = crm.steps_of(connection, made.plan_id, most=3)
    push_view.show_plan(made, steps, left, settings)
    with output.progress("applying"):
        done = crm.apply_plan(settings, database, made.plan_id)
    push_view.show_applied(done)
    return told is not None and done.state == "DONE" and not done.failed


def _import_landed(settings: Settings, database: Database) -> bool:
    """Import what the pulls let land, as the sensor would."""
    from cm_core.imports import registry
    from cm_core.imports.batches import order_of
    from cm_core.imports.records import get

    # Pulls put whole files there: none is still being written.
    registry.scan_landing(settings.model_copy(update={"settle_seconds": 0.0}), database)
    waiting: dict[str, list[str]] = {}
    for item in registry.waiting(database):
        waiting.setdefault(item.target, []).append(item.import_id)
    for target in sorted(waiting, key=order_of):
        for message in runner.run_imports(settings, waiting[target], target).errors:
            output.print_error(message)
    return ingest.show([get(database, each).as_json() for ids in waiting.values() for each in ids], as_json=False)


def _fill(pipedrive: str, ringcentral: str, people: list[tuple[Any, ...]], yesterday: date) -> None:
    """People of ours in the CRM under other numbers and spellings, one that we do not have; calls and texts."""
    morning = datetime.combine(yesterday, datetime.min.time()) + timedelta(hours=15)
    persons = [
        {
            "name": f"{first.title()} {last.title()}",
            "phones": [{"value": phone, "primary": True, "label": "work"}],
            "emails": [{"value": email, "primary": True, "label": "work"}] if email else [],
            "add_time": f"{morning:%Y-%m-%dT%H:%M:%SZ}",
            "update_time": f"{morning:%Y-%m-%dT%H:%M:%SZ}",
        }
        for _, first, last, phone, email in people[:40]
    ]
    stranger = {
        "name": _STRANGER["name"], "phones": [{"value": _STRANGER["phone"], "primary": True, "label": "mobile"}],
        "emails": [{"value": _STRANGER["email"], "primary": True, "label": "home"}],
        "add_time": f"{morning:%Y-%m-%dT%H:%M:%SZ}", "update_time": f"{morning:%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    httpx.post(f"{pipedrive}/_control/load", json={"persons": [*persons, stranger]}).raise_for_status()
    calls = [
        {
            "startTime": f"{morning + timedelta(minutes=number):%Y-%m-%dT%H:%M:%S.000Z}", "duration": 20 + number,
            "direction": "Inbound" if number % 3 == 0 else "Outbound",
            "result": ("Call connected", "No Answer", "Voicemail", "Wrong Number", "Accepted")[number % 5],
            "action": "Phone Call",
            "from": {"phoneNumber": phone if number % 3 == 0 else _OFFICE},
            "to": {"phoneNumber": _OFFICE if number % 3 == 0 else phone},
        }
        for number, (_, _, _, phone, _) in enumerate(people[20:])
    ]  # fmt: skip
    httpx.post(f"{ringcentral}/_control/calls", json={"records": calls}).raise_for_status()
    texts = [
        {
            "direction": "Inbound", "type": "SMS", "subject": words, "from": {"phoneNumber": people[place][3]},
            "to": [{"phoneNumber": _OFFICE}], "creationTime": f"{morning:%Y-%m-%dT%H:%M:%S.000Z}",
        }
        for place, words in enumerate(("STOP", "Yes, call me tomorrow", "you have the wrong number"))
        if place < len(people)
    ]  # fmt: skip
    httpx.post(f"{ringcentral}/_control/messages", json={"records": texts}).raise_for_status()


def _settings(settings: Settings, pipedrive: str, ringcentral: str) -> Settings:
    """The settings with the two servers in place of whatever accounts there are."""
    return settings.model_copy(
        update={
            "pipedrive_url": pipedrive,
            "pipedrive_token": SecretStr("pipedrive-test-token"),
            "pipedrive_user_id": 1,
            "ringcentral_url": ringcentral,
            "ringcentral_client_id": "client-id",
            "ringcentral_client_secret": SecretStr("client-secret"),
            "ringcentral_jwt": SecretStr("header.payload.signature"),
        }
    )


@contextmanager
def _standing_in(name: str) -> Iterator[str]:
    """A server of `tests/servers` in a process of its own; its URL."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", f"tests.servers.{name}", "--port=0", f"--port-file={port_file}"]
        process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL)
        try:
            give_up = time.monotonic() + _START_SECONDS
            while not port_file.exists():
                if process.poll() is not None or time.monotonic() > give_up:
                    raise CmError(f"The server that stands in for {name} does not start; what it said is above.")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port_file.read_text().strip()}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
