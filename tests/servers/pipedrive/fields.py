"""Fields of persons: the built-in ones, and custom ones with their values as REST and as webhooks give them."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.servers.pipedrive.clock import parse_date
from tests.servers.pipedrive.errors import bad_request, not_found

_BUILT_IN = {
    "name": "varchar", "first_name": "varchar", "last_name": "varchar", "phones": "phone", "emails": "varchar",
    "owner_id": "user", "org_id": "org", "add_time": "date", "update_time": "date", "visible_to": "visible_to",
    "label_ids": "set", "picture_id": "picture", "marketing_status": "enum",
}  # fmt: skip
_ADDRESS_PARTS = (
    "value", "country", "admin_area_level_1", "admin_area_level_2", "locality", "sublocality", "route", "street_number",
    "subpremise", "postal_code",
)  # fmt: skip
_SUBFIELDS = {
    "address": [*_ADDRESS_PARTS, "formatted_address"],
    "monetary": ["value", "currency"],
    "daterange": ["from", "until"],
    "timerange": ["from", "until"],
}
_OBJECTS = {
    "address": {*_ADDRESS_PARTS, "formatted_address"},
    "monetary": {"value", "currency"},
    "daterange": {"from", "until"},
    "timerange": {"from", "until"},
    "time": {"value", "timezone_id", "timezone_name"},
}
_IDS = {"org", "people", "user", "visible_to"}


class Fields:
    """All fields of persons; custom ones get a code of 40 hex digits, and two may have one name."""

    def __init__(self) -> None:
        self._fields = [_field(name.replace("_", " ").capitalize(), name, kind) for name, kind in _BUILT_IN.items()]
        self.custom: dict[str, dict[str, Any]] = {}
        """The custom fields by code."""
        self._next_option = 1

    @property
    def all(self) -> list[dict[str, Any]]:
        """The fields in the order of their making."""
        return self._fields

    def add(self, name: str, kind: str, options: list[str] | None) -> dict[str, Any]:
        """Make a custom field. Raises ApiError 400 where options and type do not go together."""
        if (kind in ("enum", "set")) != (options is not None):
            raise bad_request("Validation failed: options: needed for enum and set, and only for these")
        code = hashlib.sha1(f"{len(self._fields)} {name}".encode()).hexdigest()
        field = _field(name, code, kind)
        self._fields.append(field)
        self.custom[code] = field
        if options:
            field["options"] = self._options(options)
        return field

    def add_options(self, code: str, labels: list[str]) -> list[dict[str, Any]]:
        """Add options to an enum or set field and return the new ones."""
        field = self.custom.get(code)
        if field is None or field["options"] is None:
            raise not_found("Field")
        added = self._options(labels)
        field["options"] = field["options"] + added
        return added

    def check(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values to write as the server keeps them; null clears. Raises ApiError 400 for what a field does not take."""
        custom = self.custom
        kept: dict[str, Any] = {}
        for code, value in values.items():
            if code not in custom:
                raise bad_request(f"Validation failed: custom_fields.{code}: no such field")
            if value is not None:
                try:
                    value = _checked(custom[code], value)
                except ValueError as problem:
                    raise bad_request(f"Validation failed: custom_fields.{code}: {problem}") from None
            kept[code] = value
        return kept

    def typed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values in the webhook's form: an object that names its type."""
        custom = self.custom
        return {code: None if value is None else _typed(custom[code], value) for code, value in values.items()}

    def with_labels(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values with the label beside the id of each option (include_option_labels)."""
        shown = dict(values)
        for code, field in self.custom.items():
            if field["options"] is not None and (value := shown.get(code)) is not None:
                labels = {option["id"]: option for option in field["options"]}
                shown[code] = [labels[i] for i in value] if field["field_type"] == "set" else labels[value]
        return shown

    def _options(self, labels: list[str]) -> list[dict[str, Any]]:
        first = self._next_option
        self._next_option += len(labels)
        return [{"id": first + place, "label": label} for place, label in enumerate(labels)]


def _field(name: str, code: str, kind: str) -> dict[str, Any]:
    subfields = [{"field_code": part, "field_name": part, "field_type": "varchar"} for part in _SUBFIELDS.get(kind, [])]
    return {
        "field_name": name,
        "field_code": code,
        "field_type": kind,
        "options": None,
        "subfields": subfields or None,
        "is_custom_field": code not in _BUILT_IN,
        "is_optional_response_field": code == "marketing_status",
    }


def _checked(field: dict[str, Any], value: Any) -> Any:
    kind = field["field_type"]
    if kind in _OBJECTS:
        return _object(kind, value)
    if kind == "double":
        return _need(value, (int, float), "a number")
    if kind in _IDS:
        return _need(value, int, "a number")
    if kind == "enum":
        return _option(field, value)
    if kind == "set":
        # An empty array is refused: null clears.
        if not isinstance(value, list) or not value:
            raise ValueError("must be a non-empty array of option ids; null clears it")
        return [_option(field, item) for item in value]
    text = _need(value, str, "a string")
    if kind == "date":
        return parse_date(text)
    if kind in ("varchar", "varchar_auto", "phone") and len(text) > 255:
        raise ValueError("must not be longer than 255 characters")
    return text


def _object(kind: str, value: Any) -> dict[str, Any]:
    _need(value, dict, "an object")
    if unknown := value.keys() - _OBJECTS[kind]:
        raise ValueError(f"unknown part {min(unknown)}")
    if kind == "address":
        _need(value.get("value"), str, "an object with value")
        return {part: value.get(part) for part in _ADDRESS_PARTS} | {
            "formatted_address": value.get("formatted_address")
        }
    if kind == "monetary":
        _need(value.get("value"), (int, float), "an object with a number as value")
        _need(value.get("currency"), str, "an object with currency")
    return dict(value)


def _option(field: dict[str, Any], value: Any) -> int:
    if value not in [option["id"] for option in field["options"]] or isinstance(value, bool):
        raise ValueError(f"{value!r} is no option of the field")
    return int(value)


def _need(value: Any, types: Any, what: str) -> Any:
    if not isinstance(value, types) or isinstance(value, bool):
        raise ValueError(f"must be {what}")
    return value


def _typed(field: dict[str, Any], value: Any) -> dict[str, Any]:
    kind = field["field_type"]
    if kind == "enum" or kind in _IDS:
        return {"type": kind, "id": value}
    if kind == "set":
        return {"type": kind, "values": [{"id": item} for item in value]}
    if kind == "address":
        return {"type": kind, **value, "formatted_address": value.get("formatted_address") or value["value"]}
    return {"type": kind, **value} if isinstance(value, dict) else {"type": kind, "value": value}
