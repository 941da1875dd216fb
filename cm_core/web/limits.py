"""Limits of outside APIs, kept by all processes on all machines together.

Before a request is sent, a row of `api_requests` is reserved for it under the lock of the day's row in `api_budgets`,
by the database's clock. An API counts a request when it arrives, which is some time between its reservation and its
answer: so a request takes its place in a window until a window's length after its answer. One that nobody waited for
any longer, or whose process was killed, may still be under way: it takes its place for a time-out more. What the
limiter allows, no way of counting can find too much.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pymysql

from cm_core.errors import CmError, DatabaseUnavailable
from cm_core.store.locks import retry_deadlocks, transaction
from cm_core.web.errors import BudgetSpent, Busy

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.store.database import Database

_NOW = "select utc_timestamp(6)"
_AHEAD = "select server_ahead_seconds from api_budgets where api = %s order by day desc limit 1"
_DAY = """
insert into api_budgets (api, day, server_ahead_seconds) values (%s, %s, %s)
on duplicate key update requests = requests
"""
_LOCK_DAY = "select tokens from api_budgets where api = %s and day = %s for update"
_SPEND = "update api_budgets set requests = requests + 1, tokens = tokens + %s where api = %s and day = %s"
_PAUSES = "select limit_group, paused_until, reason from api_pauses where api = %s and paused_until > utc_timestamp(6)"
# The request whose going makes room: of those that take a place, the `requests`-th from the end.
_IN_THE_WAY = """
select until_at
from (
    select
        if(
            status is not null, done_at,
            timestampadd(microsecond, %s, coalesce(done_at, timestampadd(microsecond, %s, requested_at)))
        ) as until_at
    from api_requests
    where api = %s and limit_group in ({groups}) and requested_at > timestampadd(microsecond, -%s, utc_timestamp(6))
) as places
where until_at > timestampadd(microsecond, -%s, utc_timestamp(6))
order by until_at desc
limit 1 offset %s
"""
_RESERVE = """
insert into api_requests (api, limit_group, requested_at, tokens, purpose, call_name, waited_ms)
values (%s, %s, utc_timestamp(6), %s, %s, %s, %s)
"""
_DONE = "update api_requests set done_at = utc_timestamp(6), status = %s where id = %s"
_PAUSE = """
insert into api_pauses (api, limit_group, paused_until, reason)
values (%s, %s, timestampadd(microsecond, %s, utc_timestamp(6)), %s)
on duplicate key update
    reason = if(values(paused_until) > paused_until, values(reason), reason),
    paused_until = greatest(paused_until, values(paused_until))
