"""What has been closed to people since their step was planned: an apply asks before it writes.

A plan waits for hours where the budget does not hold it, and somebody may opt out meanwhile. Nobody is created who may
not be contacted at all by now, and no verdict goes out that says yes to a channel that was closed since.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.rules import CHANNELS
from cm_core.compute import session
from cm_core.crm import people
from cm_core.crm.do_not_contact import channels_closed
from cm_core.crm.merge_fields import NO, VERDICTS
from cm_core.crm.population import NEVER_CREATED, want
from cm_core.crm.steps import Step
from cm_core.settings import Settings
from cm_core.store.locks import looking

if TYPE_CHECKING:
    from pymysql.connections import Connection

# Whoever went into another entity is that one: what was asked of it counts.
_NOW = """
select entity_id, entity_id from persons where entity_id in %s
union
select entity_id, successor_id from entity_successors where entity_id in %s
"""
_WANTED = "select distinct unnest($entities::bigint[]) as entity_id"
_CLOSED = "select entity_id, channels, reasons from do_not_contact"


@dataclass(frozen=True)
class Closed:
    """The channels that are closed to somebody, and what closed them."""

    channels: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()

    @property
    def is_barred(self) -> bool:
        """Whether the person is not to be put into the CRM at all."""
        return self.channels >= set(CHANNELS) or bool(self.reasons & NEVER_CREATED)


def closed_now(settings: Settings, connection: Connection[Any], entities: Iterable[int]) -> dict[int, Closed]:
    """What is closed to these entities at this moment, by the canonical tables; others are left out."""
    asked = sorted(set(entities))
    if not asked:
        return {}
    with session(settings) as con, looking(connection):
        with connection.cursor() as cursor:
            at = people.now(cursor)
            cursor.execute(_NOW, (asked, asked))
            is_now = [(int(entity), int(now)) for entity, now in cursor.fetchall()]
        con.execute(f"create or replace table asked as {_WANTED}", {"entities": [now for _, now in is_now]})
        want(connection, con, "select entity_id from asked")
        channels_closed(connection, con, load_rules(), at=at)
        found = {
            int(entity): Closed(frozenset(channels), frozenset(reasons))
            for entity, channels, reasons in con.execute(_CLOSED).fetchall()
        }
    return {entity: found[now] for entity, now in is_now if now in found}


def as_of_now(step: Step, closed: Closed) -> Step:
    """The step with what was closed since it was planned; a verdict on such a channel stays out unless it says no.

    Verdicts on a channel that was closed before are the plan's: they are about the contact points that are left.
    """
    new = closed.channels - step.ours.do_not_contact
    if not new:
        return step
    outdated = {VERDICTS[channel] for channel in new}
    own = {name: words for name, words in step.ours.own.items() if name not in outdated or (words or "").startswith(NO)}
    return replace(step, ours=replace(step.ours, do_not_contact=step.ours.do_not_contact | new, own=own))
