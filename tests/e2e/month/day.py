"""`python -m tests.e2e.month.day`: our side's work of a day, each in a process that can be killed.

The process that is started imports everything once and forks another for each line that it reads, a JSON object: for
`{"day": ...}` one that does the day, for `{"webhooks": port}` one that takes webhooks. It prints the new process's id;
`{"ended": id}` is answered with its exit code, or null while it runs. Settings are those of the environment.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from cm_core import crm, linkage, telephony
from cm_core.crm.apply import apply_plan
from cm_core.crm.client import pipedrive
from cm_core.crm.plan import make_plan
from cm_core.crm.setup import set_up
from cm_core.crm.suppressions import push_suppressions
from cm_core.imports import records, registry
from cm_core.imports.feed_catalog import feed_names, load_feed
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.database import parse_url
from cm_core.web import ApiUnavailable, BudgetSpent, Busy
from tests.e2e.month import marts
from tests.integration.imports import steps

#: The orchestrator would try again later; so often is enough where 5 % of requests fail.
_TRIES = 6
WEBHOOK_USER, WEBHOOK_PASSWORD = "hooks", "a-password-of-the-month"


class Day:
    """The work of a day. `report` is written after each stage: seconds by stage, and why one waits for tomorrow."""

    def __init__(self, settings: Settings, database: Database, day: date, report: Path) -> None:
        self._settings, self._database, self._day, self._report = settings, database, day, report
        self.seconds: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.waits: dict[str, str] = {}
        self.results: dict[str, Any] = {}

    def work(self) -> None:
        """All stages. A budget that is spent ends a stage, not the day."""
        settings, database, day = self._settings, self._database, self._day
        for source in crm.SOURCES:
            self._stage(f"pull {source}", partial(crm.pull_day, settings, database, day, source=source))
        self._stage("webhooks", self._events)
        self._stage("reconcile", partial(crm.reconcile, settings, database))
        self._stage("calls", partial(telephony.pull_calls, settings, database, day))
        self._stage("messages", partial(telephony.pull_messages, settings, database, day))
        self._stage("consents", partial(telephony.pull_consents, settings, database, day))
        self._stage("import", self._import)
        self._stage("dedupe", partial(linkage.run, settings, database))
        self._stage("suppressions", partial(push_suppressions, settings, database, requested_by="month"))
        self._stage("marts", partial(marts.refresh, settings, database))
        self._stage("plan", self._plan)
        self._stage("apply", partial(apply_plan, settings, database))

    def set_up(self) -> None:
        """Only make the account ready."""
        self._stage("setup", self._set_up)

    def _stage(self, name: str, work: Callable[[], object]) -> None:
        started, cpu = time.monotonic(), time.process_time()
        for left in reversed(range(_TRIES)):
            try:
                found = work()
                if found is not None:
                    self.results[name] = str(found)[:2000]
                break
            except (BudgetSpent, Busy) as error:
                self.waits[name] = str(error)
                break
            except ApiUnavailable:
                if not left:
                    raise
        self.seconds[name] = round(time.monotonic() - started, 3)
        self.cpu[name] = round(time.process_time() - cpu, 3)
        document = {"seconds": self.seconds, "cpu": self.cpu, "waits": self.waits, "results": self.results}
        self._report.write_text(json.dumps(document))

    def _set_up(self) -> None:
        with pipedrive(self._settings, self._database, purpose="setup") as client:
            set_up(self._settings, self._database, client)
            url = os.environ["MONTH_WEBHOOKS"]
            if not any(each["subscription_url"] == url for each in client.webhooks()):
                client.create_webhook(
                    url, name="month", entity="*", action="*", user=WEBHOOK_USER, password=WEBHOOK_PASSWORD
                )

    def _events(self) -> None:
        while crm.handle_events(self._settings, self._database).events:
            pass

    def _import(self) -> None:
        registry.scan_landing(self._settings, self._database)
        # Those of persons first, as the orchestrator would not promise either: any order comes to the same.
        for waiting in registry.waiting(self._database):
            record = steps.run(self._settings, self._database, waiting.import_id)
            assert record.status == "COMPLETE", (waiting, record.status_reason)
            records.HOLD.release(waiting.import_id)

    def _plan(self) -> object:
        with pipedrive(self._settings, self._database, purpose="plan") as client:
            return make_plan(self._settings, self._database, client, requested_by="month")


def _warm_up() -> None:
    """What the first use of something imports is imported once, for all processes. Nothing that starts a thread."""
    import pandas  # noqa: F401
    import splink  # noqa: F401

    for name in feed_names():
        load_feed(name)


def _serve() -> None:
    _warm_up()
    children: dict[int, int | None] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        if "ended" in order:
            pid = order["ended"]
            if children[pid] is None:
                found, status = os.waitpid(pid, os.WNOHANG)
                children[pid] = os.waitstatus_to_exitcode(status) if found else None
            print(json.dumps(children[pid]), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            os._exit(_child(order))
        children[pid] = None
        print(json.dumps(pid), flush=True)


def _child(order: dict[str, Any]) -> int:
    """What a forked process does; its exit code."""
    os.setsid()
    with Path(order["log"]).open("a") as log:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            settings = Settings()
            assert settings.database_url is not None
            database = Database(parse_url(settings.database_url.get_secret_value()))
            if "webhooks" in order:
                threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
                crm.serve(settings, database, port=order["webhooks"])
                return 0
            day = Day(settings, database, date.fromisoformat(order["day"]), Path(order["report"]))
            if order.get("only") == "setup":
                day.set_up()
            else:
                day.work()
        except BaseException:  # noqa: BLE001 - the parent reads the log
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    return 0


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    _serve()
