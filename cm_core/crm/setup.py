"""The account made ready: our custom fields are found by their names, or made.

Two at once make one field: who makes fields holds a lock of the database. Pipedrive itself would take the name twice.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cm_core.crm.client import PipedriveClient
from cm_core.crm.fields import OUR_FIELDS, OurField, PersonFields, refresh_fields
from cm_core.errors import SettingsError
from cm_core.settings import Settings
from cm_core.store.locks import named_lock
from cm_core.web import Unanswered

if TYPE_CHECKING:
    from cm_core.store.database import Database

LOCK = "cm_crm_setup"
_WAIT_S = 120.0


@dataclass(frozen=True)
class SetUp:
    """Our fields by the account's codes, and what had to be made: fields, and options of fields that were there."""

    codes: dict[str, str]
    made: list[str] = field(default_factory=list)
    options_added: dict[str, list[str]] = field(default_factory=dict)


def set_up(settings: Settings, database: Database, client: PipedriveClient) -> SetUp:
    """Find our fields of persons in the account, make those that are missing, and keep their codes in the lake.

    Called again it changes nothing. Raises SettingsError where a field with one of our names is of another type.
    """
    with closing(database.connect()) as connection, named_lock(connection, LOCK, timeout_s=_WAIT_S):
        connection.commit()
        fields = refresh_fields(settings, client)
        made = []
        for ours in fields.missing:
            _check_type(fields, ours)
            try:
                client.create_field(ours.name, ours.kind, options=ours.options or None)
            except Unanswered:
                # Perhaps it was made: what is there now says so.
                if ours.key not in refresh_fields(settings, client).codes:
                    client.create_field(ours.name, ours.kind, options=ours.options or None)
            made.append(ours.name)
        if made:
            fields = refresh_fields(settings, client)
        added = _add_options(client, fields)
        if added:
            fields = refresh_fields(settings, client)
        return SetUp(fields.codes, made, added)


def _check_type(fields: PersonFields, ours: OurField) -> None:
    """A field of our name and another type would be taken for ours by everybody who looks at it."""
    for there in fields.described:
        if there.get("field_name") == ours.name and there.get("field_type") != ours.kind:
            raise SettingsError(
                f"Pipedrive has a field {ours.name!r} of type {there.get('field_type')}: rename it there, and "
                f"`cm crm setup` makes one of type {ours.kind}."
            )


def _add_options(client: PipedriveClient, fields: PersonFields) -> dict[str, list[str]]:
    """Options that a field of ours lacks."""
    names = {ours.key: ours.name for ours in OUR_FIELDS}
    for key, lacking in fields.lacking.items():
        client.add_options(fields.codes[key], lacking)
    return {names[key]: lacking for key, lacking in fields.lacking.items()}
