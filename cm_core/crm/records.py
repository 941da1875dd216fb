"""One normal form of a person of the CRM, whoever sent it: REST v2, a webhook v2, or an old export of v1.

The normal form is REST v2's, with what does not matter made one: custom fields without a value are left out, options of
a set are sorted, a webhook's typed values become plain ones, its `visible_to` a number. Nothing else is thrown away:
keys that nobody here knows stay as they are. What our own custom fields mean is in `fields`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any

from cm_core.errors import CmError

# Keys that change without anybody having changed the person; the hash leaves them out.
_VOLATILE = re.compile(
    r"id|update_time|add_time|picture_id|\w+_count|\w+_mail_time|(next|last)_activity_id|smart_bcc_email"
)
_KNOWN = frozenset({
    "id", "name", "first_name", "last_name", "owner_id", "org_id", "add_time", "update_time", "emails", "phones",
    "is_deleted", "visible_to", "label_ids", "marketing_status", "custom_fields",
})  # fmt: skip
# v1's names, and what else v1 or a webhook has of a person: v2 has it elsewhere.
_V1_ONLY = frozenset({
    "active_flag", "label", "company_id", "cc_email", "owner_name", "org_name", "first_char", "primary_email",
    "merge_what_id", "phone", "email",
})  # fmt: skip
_MOST_ID = 1 << 63
_CODE_LENGTH = 40
_CODE = re.compile(r"[0-9a-f]{40}")
_PART = re.compile(r"([0-9a-f]{40})_(\w+)")
_HALF = re.compile("[\ud800-\udfff]")
_OBJECTS = frozenset({"address", "monetary", "daterange", "timerange", "time"})
_TYPED_VALUE = {"enum": "id", "org": "id", "people": "id", "user": "id"}


class RecordError(CmError):
    """What should be a person of the CRM is none: no id or no time of change."""


@dataclass(frozen=True)
class ContactPoint:
    """A phone or e-mail as the CRM has it: free text, its label (work, home, mobile, other), whether it comes first."""

    value: str
    primary: bool
    label: str

    def as_json(self) -> dict[str, Any]:
        """As the API takes and gives it."""
        return {"value": self.value, "primary": self.primary, "label": self.label}


@dataclass(frozen=True)
class PersonRecord:
    """A person of the CRM in normal form. Times are naive UTC in whole seconds; `more` is all the rest, as sent.

    `custom` is by field code: text, number, id of an option, sorted ids of a set, or an object (address, money, range).
    """

    id: int
    update_time: datetime
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    emails: tuple[ContactPoint, ...] = ()
    phones: tuple[ContactPoint, ...] = ()
    owner_id: int | None = None
    org_id: int | None = None
    label_ids: tuple[int, ...] = ()
    visible_to: int | None = None
    marketing_status: str | None = None
    is_deleted: bool = False
    add_time: datetime | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As REST v2 would send it. Never with a key twice; read by `normal` it is the same record again."""
        return {
            "id": self.id,
            "name": self.name,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "owner_id": self.owner_id,
            "org_id": self.org_id,
            "add_time": moment_text(self.add_time),
            "update_time": moment_text(self.update_time),
            "emails": [each.as_json() for each in self.emails],
            "phones": [each.as_json() for each in self.phones],
            "is_deleted": self.is_deleted,
            "visible_to": self.visible_to,
            "label_ids": list(self.label_ids),
            "marketing_status": self.marketing_status,
            **self.more,
            "custom_fields": dict(self.custom),
        }

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what a person can change, in hexadecimal: the same whoever sent the record, and whenever."""
        return hashlib.sha256(canonical(self.fields).encode()).hexdigest()

    @cached_property
    def fields(self) -> dict[str, Any]:
        """Field -> value of what a person can change; custom fields by their code. What has no value is left out."""
        document = self.as_json()
        custom = document.pop("custom_fields")
        if document["marketing_status"] == "no_consent":  # the same as not having been asked for
            document["marketing_status"] = None
        found = {name: value for name, value in document.items() if not _is_volatile(name)}
        return {name: value for name, value in (found | custom).items() if value not in (None, [], {}, "")}


def normal(data: Mapping[str, Any]) -> PersonRecord:
    """The record of a person that REST v2, a webhook or v1 sent. Raises RecordError without id or update_time."""
    person_id, update_time = _number(data.get("id")), moment(data.get("update_time") or data.get("add_time"))
    if person_id is None or not 0 <= person_id < _MOST_ID or update_time is None:
        raise RecordError("A person of Pipedrive without id or update_time was sent: it is not the API that we know.")
    labels = data["label_ids"] if data.get("label_ids") is not None else data.get("label")
    more = {
        name: value
        for name, value in data.items()
        if name not in _KNOWN and name not in _V1_ONLY and not (len(name) >= _CODE_LENGTH and _CODE.match(name))
    }
    return PersonRecord(
        id=person_id,
        update_time=update_time,
        name=_string(data.get("name")),
        first_name=_string(data.get("first_name")),
        last_name=_string(data.get("last_name")),
        emails=_points(data.get("emails", data.get("email"))),
        phones=_points(data.get("phones", data.get("phone"))),
        owner_id=_number(data.get("owner_id")),
        org_id=_number(data.get("org_id")),
        label_ids=tuple(sorted(_ids(labels))),
        visible_to=_number(data.get("visible_to")),
        marketing_status=_string(data.get("marketing_status")),
        is_deleted=bool(data.get("is_deleted")) or data.get("active_flag") is False,
        add_time=moment(data.get("add_time")),
        custom=_custom(data),
        more=more,
    )


def plain_custom(value: Any) -> Any:
    """A custom field's value as text, number, id, sorted ids or object; None where it has no value."""
    if isinstance(value, Mapping):
        kind = value.get("type")
        if kind == "set":
            return sorted(_ids(value.get("values"))) or None
        if isinstance(kind, str) and kind in _TYPED_VALUE:
            return plain_custom(value.get(_TYPED_VALUE[kind]))
        if "id" in value and "label" in value:  # include_option_labels
            return plain_custom(value["id"])
        if isinstance(kind, str) and kind not in _OBJECTS and value.keys() == {"type", "value"}:
            return plain_custom(value["value"])
        return _object({name: part for name, part in value.items() if name != "type"})
    if isinstance(value, list):
        return sorted(_ids(value)) if all(_number(each) is not None for each in value) and value else value or None
    return None if value == "" else value