"""
# Of later days too: a clock that was set back is known from then on.
_SET_AHEAD = "update api_budgets set server_ahead_seconds = %s where api = %s and day >= %s"
_USED = """
select count(*), coalesce(sum(tokens), 0), coalesce(sum(waited_ms), 0), coalesce(sum(status = 429), 0)
from api_requests
where purpose = %s
"""
_SPENT = "select requests, tokens from api_budgets where api = %s and day = %s"
_FORGET = """
delete from api_requests
where api = %s and limit_group in ({groups}) and requested_at < timestampadd(day, -%s, utc_timestamp(6))
limit 10000
"""

#: Requests are kept so long; the sums of the days for ever.
KEPT_DAYS = 60
#: Clocks that differ by less are not told apart: the API's `Date` has whole seconds.
_SAME_CLOCK = timedelta(seconds=5)
#: A request takes no longer than so many time-outs: it has one for each of its stages, and one more where nobody waits.
_SPAN = 6
#: Whoever waits looks again so often: a request under way makes room as soon as it is answered.
_LONGEST_SLEEP_S = 1.0


@dataclass(frozen=True)
class Limit:
    """At most `requests` of the limit groups `groups` within any `seconds`."""

    name: str
    requests: int
    seconds: float
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Usage:
    """What a purpose has used, and what is left of today. `tokens_left` is None where the API has no daily budget."""

    requests: int
    tokens: int
    waited_seconds: float
    refused_for_rate: int
    tokens_spent_today: int
    tokens_left_today: int | None


class Limiter:
    """The limits of one API. Not to be shared by threads: each has a connection to the database of its own."""

    def __init__(
        self,
        database: Database,
        api: str,
        limits: Sequence[Limit],
        *,
        timeout_s: float,
        daily_tokens: int | None = None,
        reserve_tokens: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.api = api
        self._database = database
        self._limits = tuple(limits)
        self._timeout = timeout_s
        self._daily_tokens = daily_tokens
        self._reserve_tokens = reserve_tokens
        self._sleep = sleep
        self._connection: Connection[Any] | None = None
        self._ahead: timedelta | None = None

    def reserve(
        self,
        group: str,
        *,
        tokens: int,
        purpose: str,
        call_name: str,
        max_wait_s: float,
        from_reserve: bool = False,
    ) -> int:
        """Wait until a request of `group` may be sent, and return the number of its reservation.

        Raises Busy when that is longer than `max_wait_s` away and BudgetSpent when the day's tokens do not suffice;
        nothing is reserved then. `from_reserve`: the tokens held back for do-not-contact facts may be spent too.
        """
        started = time.monotonic()
        while True:
            waited = time.monotonic() - started
            found = self._try(group, tokens, purpose, call_name, round(waited * 1000), from_reserve)
            if isinstance(found, int):
                return found
            seconds, reason = found
            if waited + seconds > max_wait_s:
                raise Busy(f"{self.api}: {reason} Free again in {seconds:.0f} s.", seconds=seconds)
            self._sleep(min(max(seconds, 0.005), _LONGEST_SLEEP_S))

    def done(self, reservation: int, status: int | None) -> None:
        """The request was answered, with HTTP `status`, or has failed without an answer."""
        self._execute(_DONE, status, reservation)

    def pause(self, group: str, seconds: float, reason: str) -> None:
        """Nobody sends in `group` for so long."""
        self._execute(_PAUSE, self.api, group, round(seconds * 1e6), reason[:255])

    def clock_seen(self, server_time: datetime) -> None:
        """The API's server says that it is `server_time` (naive UTC): its days are the budget's days."""
        with self._session() as connection, connection.cursor() as cursor:
            now = _one(cursor, _NOW)
            ahead = server_time - now
            known = self._known_ahead(cursor)
            if abs(ahead - known) > _SAME_CLOCK:
                self._ahead = timedelta(seconds=round(ahead.total_seconds()))
                day = (now + self._ahead).date()
                cursor.execute(_DAY, (self.api, day, self._ahead.total_seconds()))
                cursor.execute(_SET_AHEAD, (self._ahead.total_seconds(), self.api, day))

    def today(self) -> date:
        """The API's day, by what is known of its clock."""
        with self._session() as connection, connection.cursor() as cursor:
            return self._day(cursor)

    def server_time(self) -> datetime:
        """What the API's clock says (naive UTC), by what is known of it: seconds may be missing."""
        with self._session() as connection, connection.cursor() as cursor:
            now: datetime = _one(cursor, _NOW)
            return now + self._known_ahead(cursor)

    def usage(self, purpose: str) -> Usage:
        """What `purpose` used so far, and what is left of the day."""
        with self._session() as connection, connection.cursor() as cursor:
            return usage_of(cursor, self.api, self._day(cursor), purpose, self._daily_tokens)

    def tokens_left(self, *, from_reserve: bool = False) -> int | None:
        """Tokens that may still be spent today; None: there is no budget."""
        if self._daily_tokens is None:
            return None
        with self._session() as connection, connection.cursor() as cursor:
            cursor.execute(_SPENT, (self.api, self._day(cursor)))
            spent = int((cursor.fetchone() or (0, 0))[1])
        return max(0, self._daily_tokens - (0 if from_reserve else self._reserve_tokens) - spent)

    def close(self) -> None:
        """Give the connection back. Requests of long ago go; what each day cost stays."""
        if self._connection is not None:
            groups = sorted({group for limit in self._limits for group in limit.groups})
            with suppress(CmError, pymysql.MySQLError):
                self._execute(_FORGET.format(groups=", ".join(["%s"] * len(groups))), self.api, *groups, KEPT_DAYS)
        self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with suppress(pymysql.MySQLError):
                self._connection.close()
            self._connection = None

    @retry_deadlocks
    def _try(
        self, group: str, tokens: int, purpose: str, call_name: str, waited_ms: int, from_reserve: bool
    ) -> int | tuple[float, str]:
        """The reservation, or for how many seconds there is none and why."""
        with self._session() as connection, transaction(connection), connection.cursor() as cursor:
            day = self._day(cursor)
            cursor.execute(_DAY, (self.api, day, (self._ahead or timedelta()).total_seconds()))
            spent = int(_one(cursor, _LOCK_DAY, self.api, day))
            now = _one(cursor, _NOW)
            if wait := self._paused(cursor, group, now) or self._full(cursor, group, now):
                return wait
            self._check_budget(spent, tokens, from_reserve)
            cursor.execute(_SPEND, (tokens, self.api, day))
            cursor.execute(_RESERVE, (self.api, group, tokens, purpose, call_name, waited_ms))
            return int(cursor.lastrowid)

    def _paused(self, cursor: Any, group: str, now: datetime) -> tuple[float, str] | None:
        groups = {group, *(limit.name for limit in self._limits if group in limit.groups)}
        cursor.execute(_PAUSES, (self.api,))
        pauses = [(until, reason) for name, until, reason in cursor.fetchall() if name in groups]
        if not pauses:
            return None
        until, reason = max(pauses)
        return (until - now).total_seconds() + 0.001, f"{reason}."

    def _full(self, cursor: Any, group: str, now: datetime) -> tuple[float, str] | None:
        waits = []
        for limit in self._limits:
            if group not in limit.groups:
                continue
            statement = _IN_THE_WAY.format(groups=", ".join(["%s"] * len(limit.groups)))
            window, patience = round(limit.seconds * 1e6), round(self._timeout * 1e6)
            cursor.execute(
                statement,
                (patience, patience, self.api, *limit.groups, window + _SPAN * patience, window, limit.requests - 1),
            )
            if found := cursor.fetchone():
                seconds = limit.seconds - (now - found[0]).total_seconds()
                waits.append((seconds, f"{limit.requests} requests ({limit.name}) in {limit.seconds:g} s are made."))
        return max(waits, default=None)

    def _check_budget(self, spent: int, tokens: int, from_reserve: bool) -> None:
        if self._daily_tokens is None or not tokens:
            return
        allowed = self._daily_tokens - (0 if from_reserve else self._reserve_tokens)
        if spent + tokens > allowed:
            raise BudgetSpent(
                f"{self.api}: {spent:,} of today's {self._daily_tokens:,} tokens are spent, and the request costs "
                f"{tokens}. It waits for tomorrow; see CM_{self.api.upper()}_DAILY_TOKENS."
            )

    def _day(self, cursor: Any) -> date:
        now: datetime = _one(cursor, _NOW)
        return (now + self._known_ahead(cursor)).date()

    def _known_ahead(self, cursor: Any) -> timedelta:
        if self._ahead is None:
            cursor.execute(_AHEAD, (self.api,))
            self._ahead = timedelta(seconds=int((cursor.fetchone() or (0,))[0]))
        return self._ahead

    def _execute(self, statement: str, *parameters: object) -> None:
        with self._session() as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    @contextmanager
    def _session(self) -> Iterator[Connection[Any]]:
        """The connection; opened anew after it broke."""
        if self._connection is None:
            self._connection = self._database.connect(autocommit=True)
        try:
            yield self._connection
        except DatabaseUnavailable:
            self._drop_connection()
            raise


def _one(cursor: Any, statement: str, *parameters: object) -> Any:
    cursor.execute(statement, parameters)
    return cursor.fetchone()[0]


def usage_of(cursor: Any, api: str, day: date, purpose: str, daily_tokens: int | None) -> Usage:
    """What `purpose` used of `api`, and what is left of `day`."""
    cursor.execute(_USED, (purpose,))
    requests, tokens, waited_ms, refused = cursor.fetchone()
    cursor.execute(_SPENT, (api, day))
    spent = int((cursor.fetchone() or (0, 0))[1])
    left = None if daily_tokens is None else max(0, daily_tokens - spent)
    return Usage(int(requests), int(tokens), float(waited_ms) / 1000, int(refused), spent, left)
