"""Custom fields of persons: those that we keep in the CRM, and what the account calls its own.

The account gives each field a code of 40 hexadecimal digits. Codes, names and options are read from the API, kept in
the lake (`crm/fields.json`) and read anew after a day. Making the fields that are missing is `setup`'s business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cm_core.crm.client import PipedriveClient
from cm_core.crm.records import PersonRecord
from cm_core.lake import lake
from cm_core.settings import Settings

KEY = "crm/fields.json"
MAX_AGE = timedelta(days=1)

#: Channels of `Do not contact`, which are its options.
CHANNELS = ("call", "sms", "email", "mail")


@dataclass(frozen=True)
class OurField:
    """A custom field that we keep there: our key for it, its name and type there, its options."""

    key: str
    name: str
    kind: str
    options: tuple[str, ...] = ()


OUR_FIELDS = (
    OurField("cm_entity", "CM entity", "varchar"),
    OurField("mailing_address", "Mailing address", "address"),
    OurField("do_not_contact", "Do not contact", "set", CHANNELS),
    OurField("cm_call", "CM call", "varchar"),
    OurField("cm_text", "CM text", "varchar"),
    OurField("cm_email", "CM e-mail", "varchar"),
    OurField("cm_mail", "CM mail", "varchar"),
    OurField("cm_checked", "CM checked", "date"),
)


@dataclass(frozen=True)
class PersonFields:
    """The account's fields of persons, as the API describes them."""

    described: tuple[Mapping[str, Any], ...]

    @cached_property
    def codes(self) -> dict[str, str]:
        """Our key -> the field's code there, of those that are there with our name and type. The oldest wins."""
        found: dict[str, str] = {}
        for ours in OUR_FIELDS:
            for field in self.described:
                if _squashed(field.get("field_name")) == _squashed(ours.name) and field.get("field_type") == ours.kind:
                    found.setdefault(ours.key, str(field["field_code"]))
        return found

    @cached_property
    def keys(self) -> dict[str, str]:
        """The field's code there -> our key."""
        return {code: key for key, code in self.codes.items()}

    @cached_property
    def options(self) -> dict[str, dict[int, str]]:
        """Code -> option id -> its label, of fields that have options."""
        return {
            str(field["field_code"]): {int(option["id"]): str(option["label"]) for option in field["options"]}
            for field in self.described
            if field.get("options")
        }

    @cached_property
    def names(self) -> dict[str, str]:
        """The field's code there -> its name there."""
        return {str(field["field_code"]): str(field["field_name"]) for field in self.described}

    @property
    def missing(self) -> list[OurField]:
        """Those of ours that are not there."""
        return [field for field in OUR_FIELDS if field.key not in self.codes]

    def knows(self, record: PersonRecord) -> bool:
        """Whether all custom fields of the record and all options in them are known."""
        for code, value in record.custom.items():
            labels = self.options.get(code)
            chosen = value if isinstance(value, list) else [value]
            if code not in self.names or (labels is not None and any(each not in labels for each in chosen)):
                return False
        return True

    def value(self, record: PersonRecord, key: str) -> Any:
        """What the record has in our field `key`: text, an address's object, sorted channels; None: nothing."""
        code = self.codes.get(key)
        found = record.custom.get(code) if code else None
        return None if found is None or code is None else self.readable(code, found)

    def readable(self, code: str, value: Any) -> Any:
        """A custom field's value with labels in place of the ids of options, in lower case for our own."""
        labels = self.options.get(code)
        if labels is None:
            return value
        shown = {number: label.lower() if code in self.keys else label for number, label in labels.items()}
        if isinstance(value, list):
            return sorted(shown.get(each, str(each)) for each in value)
        return shown.get(value, str(value))

    def option_ids(self, key: str, labels: list[str]) -> list[int]:
        """The ids of options of our field `key` by their labels, as the API wants them; unknown ones are left out."""
        by_label = {label.lower(): number for number, label in self.options.get(self.codes.get(key, ""), {}).items()}
        return sorted(by_label[label] for label in labels if label in by_label)

    def named(self, record: PersonRecord) -> dict[str, Any]:
        """The record's custom fields by name, as people there see them."""
        return {self.names.get(code, code): self.readable(code, value) for code, value in record.custom.items()}

    def by_our_names(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Field -> value of a record (`PersonRecord.fields`), our own fields under our keys."""
        return {self.keys.get(name, name): value for name, value in fields.items()}


def person_fields(
    settings: Settings, client: PipedriveClient, *, max_age: timedelta = MAX_AGE, now: datetime | None = None
) -> PersonFields:
    """The account's fields: those in the lake, or read anew (10 tokens) where they are older than `max_age`."""
    store = lake(settings)
    at = now or datetime.now(UTC).replace(tzinfo=None)
    if (info := store.head(KEY)) and at - info.last_modified < max_age:
        return PersonFields(tuple(json.loads(store.get_bytes(KEY))))
    return refresh_fields(settings, client)


def refresh_fields(settings: Settings, client: PipedriveClient) -> PersonFields:
    """The account's fields, read now and kept in the lake."""
    described = client.person_fields()
    lake(settings).put_bytes(json.dumps(described, indent=1, ensure_ascii=False).encode(), KEY)
    return PersonFields(tuple(described))


def known_fields(settings: Settings) -> PersonFields | None:
    """The account's fields as last read, however long ago; None: never."""
    store = lake(settings)
    return PersonFields(tuple(json.loads(store.get_bytes(KEY)))) if store.exists(KEY) else None


def _squashed(name: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())
