"""Business days, and until when a request not to be contacted has to be honoured.

Requests block at once (`findings`); the deadline is what a contact made in spite of one is held against.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from cm_core.compliance.rules import Rules
from cm_core.errors import RulesError

_DAY = timedelta(days=1)


def is_business_day(day: date, rules: Rules) -> bool:
    """Whether it is neither a weekend nor a federal holiday nor a day on which one is kept (5 U.S.C. 6103).

    Raises RulesError for years that `holidays.csv` does not have.
    """
    years = rules.memo("years of holidays", lambda: {holiday.year for holiday in rules.business_holidays})
    if day.year not in years:
        raise RulesError(
            f"holidays.csv has nothing of {day.year}: business days of it are not known (scripts/seed_holidays.py)."
        )
    return day.weekday() < 5 and day not in rules.business_holidays


def plus_business_days(day: date, days: int, rules: Rules) -> date:
    """The n-th business day after a day, which does not count itself."""
    while days:
        day += _DAY
        days -= is_business_day(day, rules)
    return day


def opt_out_deadline(asked_at: datetime, rules: Rules) -> date:
    """The last day, UTC, on which a request may still be unhonoured (`opt_out_deadline` of compliance_terms).

    Ten business days for requests from 2025-04-11 on (47 CFR 64.1200(a)(10)), thirty days before.
    """
    day = asked_at.date()
    term = rules.term("opt_out_deadline", day)
    if term.unit == "business_day":
        return plus_business_days(day, term.value, rules)
    return day + timedelta(days=term.value)
