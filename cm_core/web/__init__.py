"""Requests to outside APIs: one client, one limiter that all processes share, one account of what was spent."""

from cm_core.web.client import Answer, ApiClient, Call, Dialect, Pause, seconds_of
from cm_core.web.errors import ApiError, ApiRefused, ApiUnavailable, BudgetSpent, Busy, NotAllowed, NotThere, Unanswered
from cm_core.web.limits import Limit, Limiter, Usage, usage_of

__all__ = [
    "Answer",
    "ApiClient",
    "ApiError",
    "ApiRefused",
    "ApiUnavailable",
    "BudgetSpent",
    "Busy",
    "Call",
    "Dialect",
    "Limit",
    "Limiter",
    "NotAllowed",
    "NotThere",
    "Pause",
    "Unanswered",
    "Usage",
    "seconds_of",
    "usage_of",
]
