"""A simulated month of the CRM and the call log: edits on both sides, faults, kills; at the end both sides agree."""

from __future__ import annotations

import os
import resource
import socket
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cm_core.crm import known_fields
from cm_core.store import Database
from tests.conftest import SettingsFactory
from tests.e2e.month import holds
from tests.e2e.month.day import WEBHOOK_PASSWORD, WEBHOOK_USER
from tests.e2e.month.month import Month, worker
from tests.e2e.month.world import Size
from tests.servers import running_pipedrive
from tests.servers.ringcentral import running_ringcentral

#: A month can be made smaller to look into something: MONTH_SEED, MONTH_DAYS, MONTH_PEOPLE, MONTH_CALLS.
SEED = int(os.environ.get("MONTH_SEED") or 7)
FIRST_DAY = date(2026, 10, 5)
SHORT = Size(people=30, calls=80, days=int(os.environ.get("MONTH_DAYS") or 1))
WHOLE = Size(
    people=int(os.environ.get("MONTH_PEOPLE") or 20_000), calls=int(os.environ.get("MONTH_CALLS") or 100_000),
    days=int(os.environ.get("MONTH_DAYS") or 30), edits=0.03, lists=0.02, opt_outs=0.006, new=0.004, deletes=0.001,
    merges=0.002, is_whole=True,
)  # fmt: skip
#: Short windows, which a client that did not heed them would exceed; the servers count by the same. Requests, seconds.
BURST, WHOLE_BURST, HEAVY = (8, 0.5), (40, 0.3), (4, 0.5)


def test_after_a_month_of_edits_faults_and_kills_both_sides_agree(
    make_settings: SettingsFactory, database: Database, tmp_path: Path
) -> None:
    run(make_settings, database, tmp_path, SHORT, daily_tokens=350, burst=BURST, seed=SEED)


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_after_a_whole_month_both_sides_agree(
    make_settings: SettingsFactory, database: Database, tmp_path: Path
) -> None:
    tokens = max(2_000, WHOLE.people * 2)
    run(make_settings, database, tmp_path, WHOLE, daily_tokens=tokens, burst=WHOLE_BURST, seed=SEED)


def run(
    make_settings: SettingsFactory,
    database: Database,
    folder: Path,
    size: Size,
    *,
    daily_tokens: int,
    burst: tuple[int, float],
    seed: int,
) -> None:
    """Live through the days and look at the end. Prints seed, days and figures, which pytest shows on a failure."""
    started = time.monotonic()
    limits: dict[str, Any] = {
        "pipedrive_burst": burst[0], "pipedrive_burst_seconds": burst[1], "pipedrive_daily_tokens": daily_tokens,
        "pipedrive_reserve_tokens": daily_tokens // 10, "ringcentral_heavy": HEAVY[0], "ringcentral_light": HEAVY[0],
        "ringcentral_medium": HEAVY[0], "ringcentral_auth": HEAVY[0], "ringcentral_window_seconds": HEAVY[1],
        "web_timeout_seconds": 1.5, "web_backoff_seconds": 0.02, "web_tries": 4,
    }  # fmt: skip
    before = processor_seconds()
    with (
        running_pipedrive(
            burst=burst[0], burst_window=burst[1], daily_tokens=daily_tokens, clock="2026-10-04T00:00:00Z",
            webhook_scale=0.001, seed=seed, merge_contacts="fill",
        ) as crm,
        running_ringcentral(
            heavy=HEAVY[0], light=HEAVY[0], medium=HEAVY[0], auth=HEAVY[0], window=HEAVY[1], penalty=HEAVY[1],
            sessions=1_000,
        ) as phone,
    ):  # fmt: skip
        fields: dict[str, Any] = {
            **limits, "pipedrive_url": crm.url, "pipedrive_token": SecretStr(crm.token), "ringcentral_url": phone.url,
            "ringcentral_client_id": "client-id", "ringcentral_client_secret": SecretStr("client-secret"),
            "ringcentral_jwt": SecretStr("header.payload.signature"), "pipedrive_webhook_user": WEBHOOK_USER,
            "pipedrive_webhook_password": SecretStr(WEBHOOK_PASSWORD),
        }  # fmt: skip
        settings = make_settings(database=database, **fields)
        plain = {n: v.get_secret_value() if isinstance(v, SecretStr) else v for n, v in fields.items()}
        port = _free_port()
        plain["month_webhooks"] = f"http://127.0.0.1:{port}/pipedrive"
        with worker(settings, folder, **plain) as processes:
            month = Month(size, seed, FIRST_DAY, settings, database, crm, phone, processes, port)
            print(f"seed {seed}, {size}")
            month.begin()
            try:
                month.live(show=lambda line: print(line, flush=True))
            finally:
                print(f"what happened: {month.world.counts}")
                print(f"failed runs: {month.log}")
            usage = crm.usage()
            print(f"{size.people} people, {size.calls} calls, {len(month.crashes)} crashes: {month.crashes}")
            print(f"{usage['requests']} requests, {sum(usage['tokens_by_day'].values())} tokens, {usage['faults']}")
            print(f"RingCentral {phone.usage()}; {time.monotonic() - started:.0f} s")
            known = known_fields(settings)
            assert known is not None
            found = holds.problems(month, known)
            assert not found, f"seed {seed}: {len(found)} do not hold:\n" + "\n".join(found[:60])
    print(f"processor: {processor_seconds() - before:.0f} s without the database")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
