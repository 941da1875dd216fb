"""Pipedrive, both ways: its people, activities and deals come in as imports; golden records and verdicts go out."""

from cm_core.crm.client import API, TOKENS, Page, PipedriveClient, pipedrive
from cm_core.crm.edits import values_of
from cm_core.crm.events import Handled, are_new_events, handle_events
from cm_core.crm.fields import CHANNELS, OUR_FIELDS, OurField, PersonFields, known_fields, person_fields, refresh_fields
from cm_core.crm.people import about_to_write, not_written, note_read, note_vanished
from cm_core.crm.pull import SOURCES, PullResult, covered_to, days, pull_day
from cm_core.crm.reconcile import Reconciled, Vanished, reconcile
from cm_core.crm.records import ContactPoint, PersonRecord, RecordError, canonical, normal
from cm_core.crm.status import CrmStatus, crm_status
from cm_core.crm.webhooks import serve, webhook_app

__all__ = [
    "API", "CHANNELS", "OUR_FIELDS", "SOURCES", "TOKENS", "ContactPoint", "CrmStatus", "Handled", "OurField", "Page",
    "PersonFields", "PersonRecord", "PipedriveClient", "PullResult", "Reconciled", "RecordError", "Vanished",
    "about_to_write", "are_new_events", "canonical", "covered_to", "crm_status", "days", "handle_events",
    "known_fields", "normal", "not_written", "note_read", "note_vanished", "person_fields", "pipedrive", "pull_day",
    "reconcile", "refresh_fields", "serve", "values_of", "webhook_app",
]  # fmt: skip
