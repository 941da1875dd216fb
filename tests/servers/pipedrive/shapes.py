"""What the server may answer: every reply of an endpoint is checked against these, so that a slip here fails loudly.

Fields that only some requests or accounts get are the optional ones.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

V2Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
V1Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")]
Code = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Custom = dict[Code, Any]


class Shape(BaseModel):
    """A reply or a part of one: exactly these fields, in exactly these types."""

    model_config = ConfigDict(strict=True, extra="forbid")


class ContactPoint(Shape):
    value: str
    primary: bool
    label: str


class Person(Shape):
    id: int
    name: str
    first_name: str | None
    last_name: str | None
    owner_id: int
    org_id: int | None
    add_time: V2Time
    update_time: V2Time
    emails: list[ContactPoint]
    phones: list[ContactPoint]
    is_deleted: bool
    visible_to: int
    label_ids: list[int]
    picture_id: int | None
    custom_fields: Custom
    # With contact sync.
    notes: str | None = None
    im: list[ContactPoint] | None = None
    birthday: str | None = None
    job_title: str | None = None
    postal_address: dict[str, str | None] | None = None
    # Asked for by include_fields.
    next_activity_id: int | None = None
    last_activity_id: int | None = None
    open_deals_count: int = 0
    related_open_deals_count: int = 0
    closed_deals_count: int = 0
    related_closed_deals_count: int = 0
    participant_open_deals_count: int = 0
    participant_closed_deals_count: int = 0
    email_messages_count: int = 0
    activities_count: int = 0
    done_activities_count: int = 0
    undone_activities_count: int = 0
    files_count: int = 0
    notes_count: int = 0
    followers_count: int = 0
    won_deals_count: int = 0
    related_won_deals_count: int = 0
    lost_deals_count: int = 0
    related_lost_deals_count: int = 0
    last_incoming_mail_time: V2Time | None = None
    last_outgoing_mail_time: V2Time | None = None
    marketing_status: Literal["no_consent", "unsubscribed", "subscribed", "archived"] = "no_consent"
    doi_status: int = 0
    smart_bcc_email: str | None = None


#: What include_fields of persons may name.
PERSON_EXTRAS = frozenset(list(Person.model_fields)[list(Person.model_fields).index("next_activity_id") :])


class Activity(Shape):
    id: int
    subject: str
    type: str
    owner_id: int
    creator_user_id: int
    is_deleted: bool
    add_time: V2Time
    update_time: V2Time
    deal_id: int | None
    lead_id: str | None
    person_id: int | None
    org_id: int | None
    project_id: int | None
    due_date: str | None
    due_time: str | None
    duration: str | None
    busy: bool
    done: bool
    marked_as_done_time: V2Time | None
    location: dict[str, Any] | None
    participants: list[dict[str, Any]]
    attendees: list[dict[str, Any]]
    public_description: str | None
    priority: int | None
    note: str | None


class Deal(Shape):
    id: int
    title: str
    creator_user_id: int
    owner_id: int
    person_id: int | None
    org_id: int | None
    pipeline_id: int
    stage_id: int
    value: float | int
    currency: str
    status: Literal["open", "won", "lost", "deleted"]
    lost_reason: str | None
    probability: float | int | None
    expected_close_date: str | None
    add_time: V2Time
    update_time: V2Time
    stage_change_time: V2Time | None
    won_time: V2Time | None
    lost_time: V2Time | None
    close_time: V2Time | None
    label_ids: list[int]
    visible_to: int
    custom_fields: Custom
    is_deleted: bool
    is_archived: bool
    archive_time: V2Time | None


class FieldOption(Shape):
    id: int
    label: str


class PersonField(Shape):
    field_name: str
    field_code: str
    field_type: str
    options: list[FieldOption] | None
    subfields: list[dict[str, str]] | None
    is_custom_field: bool
    is_optional_response_field: bool


class FoundPerson(Shape):
    id: int
    type: Literal["person"]
    name: str
    phones: list[str]
    emails: list[str]
    primary_email: str | None
    visible_to: int
    owner: dict[str, int]
    organization: dict[str, Any] | None
    custom_fields: list[str]
    notes: list[str]
    update_time: V2Time


class Found(Shape):
    result_score: float
    item: FoundPerson


class PersonV1(Shape):
    """A person in the form of v1: the merge's reply and recents."""

    id: int
    company_id: int
    owner_id: int
    org_id: int | None
    name: str
    first_name: str | None
    last_name: str | None
    phone: list[ContactPoint]
    email: list[ContactPoint]
    active_flag: bool
    add_time: V1Time
    update_time: V1Time
    visible_to: str
    label: int | None
    label_ids: list[int]
    picture_id: int | None
    merge_what_id: int | None = None


class Change(Shape):
    field_key: str
    old_value: str | None
    new_value: str | None
    actor_user_id: int
    time: V1Time
    change_source: Literal["app", "api"]
    change_source_user_agent: str | None
    is_bulk_update_flag: bool


class CallLog(Shape):
    id: str
    activity_id: int | None
    person_id: int | None
    org_id: int | None
    deal_id: int | None
    lead_id: str | None
    subject: str
    duration: str | None
    outcome: str
    from_phone_number: str | None
    to_phone_number: str
    has_recording: bool
    start_time: V1Time
    end_time: V1Time
    user_id: int
    company_id: int
    note: str | None


class Webhook(Shape):
    id: int
    company_id: int
    owner_id: int
    user_id: int
    event_action: str
    event_object: str
    subscription_url: str
    version: str
    is_active: Literal[0, 1]
    add_time: str
    remove_time: str | None
    type: Literal["general", "application"]
    http_auth_user: str | None
    http_auth_password: str | None
    remove_reason: str | None
    last_delivery_time: str | None
    last_http_status: int | None
    admin_id: int
    name: Annotated[str, Field(max_length=255)]


@cache
def _adapter(shape: type[Shape], many: bool) -> TypeAdapter[Any]:
    return TypeAdapter(list[shape] if many else shape)  # type: ignore[valid-type]


def checked(shape: type[Shape], data: list[dict[str, Any]] | dict[str, Any]) -> Any:
    """The data, unchanged, if it has that shape; a ValidationError if not. Of a long list, some 50 items are read."""
    many = isinstance(data, list)
    _adapter(shape, many).validate_python(data[:: max(1, len(data) // 50)] if isinstance(data, list) else data)
    return data
