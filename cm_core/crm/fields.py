"""Custom fields of persons: those that we keep in the CRM, and what the account calls its own.

The account gives each field a code of 40 hexadecimal digits. Codes, names and options are read from the API, kept in
the lake (`crm/fields.json`) and read anew after a day. Ours are found by their names once; their codes and the ids of
their options are kept as well (`crm/our_fields.json`), and what people there call them then makes no difference. Making
the fields that are missing is `setup`'s business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cm_core.crm.client import PipedriveClient
from cm_core.crm.records import PersonRecord, canonical
from cm_core.errors import SettingsError
from cm_core.lake import ObjectStore, lake
from cm_core.settings import Settings

KEY = "crm/fields.json"
OURS_KEY = "crm/our_fields.json"
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
    """The account's fields of persons, as the API describes them.

    `kept`: what was found of ours before, our key -> {"code": ..., "options": {id: our label}}.
    """

    described: tuple[Mapping[str, Any], ...]
    kept: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def codes(self) -> dict[str, str]:
        """Our key -> the field's code there: the one that is kept, else that of our name and type. The oldest wins."""
        found: dict[str, str] = {}
        for ours in OUR_FIELDS:
            typed = [each for each in self.described if each.get("field_type") == ours.kind]
            kept = [each for each in typed if each["field_code"] == self.kept.get(ours.key, {}).get("code")]
            for each in kept or [each for each in typed if _squashed(each.get("field_name")) == _squashed(ours.name)]:
                found.setdefault(ours.key, str(each["field_code"]))
        return found

    @cached_property
    def keys(self) -> dict[str, str]:
        """The field's code there -> our key."""
        return {code: key for key, code in self.codes.items()}

    @cached_property
    def options(self) -> dict[str, dict[int, str]]:
        """Code -> option id -> its label, of fields with options; of ours our labels, also of options that are gone."""
        return {
            code: {number: label.lower() for number, label in labels.items()} | self._kept_options(code)
            if code in self.keys
            else labels
            for code, labels in self._options_there.items()
        }

    @cached_property
    def names(self) -> dict[str, str]:
        """The field's code there -> its name there."""
        return {str(field["field_code"]): str(field["field_name"]) for field in self.described}

    @cached_property
    def ours(self) -> dict[str, dict[str, Any]]:
        """What is to be kept of ours: what is there, and what is not there any more, so that it is missed."""
        found = {key: {**kept} for key, kept in self.kept.items()}
        for each in OUR_FIELDS:
            if code := self.codes.get(each.key):
                options = {
                    number: label for number, label in self.options.get(code, {}).items() if label in each.options
                }
                found[each.key] = {"code": code, "options": {str(number): label for number, label in options.items()}}
        return found

    @property
    def lacking(self) -> dict[str, list[str]]:
        """Our key -> options that the field there lacks."""
        return {
            each.key: missing
            for each in OUR_FIELDS
            if each.key in self.codes
            and (missing := [label for label in each.options if not self._ids(each.key, label)])
        }

    def check_requests(self) -> None:
        """Raise SettingsError where `Do not contact`, or an option of it, was there and is not: nobody reads it."""
        key = "do_not_contact"
        kept = self.kept.get(key)
        lacking = self.lacking.get(key, [])
        lost = [label for label in lacking if label in (kept or {}).get("options", {}).values()]
        if kept and (key not in self.codes or lost):
            what = f"the options {', '.join(lost)} of the field" if lost else "the field"
            raise SettingsError(
                f"Pipedrive does not have {what} 'Do not contact' any more: requests not to be contacted cannot be "
                "read. `cm crm setup` makes what is missing."
            )

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

    def not_understood(self, record: PersonRecord) -> set[str]:
        """What is ticked at `Do not contact` and is no channel of ours: labels, or ids that have none."""
        code = self.codes.get("do_not_contact", "")
        return {self.options.get(code, {}).get(each, str(each)) for each in _items(record.custom.get(code))} - {
            *CHANNELS
        }

    def value(self, record: PersonRecord, key: str) -> Any:
        """What the record has in our field `key`: text, an address's object, sorted channels; None: nothing.

        Ticks whose options are not known are left out (`not_understood`).
        """
        code = self.codes.get(key)
        found = record.custom.get(code) if code else None
        if found is None or code is None:
            return None
        if (labels := self.options.get(code)) is None:
            return found
        return sorted({labels[each] for each in _items(found) if each in labels}) or None

    def readable(self, code: str, value: Any) -> Any:
        """A custom field's value with labels in place of the ids of options, in lower case for our own."""
        labels = self.options.get(code)
        if labels is None:
            return value
        if isinstance(value, list):
            return sorted(labels.get(each, str(each)) for each in value)
        return labels.get(value, str(value))

    def option_ids(self, key: str, labels: Iterable[str], *, record: PersonRecord | None = None) -> list[int]:
        """The ids of options of our field `key` by their labels, as the API wants them, and those the record has.

        Labels that nobody knows are left out. Raises SettingsError where an option of ours is not there.
        """
        if missing := {*labels} & {*self.lacking.get(key, ())}:
            raise SettingsError(f"Pipedrive has no option {', '.join(sorted(missing))}: `cm crm setup` makes it.")
        code = self.codes.get(key, "")
        there, known = self._options_there.get(code, {}), self.options.get(code, {})
        wanted = {ids[0] for label in labels if (ids := self._ids(key, label))}
        ticked = {each for each in _items(record.custom.get(code)) if isinstance(each, int)} if record else set()
        return sorted(wanted | {each for each in ticked if each in there or each not in known})

    def named(self, record: PersonRecord) -> dict[str, Any]:
        """The record's custom fields by name, as people there see them."""
        return {self.names.get(code, code): self.readable(code, value) for code, value in record.custom.items()}

    def by_our_names(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Field -> value of a record (`PersonRecord.fields`), our own fields under our keys."""
        return {self.keys.get(name, name): value for name, value in fields.items()}

    @cached_property
    def _options_there(self) -> dict[str, dict[int, str]]:
        """Code -> option id -> its label, of the options that the account has now.

        Options of the API's own fields may have other ids than numbers: no custom field has them.
        """
        return {
            str(each["field_code"]): {
                int(one["id"]): str(one["label"]) for one in each["options"] if str(one["id"]).isdecimal()
            }
            for each in self.described
            if each.get("options")
        }

    def _kept_options(self, code: str) -> dict[int, str]:
        """Option id -> our label, as kept of this field."""
        kept = self.kept.get(self.keys.get(code, ""), {})
        return {int(number): label for number, label in kept["options"].items()} if kept.get("code") == code else {}

    def _ids(self, key: str, label: str) -> list[int]:
        """The options there of our field `key` that mean a label of ours."""
        code = self.codes.get(key, "")
        there = self._options_there.get(code, {})
        return sorted(
            number for number, found in self.options.get(code, {}).items() if found == label and number in there
        )


def person_fields(
    settings: Settings, client: PipedriveClient, *, max_age: timedelta = MAX_AGE, now: datetime | None = None
) -> PersonFields:
    """The account's fields: those in the lake, or read anew (10 tokens) where they are older than `max_age`."""
    store = lake(settings)
    at = now or datetime.now(UTC).replace(tzinfo=None)
    if (info := store.head(KEY)) and at - info.last_modified < max_age:
        return _keep(store, PersonFields(tuple(json.loads(store.get_bytes(KEY))), _kept(store)))
    return refresh_fields(settings, client)


def refresh_fields(settings: Settings, client: PipedriveClient) -> PersonFields:
    """The account's fields, read now and kept in the lake."""
    described, store = client.person_fields(), lake(settings)
    store.put_bytes(json.dumps(described, indent=1, ensure_ascii=False).encode(), KEY)
    return _keep(store, PersonFields(tuple(described), _kept(store)))


def known_fields(settings: Settings) -> PersonFields | None:
    """The account's fields as last read, however long ago; None: never."""
    store = lake(settings)
    return PersonFields(tuple(json.loads(store.get_bytes(KEY))), _kept(store)) if store.exists(KEY) else None


def _kept(store: ObjectStore) -> dict[str, Any]:
    return dict(json.loads(store.get_bytes(OURS_KEY))) if store.exists(OURS_KEY) else {}


def _keep(store: ObjectStore, fields: PersonFields) -> PersonFields:
    """Keep what was found of ours."""
    if fields.ours != fields.kept:
        store.put_bytes(canonical(fields.ours).encode(), OURS_KEY)
    return PersonFields(fields.described, fields.ours)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _squashed(name: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())
