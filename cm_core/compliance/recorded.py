"""All that is recorded of a contact point or a person: opt-outs and facts, with where they come from. For people.

What follows from it, at which moment and for which purpose, is not here.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from pymysql.cursors import DictCursor

from cm_core.compliance.by_hand import Channel, is_opted_out, plain
from cm_core.compliance.subjects import Subject, golden_of
from cm_core.imports.records import now
from cm_core.store.database import Database

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: Entities behind a contact point whose other contact points are looked at too; behind a switchboard are thousands.
MOST_ENTITIES = 20
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
_COLUMN = {"phone": "phone_e164", "email": "email_key", "address": "address_key", "name_zip": "name_zip_key"}


@dataclass(frozen=True)
class Recorded:
    """Rows of `opt_outs` and `contact_facts`, oldest first.

    `itself` in a row says whether it names the subject; otherwise it names a person who is behind it, or another
    contact point of theirs. `opted_out` are the channels that requests of the subject itself stop now.
    """

    subject: Subject
    holders: list[tuple[int, int, str | None]]
    opted_out: list[str]
    opt_outs: list[dict[str, Any]]
    facts: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """For `--json`; times in ISO form, UTC."""
        return {
            "kind": self.subject.kind, "key": self.subject.key, "opted_out": self.opted_out,
            "holders": [{"entity_id": e, "person_id": p, "name": name} for e, p, name in self.holders],
            "opt_outs": self.opt_outs, "facts": self.facts,
        }  # fmt: skip


def recorded_of(database: Database, subject: Subject) -> Recorded:
    """What is recorded of the subject, of whoever is behind it, and of their contact points."""
    holders = golden_of(database, subject)
    with closing(database.connect()) as connection:
        points = {(subject.kind, subject.key)}
        if holders and len(holders) <= MOST_ENTITIES:
            points |= _points(connection, [entity for entity, _, _ in holders])
        opt_outs, facts = _opt_outs(connection, points), _facts(connection, points)
        moment = now()
        opted_out = [
            channel
            for channel in get_args(Channel)
            if channel != "all" and is_opted_out(connection, subject, channel, moment)
        ]
    column = _COLUMN.get(subject.kind, "person_id")
    for row in opt_outs:
        row["itself"] = str(row.get(column)) == subject.key
    for row in facts:
        row["itself"] = (row["contact_kind"], row["contact_key"]) == (subject.kind, subject.key) or (
            subject.kind == "person" and str(row.get("person_id")) == subject.key
        )
    return Recorded(subject, holders, opted_out, opt_outs, facts)


def _points(connection: Connection[Any], entities: list[int]) -> set[tuple[Any, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_POINTS, {"entities": tuple(entities)})
        return {(kind, str(key)) for kind, key in cursor.fetchall()}


def _opt_outs(connection: Connection[Any], points: set[tuple[Any, str]]) -> list[dict[str, Any]]:
    queries = {
        **{kind: f"select * from opt_outs where {column} in %(keys)s" for kind, column in _COLUMN.items()},
        "person": "select * from opt_outs where person_id in %(keys)s",
    }
    return _each(connection, points, queries, "opted_out_at")


def _facts(connection: Connection[Any], points: set[tuple[Any, str]]) -> list[dict[str, Any]]:
    by_contact = "select * from contact_facts where contact_kind = '{kind}' and contact_key in %(keys)s"
    queries = {kind: by_contact.format(kind=kind) for kind in (*_COLUMN, "person")}
    queries["of person"] = "select * from contact_facts where person_id in %(keys)s"
    persons = {("of person", key) for kind, key in points if kind == "person"}
    return _each(connection, points | persons, queries, "starts_at")


def _each(
    connection: Connection[Any], points: set[tuple[Any, str]], queries: dict[str, str], time: str
) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    with connection.cursor(DictCursor) as cursor:
        for kind, query in queries.items():
            if keys := tuple(key for of, key in points if of == kind):
                cursor.execute(query, {"keys": keys})
                found |= {row["id"]: row for row in cursor.fetchall()}
    return [plain(row) for row in sorted(found.values(), key=lambda row: (row[time], row["id"]))]
