"""The shapes of what the API answers: every body is held against them before it leaves, and no unknown field passes.

After the typed definitions of the API (CallLogRecord, CallLogRecordLegInfo, GetMessageInfoResponse, SmsOptRecord and
their lists). `result`, `action` and `reason` are open sets.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Moment = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$")]
Direction = Literal["Inbound", "Outbound"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Device(Shape):
    id: str | None = None
    uri: str | None = None


class Party(Shape):
    """An end of a call. No phoneNumber: anonymous, or an extension."""

    phoneNumber: str | None = None
    extensionNumber: str | None = None
    extensionId: str | None = None
    name: str | None = None
    location: str | None = None
    device: Device | None = None


class CalledParty(Party):
    dialedPhoneNumber: str | None = None


class ExtensionRef(Shape):
    id: int
    uri: str


class Recording(Shape):
    id: str
    uri: str
    type: Literal["Automatic", "OnDemand"]
    contentUri: str


class MessageRef(Shape):
    id: str
    type: Literal["Fax", "VoiceMail"]
    uri: str


class Delegate(Shape):
    id: str
    name: str | None = None


class Billing(Shape):
    costIncluded: float | None = None
    costPurchased: float | None = None


class Transfer(Shape):
    telephonySessionId: str | None = None
    extensionId: str | None = None
    partyId: str | None = None


class CallParts(Shape):
    """What a call and its legs share."""

    sessionId: str | None = None
    telephonySessionId: str | None = None
    partyId: str | None = None
    startTime: Moment
    duration: Annotated[int, Field(ge=0)] | None = None
    durationMs: Annotated[int, Field(ge=0)] | None = None
    type: Literal["Voice", "Fax"]
    internalType: str | None = None
    direction: Direction
    action: str
    result: str | None = None
    reason: str | None = None
    reasonDescription: str | None = None
    from_: Party | None = Field(None, alias="from")
    to: CalledParty | None = None
    extension: ExtensionRef | None = None
    transport: Literal["PSTN", "VoIP"] | None = None
    recording: Recording | None = None
    shortRecording: bool | None = None
    message: MessageRef | None = None
    delegate: Delegate | None = None
    billing: Billing | None = None
    transferTarget: Transfer | None = None
    transferee: Transfer | None = None
    delegationType: str | None = None
    sipUuidInfo: str | None = None
    metadataCategories: list[str] | None = None


class Leg(CallParts):
    legType: str
    master: bool | None = None


class Call(CallParts):
    id: str
    uri: str
    sessionId: str
    lastModifiedTime: Moment | None = None
    deleted: bool | None = None
    legs: list[Leg] | None = None


class Paging(Shape):
    """Without totals: the call log does not say how much there is."""

    page: Annotated[int, Field(ge=1)]
    perPage: Annotated[int, Field(ge=1, le=1000)]
    pageStart: Annotated[int, Field(ge=0)]
    pageEnd: Annotated[int, Field(ge=0)]


class Link(Shape):
    uri: str


class Navigation(Shape):
    firstPage: Link
    nextPage: Link | None = None
    previousPage: Link | None = None


class CallPage(Shape):
    uri: str
    records: list[Call]
    paging: Paging
    navigation: Navigation


class SyncInfo(Shape):
    syncType: Literal["FSync", "ISync"]
    syncToken: str
    syncTime: Moment
    olderRecordsExist: bool | None = None
    newerRecordsExist: bool | None = None


class CallSync(Shape):
    uri: str
    records: list[Call]
    syncInfo: SyncInfo


class MessageParty(Shape):
    phoneNumber: str | None = None
    extensionNumber: str | None = None
    name: str | None = None
    location: str | None = None
    messageStatus: str | None = None
    target: bool | None = None


class Attachment(Shape):
    id: int
    uri: str
    type: str
    contentType: str
    size: int | None = None


class Conversation(Shape):
    id: str
    uri: str


class Message(Shape):
    id: int
    uri: str
    extensionId: str | None = None
    from_: MessageParty | None = Field(None, alias="from")
    to: list[MessageParty]
    type: Literal["Fax", "SMS", "VoiceMail", "Pager"]
    subject: str | None = None
    direction: Direction
    messageStatus: Literal["Queued", "Sent", "Delivered", "DeliveryFailed", "SendingFailed", "Received"]
    creationTime: Moment
    lastModifiedTime: Moment
    readStatus: Literal["Read", "Unread"]
    priority: Literal["Normal", "High"] | None = None
    availability: Literal["Alive", "Deleted", "Purged"]
    conversationId: int | None = None
    conversation: Conversation | None = None
    deliveryErrorCode: str | None = None
    attachments: list[Attachment]


class MessagePage(Shape):
    uri: str
    records: list[Message]
    paging: Paging
    navigation: Navigation


class MessageSync(Shape):
    uri: str
    records: list[Message]
    syncInfo: SyncInfo


class Consent(Shape):
    from_: str = Field(alias="from", pattern=r"^(\*|\+\d+)$")
    to: Annotated[str, Field(pattern=r"^\+\d+$")]
    optStatus: Literal["OptOut", "OptIn"]
    source: Literal["Api", "Recipient", "Account", "Upstream", "Carrier"]
    coverage: Literal["PhoneNumber", "Account", "CampaignType"] | None = None
    campaignType: Literal["Conversational", "Informational", "Promotional"] | None = None
    notes: str | None = None
    lastModifiedTime: str


class TokenPaging(Shape):
    perPage: Annotated[int, Field(ge=1, le=1000)]
    pageToken: str | None = None
    firstPageToken: str
    nextPageToken: str | None = None
    previousPageToken: str | None = None


class ConsentPage(Shape):
    records: list[Consent]
    paging: TokenPaging


class ErrorEntry(Shape):
    errorCode: str
    message: str
    parameterName: str | None = None
    permissionName: str | None = None


class FailedConsent(Shape):
    from_: str = Field(alias="from")
    to: str
    optStatus: str
    source: str
    error: ErrorEntry


class ConsentChange(Shape):
    failedRecords: list[FailedConsent]


class OptOut(Shape):
    from_: str = Field(alias="from")
    to: str
    status: Literal["OptIn", "OptOut"]
    source: Literal["Recipient", "Account", "Upstream", "Carrier"]


class OptOutPage(Shape):
    records: list[OptOut]
    paging: TokenPaging


class Token(Shape):
    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    refresh_token: str
    refresh_token_expires_in: int
    scope: str
    owner_id: str
    endpoint_id: str


class ErrorBody(ErrorEntry):
    errors: list[ErrorEntry]


class OAuthErrorBody(Shape):
    error: str
    error_description: str
    errors: list[ErrorEntry]
