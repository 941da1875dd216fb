"""Compliance: do-not-call lists and opt-outs as permanent facts. Verdicts are dbt marts over these facts."""

from cm_core.compliance.preview import preview_dnc, preview_opt_outs
from cm_core.compliance.suppressions import ApplyCounts, apply_dnc, apply_opt_outs, refresh_contact_status

__all__ = [
    "ApplyCounts", "apply_dnc", "apply_opt_outs", "preview_dnc", "preview_opt_outs", "refresh_contact_status",
]  # fmt: skip