def moment(value: Any) -> datetime | None:
    """A time in any of their forms (RFC 3339, `YYYY-MM-DD HH:MM:SS` in UTC, seconds since 1970) as naive UTC."""
    if value in (None, ""):
        return None
    try:
        if isinstance(value, int | float) or str(value).isdecimal():
            found = datetime.fromtimestamp(float(value), UTC)
        else:
            found = datetime.fromisoformat(str(value).strip().upper().replace("Z", "+00:00"))
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    except (ValueError, OverflowError, OSError):
        return None


def canonical(value: Any) -> str:
    """JSON in one form only: keys sorted, no spaces; text as it is, but for half characters, which are no UTF-8."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, sort_keys=True, separators=(",", ":")) if _HALF.search(text) else text


def _custom(data: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for name, value in data.items():  # v1 has them beside the others, an address's parts too
        if len(name) < _CODE_LENGTH:
            continue
        if _CODE.fullmatch(name):
            found[name] = value
        elif match := _PART.fullmatch(name):
            parts.setdefault(match[1], {})[match[2]] = value
    for code, more in parts.items():
        if found.get(code) not in (None, ""):
            found[code] = {"value": found[code], **more}
    found |= data["custom_fields"] if isinstance(data.get("custom_fields"), Mapping) else {}
    return {code: plain for code, value in sorted(found.items()) if (plain := plain_custom(value)) is not None}


def _object(value: Mapping[str, Any]) -> Any:
    """An object without its empty parts."""
    kept = {name: part for name, part in value.items() if part not in (None, "")}
    if kept.get("formatted_address") == kept.get("value"):
        kept.pop("formatted_address", None)
    return kept or None


def _points(value: Any) -> tuple[ContactPoint, ...]:
    found = []
    for each in _items(value):
        point = each if isinstance(each, Mapping) else {"value": each}
        if text := str(point.get("value") or "").strip():
            found.append(ContactPoint(text, bool(point.get("primary")), str(point.get("label") or "")))
    return tuple(found)


def _ids(values: Any) -> list[int]:
    return [number for each in _items(values) if (number := _number(each)) is not None]


def _items(value: Any) -> Sequence[Any]:
    """A list, or the one thing that stands for a list."""
    if value is None or isinstance(value, bool):
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _number(value: Any) -> int | None:
    """An id: a number, its digits, or an object that has it (`id`, v1's `value`)."""
    if isinstance(value, Mapping):
        value = value.get("id", value.get("value"))
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        return int(value) if value.isdecimal() and len(value) < 19 else None
    return value if isinstance(value, int) else None


def _string(value: Any) -> str | None:
    text = str(value).strip() if value is not None else ""
    return text or None


def moment_text(found: datetime | None) -> str | None:
    """A time (naive UTC) as REST v2 writes it."""
    return None if found is None else f"{found.isoformat(timespec='seconds')}Z"


@cache
def _is_volatile(name: str) -> bool:
    return _VOLATILE.fullmatch(name) is not None
