"""How errors of the core look to Dagster."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from cm_assets.failures import BASE_SECONDS, MAX_RETRIES, clean_failures, dagster_failure
from cm_core.errors import DatabaseUnavailable, FileRejected


def _context(retries: int = 0) -> Any:
    log = SimpleNamespace(warning=lambda message: None)
    return SimpleNamespace(op_execution_context=SimpleNamespace(retry_number=retries), log=log)


def test_a_rejected_file_is_a_clean_failure_that_is_not_tried_again() -> None:
    found = dagster_failure(_context(), FileRejected("people.csv: no usable column"))
    assert isinstance(found, dg.Failure)
    assert found.description == "people.csv: no usable column"
    assert not found.allow_retries


@pytest.mark.parametrize("retries", range(MAX_RETRIES))
def test_an_error_that_may_pass_is_tried_again_after_a_growing_wait(retries: int) -> None:
    found = dagster_failure(_context(retries), DatabaseUnavailable("127.0.0.1:3306 went away"))
    assert isinstance(found, dg.RetryRequested)
    assert found.max_retries == MAX_RETRIES
    backoff = BASE_SECONDS * (2 ** (retries + 1) - 1)
    assert abs(found.seconds_to_wait - backoff) <= BASE_SECONDS


def test_after_the_last_retry_the_message_stands_alone() -> None:
    found = dagster_failure(_context(MAX_RETRIES), DatabaseUnavailable("127.0.0.1:3306 went away"))
    assert isinstance(found, dg.Failure)
    assert found.description == "127.0.0.1:3306 went away"


def test_a_bug_stays_what_it_is() -> None:
    bug = KeyError("column")
    assert dagster_failure(_context(), bug) is bug
    with pytest.raises(KeyError), clean_failures(_context()):
        raise bug
