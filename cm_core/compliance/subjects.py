"""What people mean when they name a contact point or a person, in the keys that facts are kept by.

Read as a row of an opt-out list is, so that what is recorded by hand meets what lists bring.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cm_core.compute import session
from cm_core.errors import PersonError, UsageError
from cm_core.imports.known import Known
from cm_core.imports.staging_facts import contact_points_of
from cm_core.settings import Settings
from cm_core.store.database import Database

if TYPE_CHECKING:
    from pymysql.connections import Connection

Kind = Literal["phone", "email", "address", "name_zip", "person"]

_PERSON_ID = re.compile(r"\d{1,9}")


@dataclass(frozen=True)
class Subject:
    """A contact point, or a person by id. `key` is as in `contact_facts`; a person's is the id."""

    kind: Kind
    key: str

    @property
    def person_id(self) -> int | None:
        """The person's id, if it is one."""
        return int(self.key) if self.kind == "person" else None

    def __str__(self) -> str:
        return f"person {self.key}" if self.kind == "person" else self.key


def subject_of(
    settings: Settings,
    database: Database,
    text: str | None = None,
    *,
    address: str | None = None,
    name: str | None = None,
    zip_code: str | None = None,
) -> Subject:
    """The contact point or person that is named: by `text` (phone, e-mail address or person id), or as said.

    A name counts with its ZIP, and then an address beside it is that ZIP's. Raises UsageError where it is none of them
    or several, PersonError where there is no such person.
    """
    if text is not None and (address or name or zip_code):
        raise UsageError("Name one: a phone, an e-mail address or a person's id; or --address; or --name with --zip.")
    if text is not None and _PERSON_ID.fullmatch(text.strip()):
        return _person(settings, database, int(text))
    if name and not (zip_code or address):
        raise UsageError("--name needs --zip: a name alone is many people's.")
    wanted: Kind = "name_zip" if name else "address"
    if text is not None:
        wanted = "email" if "@" in text else "phone"
    elif not (address or name):
        raise UsageError("Name somebody: a phone, an e-mail address or a person's id; --address; or --name with --zip.")
    with session(settings, threads=1) as con:
        found = contact_points_of(
            con, phone=text if wanted == "phone" else None, email=text if wanted == "email" else None, name=name,
            address=address, zip_code=zip_code,
        )  # fmt: skip
    keys = sorted(key for kind, key in found if kind == wanted)
    shown = text or " ".join(filter(None, (name, address, zip_code)))
    if not keys:
        raise UsageError(f"{shown!r} is no {_WORDS[wanted]}.")
    if len(keys) > 1:
        raise UsageError(f"{shown!r} is several: {', '.join(keys)}. Name them one by one.")
    return Subject(wanted, keys[0])


_WORDS: dict[Kind, str] = {
    "phone": "phone number (ten digits), e-mail address or person's id",
    "email": "valid e-mail address",
    "address": "postal address with street and place",
    "name_zip": "name of a person with a ZIP of five digits",
    "person": "person's id",
}


def _person(settings: Settings, database: Database, person_id: int) -> Subject:
    if not Known(settings, database).persons([person_id]):
        raise PersonError(f"There is no person {person_id}. A phone number has ten digits.")
    return Subject("person", str(person_id))


def golden_of(database: Database, subject: Subject) -> list[tuple[int, int, str | None]]:
    """Who is behind it now: (entity, golden person, name) of each entity that has it, in order."""
    with closing(database.connect()) as connection:
        return golden_in(connection, subject)


def golden_in(connection: Connection[Any], subject: Subject) -> list[tuple[int, int, str | None]]:
    """The same, as the connection's transaction sees it."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS[subject.kind], (subject.key,))
        return [(int(entity), int(person), name) for entity, person, name in cursor.fetchall()]


_GOLDEN = """
select g.entity_id, g.id,
    coalesce(g.organization_name, nullif(concat_ws(' ', g.first_name, g.middle_name, g.last_name, g.name_suffix), ''))
from (select distinct p.entity_id from {holders}) as h
inner join persons as g on g.entity_id = h.entity_id and g.is_original = 1
order by g.entity_id
"""
_HELD = "{table} as c inner join persons as p on p.id = c.person_id where c.{key} = {place}"
_ASCII, _TEXT = "convert(%s using ascii)", "%s"
_HOLDERS: dict[Kind, str] = {
    "person": _GOLDEN.format(holders="persons as p where p.id = %s"),
    "phone": _GOLDEN.format(holders=_HELD.format(table="phone_numbers", key="phone_e164", place=_ASCII)),
    "email": _GOLDEN.format(holders=_HELD.format(table="email_addresses", key="email_key", place=_TEXT)),
    "address": _GOLDEN.format(holders=_HELD.format(table="addresses", key="address_key", place=_TEXT)),
    "name_zip": _GOLDEN.format(holders=_HELD.format(table="addresses", key="name_zip_key", place=_ASCII)),
}
