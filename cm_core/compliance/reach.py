"""Which opt-outs and facts reach a contact point or a person: by itself, and by whoever is behind it.

For people who look, and for deciding whether there is something to lift. Verdicts are `judge` and the marts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pymysql.cursors import DictCursor

from cm_core.compliance.facts import is_later
from cm_core.compliance.subjects import Subject, golden_in

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: Entities behind a contact point whose other contact points are looked at too; behind a switchboard are thousands.
MOST_ENTITIES = 20
CHANNELS = ("call", "sms", "email", "mail")
#: The column of `opt_outs` that has the key of a kind of contact point.
COLUMN = {"phone": "phone_e164", "email": "email_key", "address": "address_key", "name_zip": "name_zip_key"}

_BY_PHONE = ("call", "sms")

Point = tuple[str, str]

_POINTS = """
select 'phone' as kind, c.phone_e164 as contact_key
from persons as p inner join phone_numbers as c on c.person_id = p.id
where p.entity_id in %(entities)s and c.phone_e164 is not null
union
select 'email', c.email_key from persons as p inner join email_addresses as c on c.person_id = p.id
where p.entity_id in %(entities)s and c.email is not null
union
select 'address', c.address_key from persons as p inner join addresses as c on c.person_id = p.id
where p.entity_id in %(entities)s
union
select 'name_zip', c.name_zip_key from persons as p inner join addresses as c on c.person_id = p.id
where p.entity_id in %(entities)s and c.name_zip_key is not null
union
select 'person', p.id from persons as p where p.entity_id in %(entities)s
"""
_OPT_OUTS = {
    **{kind: f"select * from opt_outs where {column} in %(keys)s" for kind, column in COLUMN.items()},
    "person": "select * from opt_outs where person_id in %(keys)s",
}
_FACTS = {
    **{
        kind: f"select * from contact_facts where contact_kind = '{kind}' and contact_key in %(keys)s"
        for kind in (*COLUMN, "person")
    },
    "of person": "select * from contact_facts where person_id in %(keys)s",
}


def points_of(connection: Connection[Any], subject: Subject) -> set[Point]:
    """The subject, and the contact points and persons of whoever is behind it, as (kind, key)."""
    entities = [entity for entity, _, _ in golden_in(connection, subject)]
    points: set[Point] = {(subject.kind, subject.key)}
    if entities and len(entities) <= MOST_ENTITIES:
        with connection.cursor() as cursor:
            cursor.execute(_POINTS, {"entities": tuple(entities)})
            points |= {(kind, str(key)) for kind, key in cursor.fetchall()}
    return points


def opt_outs_of(connection: Connection[Any], points: Iterable[Point]) -> list[dict[str, Any]]:
    """Rows of `opt_outs` that name one of them, oldest first."""
    return _rows(connection, set(points), _OPT_OUTS, "opted_out_at")


def facts_of(connection: Connection[Any], points: Iterable[Point]) -> list[dict[str, Any]]:
    """Rows of `contact_facts` that name one of them, oldest first."""
    wanted = set(points)
    wanted |= {("of person", key) for kind, key in wanted if kind == "person"}
    return _rows(connection, wanted, _FACTS, "starts_at")


def opted_out(connection: Connection[Any], subject: Subject, at: datetime, *, by_phone: bool = False) -> list[str]:
    """The channels that requests stop at the subject at a moment, its own and of whoever is behind it.

    A later re-consent of the subject itself lifts them. With `by_phone`, a request not to be called stops texts too,
    and the other way round, whether or not the rules have it so by then.
    """
    asked = opt_outs_of(connection, points_of(connection, subject))
    given = [row for row in facts_of(connection, [(subject.kind, subject.key)]) if row["fact"] == "reconsent"]
    return [channel for channel in CHANNELS if any(_holds(row, given, channel, at, by_phone=by_phone) for row in asked)]


def _holds(asked: dict[str, Any], given: list[dict[str, Any]], channel: str, at: datetime, *, by_phone: bool) -> bool:
    since = asked["opted_out_at"]
    lifted = any(
        row["channel"] in (channel, "all") and row["starts_at"] <= at and is_later(row["starts_at"], since)
        for row in given
    )
    stopped = (*_BY_PHONE, "all") if by_phone and channel in _BY_PHONE else (channel, "all")
    return asked["channel"] in stopped and since < at and not lifted


def _rows(connection: Connection[Any], points: set[Point], queries: dict[str, str], time: str) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    with connection.cursor(DictCursor) as cursor:
        for kind, query in queries.items():
            if keys := tuple(key for of, key in points if of == kind):
                cursor.execute(query, {"keys": keys})
                found |= {row["id"]: row for row in cursor.fetchall()}
    return sorted(found.values(), key=lambda row: (row[time], row["id"]))
