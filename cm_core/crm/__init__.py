"""Pipedrive, both ways: its people, activities and deals come in as imports; golden records and verdicts go out."""

from cm_core.crm.client import API, TOKENS, Page, PipedriveClient, pipedrive
from cm_core.crm.fields import CHANNELS, OUR_FIELDS, OurField, PersonFields, known_fields, person_fields, refresh_fields
from cm_core.crm.records import ContactPoint, PersonRecord, RecordError, canonical, normal

__all__ = [
    "API",
    "CHANNELS",
    "OUR_FIELDS",
    "TOKENS",
    "ContactPoint",
    "OurField",
    "Page",
    "PersonFields",
    "PersonRecord",
    "PipedriveClient",
    "RecordError",
    "canonical",
    "known_fields",
    "normal",
    "person_fields",
    "pipedrive",
    "refresh_fields",
]
