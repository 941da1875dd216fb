"""What clients send: strict types. A quoted number or boolean, a time in another form or an unknown field is 400.

Only the fields that a request has are taken over (`given`): PATCH leaves the others alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tests.servers.pipedrive.clock import parse_date, parse_v1, parse_v2

Timestamp = Annotated[str, AfterValidator(parse_v2)]
V1Time = Annotated[str, AfterValidator(parse_v1)]
Date = Annotated[str, AfterValidator(parse_date)]
Clock = Annotated[str, Field(pattern=r"^\d\d:\d\d(:\d\d)?$")]
Name = Annotated[str, Field(min_length=1, max_length=255)]
VisibleTo = Literal[1, 3, 5, 7]
MarketingStatus = Literal["no_consent", "unsubscribed", "subscribed", "archived"]
_NEEDED: Any = ...


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(strict=True, extra="forbid")

    def given(self) -> dict[str, Any]:
        """The fields that the request has, null included."""
        return self.model_dump(exclude_unset=True)


class Contact(Body):
    """One e-mail address or phone number: free text."""

    value: Annotated[str, Field(min_length=1)]
    primary: bool = False
    label: str = "work"


class PersonPatch(Body):
    """PATCH /api/v2/persons/{id}: arrays replace what was there."""

    name: Name = ""
    owner_id: int = 0
    org_id: int | None = None
    add_time: Timestamp = ""
    update_time: Timestamp = ""
    emails: list[Contact] = []
    phones: list[Contact] = []
    visible_to: VisibleTo = 3
    label_ids: list[int] = []
    marketing_status: MarketingStatus = "no_consent"
    custom_fields: dict[str, Any] = {}
    # Only with contact sync.
    notes: Annotated[str, Field(max_length=10_000)] | None = None
    im: list[Contact] = []
    birthday: Date | None = None
    job_title: str | None = None
    postal_address: dict[str, Any] | None = None


class PersonPost(PersonPatch):
    """POST /api/v2/persons."""

    name: Name = _NEEDED


class Merge(Body):
    """PUT /v1/persons/{id}/merge: the id of the person that stays."""

    merge_with_id: int


class Option(Body):
    """An option of an enum or set field."""

    label: Annotated[str, Field(min_length=1, max_length=255)]


class FieldPost(Body):
    """POST /api/v2/personFields."""

    field_name: Name
    field_type: Literal[
        "varchar", "varchar_auto", "text", "double", "phone", "date", "daterange", "time", "timerange", "enum", "set",
        "address", "monetary", "org", "people", "user", "visible_to",
    ]  # fmt: skip
    options: Annotated[list[Option], Field(min_length=1)] | None = None
    description: str | None = None
    required_fields: dict[str, Any] | None = None
    ui_visibility: dict[str, Any] | None = None
    important_fields: dict[str, Any] | None = None


class Participant(Body):
    """Who an activity is with; the primary one is its person_id."""

    person_id: int
    primary: bool = False


class ActivityPatch(Body):
    """POST and PATCH of /api/v2/activities. person_id is read only: people are linked by participants."""

    subject: str = ""
    type: Annotated[str, Field(min_length=1)] = "call"
    owner_id: int = 0
    deal_id: int | None = None
    lead_id: str | None = None
    org_id: int | None = None
    project_id: int | None = None
    due_date: Date | None = None
    due_time: Clock | None = None
    duration: Clock | None = None
    busy: bool = False
    done: bool = False
    location: dict[str, Any] | None = None
    participants: list[Participant] | None = None
    attendees: list[dict[str, Any]] | None = None
    public_description: str | None = None
    priority: int | None = None
    note: str | None = None


class DealPatch(Body):
    """PATCH /api/v2/deals/{id}."""

    title: Name = ""
    owner_id: int = 0
    person_id: int | None = None
    org_id: int | None = None
    pipeline_id: int = 1
    stage_id: int = 1
    value: float | int = 0
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    status: Literal["open", "won", "lost", "deleted"] = "open"
    lost_reason: str | None = None
    probability: Annotated[float, Field(ge=0, le=100)] | None = None
    expected_close_date: Date | None = None
    add_time: Timestamp = ""
    update_time: Timestamp = ""
    label_ids: list[int] = []
    visible_to: VisibleTo = 3
    is_archived: bool = False
    custom_fields: dict[str, Any] = {}


class DealPost(DealPatch):
    """POST /api/v2/deals."""

    title: Name = _NEEDED


class CallLogPost(Body):
    """POST /v1/callLogs; the duration is in seconds, as text."""

    to_phone_number: Annotated[str, Field(min_length=1)]
    outcome: Literal["connected", "no_answer", "left_message", "left_voicemail", "wrong_number", "busy"]
    start_time: V1Time
    end_time: V1Time
    user_id: int | None = None
    activity_id: int | None = None
    subject: str | None = None
    duration: Annotated[str, Field(pattern=r"^\d+$")] | None = None
    from_phone_number: str | None = None
    person_id: int | None = None
    org_id: int | None = None
    deal_id: int | None = None
    lead_id: str | None = None
    note: str | None = None
