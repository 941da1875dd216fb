"""Where a person stands in the database now: its entity, golden record, duplicates. How it got there is not here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pymysql.connections import Connection
from pymysql.cursors import DictCursor

from cm_core.errors import PersonError

_LEGAL = frozenset({"organization", "trust", "estate", "government"})
_PERSON = """
select p.id as person_id, p.entity_id, p.entity_type, p.is_original, d.original_id,
    coalesce(p.organization_name,
        nullif(concat_ws(' ', p.name_prefix, p.first_name, p.middle_name, p.last_name, p.name_suffix), '')) as name,
    d.match_score, d.match_reason, d.match_tier, d.match_probability, d.job_id
from persons as p
left join person_duplicates as d on d.duplicate_id = p.id
where p.id = %s
"""
_DUPLICATES = "select duplicate_id from person_duplicates where original_id = %s order by duplicate_id"
_SUCCESSOR = "select successor_id from entity_successors where entity_id = %s"
_GOLDEN = "select id from persons where entity_id = %s and is_original = 1 order by id limit 1"


@dataclass(frozen=True)
class Link:
    """The row of person_duplicates by which a person is a duplicate of `original_id`."""

    original_id: int
    score: float
    reason: str
    tier: int | None
    probability: float | None
    job_id: str


@dataclass(frozen=True)
class Standing:
    """One person: `status` is golden_record, duplicate or single_record, in the words of the seed (E4)."""

    person_id: int
    entity_id: int
    entity_type: str
    name: str | None
    status: str
    link: Link | None = None
    duplicates: list[int] = field(default_factory=list)

    @property
    def is_legal(self) -> bool:
        """Whether this is an organisation, trust, estate or government, and no human."""
        return self.entity_type in _LEGAL

    @property
    def golden_id(self) -> int:
        """The golden record: the person itself unless it is a duplicate."""
        return self.link.original_id if self.link else self.person_id


def look_up(connection: Connection[Any], person_id: int) -> Standing:
    """The person with this id. Raises PersonError if there is none; where the id was an entity's, it says whose now."""
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(_PERSON, (person_id,))
        row = cursor.fetchone()
        if row is None:
            raise PersonError(_unknown(connection, person_id))
        cursor.execute(_DUPLICATES, (person_id,))
        duplicates = [int(found["duplicate_id"]) for found in cursor.fetchall()]
    return Standing(
        person_id=row["person_id"],
        entity_id=row["entity_id"],
        entity_type=row["entity_type"],
        name=row["name"],
        status="duplicate" if row["original_id"] else "golden_record" if duplicates else "single_record",
        link=_link(row) if row["original_id"] else None,
        duplicates=duplicates,
    )


def _link(row: dict[str, Any]) -> Link:
    probability = row["match_probability"]
    return Link(
        row["original_id"],
        float(row["match_score"]),
        row["match_reason"],
        row["match_tier"],
        None if probability is None else float(probability),
        row["job_id"],
    )


def _unknown(connection: Connection[Any], number: int) -> str:
    entity = number
    with connection.cursor() as cursor:
        while cursor.execute(_SUCCESSOR, (entity,)) and (row := cursor.fetchone()):
            entity = row[0]
        golden = cursor.fetchone() if cursor.execute(_GOLDEN, (entity,)) else None
    if entity == number and golden is None:
        return f"There is no person {number}."
    now = f"its golden record is person {golden[0]}" if golden else "nobody is left in it"
    if entity == number:
        return f"There is no person {number}; it is the id of an entity: {now}."
    return f"There is no person {number}; it is a retired entity id, now entity {entity}: {now}."
