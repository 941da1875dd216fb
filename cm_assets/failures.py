"""How an error of `cm_core` looks to Dagster: a one-line failure, or a retry where waiting may help.

The errors themselves, and which of them are worth a retry, are in `cm_core.errors`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from cm_core.errors import CmError

#: Seed D5: network errors are tried again three times, with exponential backoff.
MAX_RETRIES = 3
BASE_SECONDS = 2.0


def dagster_failure(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, error: Exception) -> Exception:
    """The exception that a step raises for `error`.

    A retryable CmError becomes a retry after 2, 6, then 14 seconds, give or take 2 (or a failure when those are
    used up); any other CmError a failure with its message and without a retry; a bug stays what it is.
    """
    if not isinstance(error, CmError):
        return error
    retries = context.op_execution_context.retry_number
    if error.retryable and retries < MAX_RETRIES:
        context.log.warning(f"{error} Trying again ({retries + 1} of {MAX_RETRIES}).")
        return dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=seconds_to_wait(retries))
    return dg.Failure(description=str(error), allow_retries=False)


@contextmanager
def clean_failures(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Iterator[None]:
    """Raise what `dagster_failure` makes of an error in the block."""
    try:
        yield
    except CmError as error:
        raise dagster_failure(context, error) from error


def seconds_to_wait(retries: int) -> float:
    """Seconds before the next try, after so many retries."""
    backoff = BASE_SECONDS * (2 ** (retries + 1) - 1)
    return max(0.0, backoff + random.uniform(-BASE_SECONDS, BASE_SECONDS))
