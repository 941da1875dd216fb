"""Pipedrive, both ways: its people, activities and deals come in as imports; golden records and verdicts go out."""

from cm_core.crm.apply import Applied, apply_plan
from cm_core.crm.client import API, TOKENS, Page, PipedriveClient, pipedrive
from cm_core.crm.edits import values_of
from cm_core.crm.events import Handled, are_new_events, handle_events
from cm_core.crm.fields import CHANNELS, OUR_FIELDS, OurField, PersonFields, known_fields, person_fields, refresh_fields
from cm_core.crm.people import about_to_write, not_written, note_read, note_vanished
from cm_core.crm.plan import make_plan
from cm_core.crm.pull import SOURCES, PullResult, covered_to, days, pull_day
from cm_core.crm.reconcile import Reconciled, Vanished, reconcile
from cm_core.crm.records import ContactPoint, PersonRecord, RecordError, canonical, normal
from cm_core.crm.setup import SetUp, set_up
from cm_core.crm.status import CrmStatus, crm_status
from cm_core.crm.steps import PlanRow, Step, plan_row, steps_of
from cm_core.crm.suppressions import plan_suppressions, push_suppressions
from cm_core.crm.webhooks import serve, webhook_app

__all__ = [
    "API",
    "CHANNELS",
    "OUR_FIELDS",
    "SOURCES",
    "TOKENS",
    "Applied",
    "ContactPoint",
    "CrmStatus",
    "Handled",
    "OurField",
    "Page",
    "PersonFields",
    "PersonRecord",
    "PipedriveClient",
    "PlanRow",
    "PullResult",
    "Reconciled",
    "RecordError",
    "SetUp",
    "Step",
    "Vanished",
    "about_to_write",
    "apply_plan",
    "are_new_events",
    "canonical",
    "covered_to",
    "crm_status",
    "days",
    "handle_events",
    "known_fields",
    "make_plan",
    "normal",
    "not_written",
    "note_read",
    "note_vanished",
    "person_fields",
    "pipedrive",
    "plan_row",
    "plan_suppressions",
    "pull_day",
    "push_suppressions",
    "reconcile",
    "refresh_fields",
    "serve",
    "set_up",
    "steps_of",
    "values_of",
    "webhook_app",
]  # fmt: skip
