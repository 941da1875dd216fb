"""What an outside API can answer, as errors that users see. None of them holds a token, a header or a query string."""

from __future__ import annotations

from cm_core.errors import CmError

#: Wrong credentials; an account that is closed or not paid for.
_OF_THE_ACCOUNT = (401, 402)


class ApiError(CmError):
    """Root of what goes wrong with an outside API. `status` is HTTP's, None where no answer came."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def of_the_account(self) -> bool:
        """Whether it is about the account, not about the thing asked for: nothing further would be taken either."""
        return self.status in _OF_THE_ACCOUNT


class ApiUnavailable(ApiError):
    """The API cannot be reached or keeps failing (5xx, torn answers); the same call may succeed later."""

    retryable = True


class Unanswered(ApiUnavailable):
    """A request that must not be sent twice was sent, and no answer came: whether it was carried out, has to be looked
    up before anything else is done about it.
    """


class Busy(ApiError):
    """The limiter or the API asks for a longer pause than the caller wants to wait; `seconds` is how long."""

    retryable = True

    def __init__(self, message: str, *, seconds: float, status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.seconds = seconds


class BudgetSpent(ApiError):
    """The day's tokens do not suffice for the request, which was not sent. What waits, waits for tomorrow."""


class ApiRefused(ApiError):
    """The API understood and said no: bad request, wrong credentials, no permission, account not open."""


class NotAllowed(ApiRefused):
    """The user may not do this (403): with this thing, or at all."""


class NotThere(ApiRefused):
    """The thing asked for is not there (404), or not any more (410)."""
