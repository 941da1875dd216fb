"""Going through the days: people live, our side works and is killed twice a day, the servers fail now and then."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from cm_core.crm import known_fields
from cm_core.settings import Settings
from cm_core.store import Database
from tests.e2e.conftest import environment
from tests.e2e.month import marts
from tests.e2e.month.world import Size, World
from tests.integration.imports.steps import query
from tests.servers import PipedriveServer
from tests.servers.ringcentral import RingCentral

_ROOT = Path(__file__).resolve().parents[3]
FAULTS = 0.05
CRASHES_A_DAY = 2
#: Days without edits and faults at the end: what waits for a budget has so many.
MOST_QUIET_DAYS = 12
_TIMEOUT_S = 1_200.0
_BUDGET = "insert into api_budgets (api, day, server_ahead_seconds) values ('pipedrive', %s, %s)"
_SENDING = "select exists (select 1 from crm_steps where state = 'sending')"
_APPLYING = "select exists (select 1 from import_metadata where status = 'APPLYING')"
_OPEN = "select exists (select 1 from api_pulls where state = 'OPEN')"
_WAITING = """
select count(*) from crm_steps as s inner join crm_plans as p on p.plan_id = s.plan_id
where s.state in ('waiting', 'sending') and p.state in ('READY', 'APPLYING', 'WAITING')
"""


class Worker:
    """The process that forks our side's processes."""

    def __init__(self, settings: dict[str, str], folder: Path) -> None:
        self.log = folder / "worker.log"
        self.report = folder / "report.json"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.month.day"], env=settings, cwd=_ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._started: list[int] = []
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready"

    def start(self, **order: Any) -> int:
        """A new process; its id."""
        pid = int(self._ask({**order, "log": str(self.log), "report": str(self.report)}))
        self._started.append(pid)
        return pid

    def ended(self, pid: int) -> int | None:
        """The process's exit code, or None."""
        found = self._ask({"ended": pid})
        return None if found is None else int(found)

    def kill(self, pid: int) -> None:
        """SIGKILL to the process and all it started."""
        if self.ended(pid) is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        while self.ended(pid) is None:
            time.sleep(0.01)

    def close(self) -> None:
        """End the process that forks, and all that it forked."""
        for pid in self._started:
            self.kill(pid)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@dataclass
