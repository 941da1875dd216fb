"""Compliance: do-not-call lists and opt-outs as permanent facts. Verdicts are dbt marts over these facts."""

from cm_core.compliance.counts import ApplyCounts
from cm_core.compliance.dnc import (
    DncStatus,
    Listed,
    apply_dnc,
    dnc_status,
    list_new_numbers,
    list_new_phones,
    listed,
    preview_dnc,
)
from cm_core.compliance.preview import preview_opt_outs
from cm_core.compliance.suppressions import apply_opt_outs, refresh_contact_status

__all__ = [
    "ApplyCounts", "DncStatus", "Listed", "apply_dnc", "apply_opt_outs", "dnc_status", "list_new_numbers",
    "list_new_phones", "listed", "preview_dnc", "preview_opt_outs", "refresh_contact_status",
]  # fmt: skip
