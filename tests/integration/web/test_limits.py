"""One limiter of all processes: what it lets through, no way of counting finds too much; budgets; pauses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from cm_core.store import Database
from cm_core.web import BudgetSpent, Busy, Limit, Limiter

LIMITS = (Limit("burst", 4, 0.4, ("general", "search")), Limit("search", 1, 0.4, ("search",)))


@pytest.fixture
def limiter(database: Database) -> Iterator[Limiter]:
    made = Limiter(database, "pipedrive", LIMITS, timeout_s=5, daily_tokens=100, reserve_tokens=20)
    yield made
    made.close()


def reserve(limiter: Limiter, group: str = "general", *, tokens: int = 1, wait: float = 30.0, **more: bool) -> int:
    return limiter.reserve(group, tokens=tokens, purpose="test", call_name="GET /x", max_wait_s=wait, **more)


def test_no_window_holds_more_than_the_limit_whoever_sends(database: Database) -> None:
    """Three senders at once; each request arrives somewhere between its reservation and its end."""
    arrivals: list[tuple[float, float]] = []

    def send() -> None:
        limiter = Limiter(database, "pipedrive", LIMITS, timeout_s=5)
        for _ in range(5):
            reservation = reserve(limiter)
            began = time.monotonic()
            time.sleep(0.02)
            arrivals.append((began, time.monotonic()))
            limiter.done(reservation, 200)
        limiter.close()

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(arrivals) == 15
    # Counted in the most unkind way: a late arrival of one with an early arrival of another.
    for _, end in arrivals:
        together = [began for began, _ in arrivals if end <= began < end + 0.4]
        assert len(together) <= 3, "a fourth beside the one that ended"


def test_a_killed_process_keeps_its_place_until_its_request_can_no_longer_arrive(database: Database) -> None:
    killed = Limiter(database, "pipedrive", (Limit("burst", 1, 0.2, ("general",)),), timeout_s=0.5)
    reserve(killed)
    killed.close()
    after = Limiter(database, "pipedrive", (Limit("burst", 1, 0.2, ("general",)),), timeout_s=0.5)
    with pytest.raises(Busy) as error:
        reserve(after, wait=0.3)
    assert 0.8 < error.value.seconds <= 1.2, "the time-out, one more, and the window"
    assert reserve(after, wait=5) > 0
    after.close()


def test_what_was_not_answered_may_still_arrive(database: Database) -> None:
    limiter = Limiter(database, "pipedrive", (Limit("burst", 1, 0.2, ("general",)),), timeout_s=0.5)
    for status, longest in ((None, 0.7), (503, 0.2)):
        limiter.done(reserve(limiter), status)
        with pytest.raises(Busy) as error:
            reserve(limiter, wait=0.0)
        assert longest - 0.15 < error.value.seconds <= longest
    limiter.close()


def test_a_group_with_a_limit_of_its_own_waits_while_others_go_on(limiter: Limiter) -> None:
    limiter.done(reserve(limiter, "search"), 200)
    with pytest.raises(Busy, match="search"):
        reserve(limiter, "search", wait=0.05)
    assert reserve(limiter, "general", wait=0.05)


def test_what_the_budget_does_not_hold_is_not_reserved(limiter: Limiter) -> None:
    reserve(limiter, tokens=75)
    with pytest.raises(BudgetSpent, match=r"75 of today's 100 tokens"):
        reserve(limiter, tokens=6)
    assert limiter.tokens_left() == 5
    reserve(limiter, tokens=20, from_reserve=True)
    assert limiter.tokens_left(from_reserve=True) == 5
    used = limiter.usage("test")
    assert (used.requests, used.tokens, used.tokens_left_today) == (2, 95, 5)


def test_the_day_of_the_budget_is_the_servers_day(limiter: Limiter, database: Database) -> None:
    reserve(limiter, tokens=80)
    tomorrow = datetime.combine(limiter.today() + timedelta(days=1), datetime.min.time()) + timedelta(hours=1)
    limiter.clock_seen(tomorrow)
    assert limiter.today() == tomorrow.date()
    assert abs(limiter.server_time() - tomorrow) < timedelta(seconds=5)
    reserve(limiter, tokens=80)
    another = Limiter(database, "pipedrive", LIMITS, timeout_s=5, daily_tokens=100)
    assert another.today() == tomorrow.date(), "what one process saw of the clock, the next one knows"
    assert another.tokens_left() == 20
    another.close()
    yesterday = tomorrow - timedelta(days=2)
    limiter.clock_seen(yesterday)
    another = Limiter(database, "pipedrive", LIMITS, timeout_s=5, daily_tokens=100)
    assert another.today() == yesterday.date(), "also where it was set back"
    another.close()


def test_a_pause_holds_for_every_process_and_only_for_its_group(limiter: Limiter, database: Database) -> None:
    limiter.pause("search", 0.5, "penalty")
    limiter.pause("search", 0.1, "a shorter one does not shorten it")
    another = Limiter(database, "pipedrive", LIMITS, timeout_s=5)
    with pytest.raises(Busy, match="penalty") as error:
        reserve(another, "search", wait=0.01)
    assert error.value.seconds > 0.2
    assert reserve(another, "general", wait=0.01)
    assert reserve(another, "search", wait=5)
    another.close()


def test_a_pause_of_a_limit_holds_for_all_its_groups(limiter: Limiter) -> None:
    limiter.pause("burst", 60, "too many")
    for group in ("general", "search"):
        with pytest.raises(Busy, match="too many"):
            reserve(limiter, group, wait=0.01)


def test_requests_of_long_ago_go_and_what_the_days_cost_stays(database: Database) -> None:
    old = Limiter(database, "pipedrive", LIMITS, timeout_s=5, daily_tokens=100)
    other = Limiter(database, "ringcentral", LIMITS, timeout_s=5)
    for limiter in (old, other):
        reserve(limiter, tokens=3)
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("update api_requests set requested_at = timestampadd(day, -61, requested_at)")
        reserve(old, tokens=4)
        old.close()
        cursor.execute("select api, tokens from api_requests order by 1, 2")
        assert cursor.fetchall() == (("pipedrive", 4), ("ringcentral", 3))
        cursor.execute("select tokens from api_budgets where api = 'pipedrive'")
        assert cursor.fetchall() == ((7,),)
    other.close()
