"""Tables of marts and of imports change places under one lock, by one name."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cm_core.store import Database
from cm_core.store.locks import SWAP_LOCK, named_lock
from tests.integration.dbt.conftest import Build


@pytest.mark.soak
def test_a_model_waits_with_its_swap_for_whoever_swaps_tables(build: Build, database: Database) -> None:
    assert build("--select", "+import_quality", command="run").returncode == 0
    held, seconds = threading.Event(), 20.0

    def hold() -> float:
        with database.connect() as connection, named_lock(connection, SWAP_LOCK, timeout_s=0):
            held.set()
            time.sleep(seconds)
            return time.monotonic()

    with ThreadPoolExecutor(1) as pool:
        released = pool.submit(hold)
        assert held.wait(10)
        done = build("--select", "import_quality", command="run")
        ended = time.monotonic()
        assert done.returncode == 0, done.stdout[-2000:]
        assert ended > released.result()