class Month:
    """A month under way. `daily_tokens`: what our side may spend; the CRM's own budget is the same."""

    size: Size
    seed: int
    first_day: date
    settings: Settings
    database: Database
    crm: PipedriveServer
    phone: RingCentral
    worker: Worker
    webhooks_port: int
    crashes: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    world: World = field(init=False)
    chance: random.Random = field(init=False)
    report: dict[str, Any] = field(default_factory=dict)
    _whole: float = 4.0
    _webhooks: int | None = None

    def __post_init__(self) -> None:
        self.world = World(
            self.size, self.seed, self.first_day, self.settings, self.database, self.crm, self.phone
        )  # fmt: skip
        self.chance = random.Random(self.seed + 1)

    def begin(self) -> None:
        """The account is made ready, everybody is there, the marts are built, and on the eve both sides meet."""
        # Not at midnight: what our limiter knows of the CRM's clock is a whole number of seconds.
        eve = self.first_day - timedelta(days=1)
        self.world.at(datetime.combine(eve, datetime.min.time()) + timedelta(seconds=5))
        self._new_day(eve)
        self._take_webhooks()
        self._work(eve, only="setup")
        fields = known_fields(self.settings)
        assert fields is not None
        self.world.populate(fields)
        if self.size.is_whole:
            marts.build(self.settings, self.database)
        else:
            marts.build_small(self.database)
        # Both sides meet before anybody edits: of a first meeting nobody can know who was the later.
        self._sync(eve, crashes=0)

    def live(self, *, show: Callable[[str], None] = print) -> None:
        """All days, and quiet ones at the end until nothing waits any more."""
        for number in range(self.size.days):
            day = self.first_day + timedelta(days=number)
            self._faults(number)
            self.world.live_day(day)
            self._sync(day, crashes=CRASHES_A_DAY if number else 1)
            self.world.live_late(day)
            show(self._line(day))
        self._no_faults()
        self.world.at(datetime.combine(day + timedelta(days=1), datetime.min.time()))
        self.world.join()
        self.world.put_list("leads")
        for number in range(MOST_QUIET_DAYS):
            day = self.first_day + timedelta(days=self.size.days + number)
            before = self._settled()
            self._sync(day, crashes=0)
            show(self._line(day))
            if number and self._settled() == before and not query(self.database, _WAITING)[0][0]:
                return
        raise AssertionError(f"after {MOST_QUIET_DAYS} quiet days something still waits: {self._line(day)}")

    def _settled(self) -> tuple[Any, ...]:
        """What moves as long as anything does."""
        applied = "select count(*) from crm_steps where state = 'applied'"
        landed = "select count(*) from api_pulls where state = 'LANDED'"
        return query(self.database, applied)[0] + query(self.database, landed)[0]

    def _sync(self, day: date, *, crashes: int) -> None:
        self.world.begin_sync(day)
        self._new_day(day)
        started = time.monotonic()
        with suppress(AssertionError):
            self.crm.control("webhooks/drain", {"seconds": 3.0})
        for _ in range(crashes):
            self._crash(day)
        self._work(day)
        self.seconds[str(day)] = time.monotonic() - started
        self.world.end_sync()

    def _new_day(self, day: date) -> None:
        """What our limiter knows of the CRM's clock; in real life both clocks go on together, and pauses end."""
        now = datetime.fromisoformat(self.crm.control("clock")["now"].replace("Z", ""))
        ((ours,),) = query(self.database, "select utc_timestamp(6)")
        with self.database.connect(autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"{_BUDGET} on duplicate key update server_ahead_seconds = values(server_ahead_seconds)",
                           (day, round((now - ours).total_seconds())))  # fmt: skip
            cursor.execute("delete from api_pauses")

    def _work(self, day: date, **how: Any) -> None:
        """Our side's work, until it has succeeded: a run that failed is tried again, as the orchestrator would."""
        for _ in range(4):
            pid = self.worker.start(day=day.isoformat(), **how)
            code = self._wait(pid, lambda: False)
            if code == 0:
                report = json.loads(self.worker.report.read_text())
                self._whole = max(1.0, sum(report["seconds"].values()))
                self.report = report
                return
            self.log.append(f"{day}: a run failed: {self.worker.log.read_text()[-1500:]}")
        raise AssertionError(f"{day}: our side's work fails again and again:\n{self.log[-1]}")

    def _crash(self, day: date) -> None:
        """Start our side's work and kill it somewhere."""
        pid = self.worker.start(day=day.isoformat())
        place = self.chance.choice(("time", "time", "sending", "sending", "applying", "open"))
        if place == "time":
            deadline = time.monotonic() + self.chance.uniform(0, self._whole)
            reached: Callable[[], bool] = lambda: time.monotonic() >= deadline  # noqa: E731
        else:
            statement = {"sending": _SENDING, "applying": _APPLYING, "open": _OPEN}[place]
            times = self.chance.randrange(1, 4)
            reached = self._seen_times(statement, times)
        code = self._wait(pid, reached)
        if code is None:
            self.worker.kill(pid)
            self.crashes.append(f"{day} {place}")
        elif code:
            self.log.append(f"{day}: a run failed: {self.worker.log.read_text()[-1500:]}")

    def _seen_times(self, statement: str, times: int) -> Callable[[], bool]:
        """Whether a state was seen for so many times of looking."""
        seen = 0

        def reached() -> bool:
            nonlocal seen
            seen += bool(query(self.database, statement)[0][0])
            return seen >= times

        return reached

    def _wait(self, pid: int, reached: Callable[[], bool]) -> int | None:
        """The exit code, or None where `reached()` came first."""
        deadline = time.monotonic() + _TIMEOUT_S
        while not reached():
            if (code := self.worker.ended(pid)) is not None:
                return code
            assert time.monotonic() < deadline, "our side does not come to an end"
            time.sleep(0.01)
        return None

    def _take_webhooks(self) -> None:
        self._webhooks = self.worker.start(webhooks=self.webhooks_port)
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.webhooks_port), 1):
                return
            time.sleep(0.02)

    def _faults(self, number: int) -> None:
        hang, seed = self.settings.web_timeout_seconds * 1.5, self.seed * 100 + number
        self.crm.faults(rate=FAULTS, seed=seed, slow_seconds=0.05, hang_seconds=hang)
        # What is not answered for a person that is created, or two that are merged, is worth more than a share of 5 %.
        for method, path in (("POST", "/persons$"), ("PUT", "/merge$")):
            self.crm.once("drop_after_apply", path, method=method)
        slow, timeout = {"kind": "slow", "seconds": 0.05}, {"kind": "timeout", "seconds": hang}
        self.phone.set_faults(FAULTS, seed=seed, kinds=["500", "503", slow, "torn", timeout])
        self.crm.control(
            "webhooks/faults", {"duplicate_rate": 0.1, "drop_rate": 0.1, "shuffle": 4, "seed": self.seed + number}
        )

    def _no_faults(self) -> None:
        self.crm.faults()
        self.phone.clear_faults()
        self.crm.control("webhooks/faults", {})

    def _line(self, day: date) -> str:
        spent = self.crm.usage()["tokens_by_day"].get(str(day), 0)
        steps = dict(query(self.database, "select state, count(*) from crm_steps group by state"))
        longest = {name: value for name, value in self.report["cpu"].items() if value > 0.2}
        return (
            f"{day} {self.seconds[str(day)]:.1f} s, crashes {len(self.crashes)}, tokens {spent}, steps {steps}, "
            f"waits {list(self.report['waits'])}, processor {longest}, {self.report['results'].get('plan', '')[:600]}"
        )


@contextmanager
def worker(settings: Settings, folder: Path, **more: Any) -> Iterator[Worker]:
    """The process that forks, with these settings in its environment."""
    env = environment(settings)
    for name, value in more.items():
        env[name.upper() if name.startswith("month") else f"CM_{name.upper()}"] = str(value)
    running = Worker(env, folder)
    try:
        yield running
    finally:
        running.close()
