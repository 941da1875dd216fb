"""`changed_entities`: which entities the marts have to look at again, noted in the transaction of the change.

A build of the marts takes exactly the rows that it sees (`cm_core.compliance.builds`); what is committed later stays
for the next one. Nothing changed, nothing noted. Which change matters is the caller's to say; what the marts make of it
is dbt's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pymysql.connections import Connection

#: Stands for every entity: what was written is not told entity by entity.
EVERYTHING = 0

_ADD = "insert into changed_entities (entity_id) "
_ALL = f"{_ADD} values (%(everything)s)"
_PERSONS = f"{_ADD} select distinct p.entity_id from {{persons}} as l inner join persons as p on p.id = l.{{column}}"
_NEW_PERSONS = f"{_ADD} select entity_id from persons where id between %(first)s and %(last)s"
_WRITTEN_AT = f"""
{_ADD}
select distinct p.entity_id
from {{persons}} as l
inner join persons as p on p.id = l.id
where p.updated_at = %(at)s
    or exists (select 1 from phone_numbers as c where c.person_id = p.id and c.updated_at = %(at)s)
    or exists (select 1 from email_addresses as c where c.person_id = p.id and c.updated_at = %(at)s)
    or exists (select 1 from addresses as c where c.person_id = p.id and c.updated_at = %(at)s)
"""
_HOLDERS = f"""
{_ADD}
select distinct straight_join p.entity_id
from {{contacts}} as l
inner join {{table}} as c on c.{{key}} = l.{{column}}
inner join persons as p on p.id = c.person_id
"""
_PHONES_BETWEEN = f"""
{_ADD}
select distinct p.entity_id
from phone_numbers as c
inner join persons as p on p.id = c.person_id
where c.phone_e164 between %(first)s and %(last)s
"""
#: Facts that reach all contact points of who alone has the one they name, as `cm_core.compliance.facts` has them.
OF_THE_PERSON = ("privacy_deletion", "deceased", "mail_suppression", "relationship")
# One who holds an opted-out contact alone is certain to have asked; beside another holder, no longer. So it is with
# facts about persons.
_BESIDE = """
insert into changed_entities (entity_id)
select distinct straight_join p.entity_id
from {some}
inner join {said}
inner join {table} as c on c.{key} = n.{key}
inner join persons as p on p.id = c.person_id
where {condition}
"""
# A number that one holder's row says to be mobile is mobile for all.
_MOBILE = """
insert into changed_entities (entity_id)
select distinct straight_join p.entity_id
from {some}
inner join phone_numbers as c on c.phone_e164 = n.phone_e164 and c.phone_type is null
inner join persons as p on p.id = c.person_id
where {condition}
"""
_MOBILE_WRITTEN = _MOBILE.format(
    some="{persons} as l inner join phone_numbers as n on n.person_id = l.id",
    condition="n.phone_type is not null and n.updated_at = %(at)s",
)
_ASKED = "opt_outs as o on o.{key} = n.{key}"
_KNOWN = "contact_facts as f on f.contact_kind = '{kind}' and f.contact_key = n.{key} and f.fact in %(of_the_person)s"
_BETWEEN = "n.id between %(first)s and %(last)s"
_NEW = "{table} as n"
_GONE = "{contacts} as l inner join {table} as n on n.id = l.id"

#: Contact tables by kind of contact point, with the column that is its key.
CONTACTS = {
    "phone": ("phone_numbers", "phone_e164"),
    "email": ("email_addresses", "email_key"),
    "address": ("addresses", "address_key"),
    "name_zip": ("addresses", "name_zip_key"),
}


def all_changed(connection: Connection[Any]) -> None:
    """Everything may have changed: the next build of the marts builds all of it."""
    _execute(connection, _ALL, everything=EVERYTHING)


def persons_changed(connection: Connection[Any], persons: str, column: str = "id") -> None:
    """The entities, as they are now, of the persons in the temporary table `persons`."""
    _execute(connection, _PERSONS.format(persons=persons, column=column))


def persons_new(connection: Connection[Any], first: int, last: int) -> None:
    """The entities of the persons `first` to `last` (ids)."""
    _execute(connection, _NEW_PERSONS, first=first, last=last)


def persons_written(connection: Connection[Any], persons: str, at: datetime) -> None:
    """Of the persons in the temporary table `persons(id)`, those written at `at`, or a contact point of theirs."""
    _execute(connection, _WRITTEN_AT.format(persons=persons), at=at)
    _execute(connection, _MOBILE_WRITTEN.format(persons=persons), at=at)


def holders_changed(connection: Connection[Any], kind: str, contacts: str, column: str) -> None:
    """The entities of all holders of the contact points of a kind in the temporary table `contacts`.

    Its `column` has the type of the key in the contact table: of another character set it would find by no index.
    """
    table, key = CONTACTS[kind]
    _execute(connection, _HOLDERS.format(contacts=contacts, column=column, table=table, key=key))


def phones_changed(connection: Connection[Any], first: str, last: str) -> None:
    """The entities of all holders of the telephone numbers from `first` to `last` (E.164)."""
    _execute(connection, _PHONES_BETWEEN, first=first, last=last)


def contacts_new(connection: Connection[Any], table: str, first: int, last: int) -> None:
    """Contact points `first` to `last` (ids) of `table` are new: what names one is no longer about who has it alone."""
    for statement in _beside(table, _NEW, _BETWEEN):
        _execute(connection, statement, first=first, last=last, of_the_person=OF_THE_PERSON)


def contacts_gone(connection: Connection[Any], table: str, contacts: str) -> None:
    """The contact points of `table` that the temporary table `contacts(id)` names are about to go: the same."""
    for statement in _beside(table, _GONE.replace("{contacts}", contacts), "true"):
        _execute(connection, statement, of_the_person=OF_THE_PERSON)


def _beside(table: str, some: str, condition: str) -> Iterator[str]:
    """Who has a contact point of `some` that a request or a fact about a person names, or that is a mobile number."""
    if table == CONTACTS["phone"][0]:
        yield _MOBILE.format(some=some.format(table=table), condition=f"n.phone_type = 'mobile' and {condition}")
    for kind, (found, key) in CONTACTS.items():
        for said in (_ASKED, _KNOWN) if kind != "name_zip" else (_ASKED,):
            if found == table:
                yield _BESIDE.format(
                    some=some.format(table=table),
                    said=said.format(kind=kind, key=key),
                    table=table,
                    key=key,
                    condition=condition,
                )


def _execute(connection: Connection[Any], statement: str, **parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
