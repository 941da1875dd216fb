"""The review queue as people see it: pairs with their names, and two persons side by side. Only reads.

Which pairs are in it is decided in `review_queue.sql`; what people answer is kept in `decisions`.
"""

from __future__ import annotations

from typing import Any

from pymysql.connections import Connection
from pymysql.cursors import DictCursor

from cm_core.linkage import decisions
from cm_core.linkage.standing import look_up
from cm_core.store.database import Database

_NAME = (
    "coalesce({0}.organization_name, concat_ws(' ', {0}.first_name, {0}.middle_name, {0}.last_name, {0}.name_suffix))"
)
_WAITING = f"""
select q.person_id, {_NAME.format("p")} as name, q.other_id, {_NAME.format("o")} as other_name, q.cause,
    q.match_probability, q.match_score, q.match_tier, q.match_reason, q.value
from review_queue as q
join persons as p on q.person_id = p.id
join persons as o on q.other_id = o.id
"""
_FIRST = f"{_WAITING} order by q.value desc, q.person_id, q.other_id limit %s"
_ONE = f"{_WAITING} where q.person_id = %s and q.other_id = %s"
_PERSON = f"""
select p.id as person_id, p.entity_id, {_NAME.format("p")} as name, p.entity_type, p.date_of_birth,
    coalesce(d.original_id, p.id) as golden_id, p.source_date
from persons as p
left join person_duplicates as d on p.id = d.duplicate_id
where p.id = %s
"""
_LISTS = {
    "phones": "select coalesce(phone_e164, concat(phone_raw, ' (invalid)')) as v from phone_numbers "
    "where person_id = %s",
    "emails": "select coalesce(email, concat(email_raw, ' (invalid)')) as v from email_addresses where person_id = %s",
    "addresses": "select concat_ws(', ', street, city, concat_ws(' ', state, zip)) as v from addresses "
    "where person_id = %s",
    "identifiers": "select concat(id_type, ' ', id_value) as v from person_identifiers where person_id = %s",
    "lists": "select distinct m.filename as v from person_sources as s join import_metadata as m "
    "on s.import_id = m.import_id where s.person_id = %s",
}


def waiting(database: Database, limit: int) -> tuple[list[dict[str, Any]], int]:
    """The `limit` pairs whose answer is worth most, and how many wait in all."""
    with database.connect() as connection:
        pairs = _rows(connection, _FIRST, (limit,))
        (total,) = _rows(connection, "select count(*) as n from review_queue", ())
        return pairs, int(total["n"])


def side_by_side(database: Database, person_id: int, other_id: int) -> dict[str, Any]:
    """Two persons with all that is known of them, their place in the queue, and the decisions that name either.

    Raises PersonError where there is no such person.
    """
    low, high = sorted((person_id, other_id))
    with database.connect() as connection:
        persons = [_person(connection, number) for number in (person_id, other_id)]
        queued = _rows(connection, _ONE, (low, high))
    named = [
        decision
        for decision in decisions.decisions(database)
        if {person_id, other_id} & {decision.person_id, decision.other_id}
    ]
    return {
        "persons": persons,
        "linked": persons[0]["golden_id"] == persons[1]["golden_id"],
        "waiting": queued[0] if queued else None,
        "decisions": [{**decision.as_json(), "in_words": decision.in_words()} for decision in named],
    }


def _person(connection: Connection[Any], person_id: int) -> dict[str, Any]:
    look_up(connection, person_id)
    (found,) = _rows(connection, _PERSON, (person_id,))
    lists = {
        name: [row["v"] for row in _rows(connection, f"{text} order by 1", (person_id,))]
        for name, text in _LISTS.items()
    }
    return {**found, **lists}


def _rows(connection: Connection[Any], query: str, parameters: tuple[Any, ...]) -> list[dict[str, Any]]:
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
