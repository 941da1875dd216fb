"""Compliance: do-not-call lists, opt-outs and other facts about contact points, all permanent.

Verdicts are dbt marts over these facts.
"""

from cm_core.compliance.applying import ApplyCounts
from cm_core.compliance.dnc import (
    DncStatus,
    Listed,
    apply_dnc,
    count_unlisted,
    dnc_status,
    list_held_numbers,
    list_new_numbers,
    list_new_phones,
    listed,
    preview_dnc,
)
from cm_core.compliance.fact_lists import apply_facts, apply_opt_outs
from cm_core.compliance.list_marks import Marked, apply_marks
from cm_core.compliance.messages import record_messages
from cm_core.compliance.preview import preview_facts, preview_opt_outs
from cm_core.compliance.suppressions import refresh_contact_status

__all__ = [
    "ApplyCounts", "DncStatus", "Listed", "Marked", "apply_dnc", "apply_facts", "apply_marks", "apply_opt_outs",
    "count_unlisted", "dnc_status", "list_held_numbers", "list_new_numbers", "list_new_phones", "listed", "preview_dnc",
    "preview_facts", "preview_opt_outs", "record_messages", "refresh_contact_status",
]  # fmt: skip
