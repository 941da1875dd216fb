"""Compliance: do-not-call lists, opt-outs and other facts about contact points, all permanent.

Verdicts are dbt marts over these facts.
"""

from cm_core.compliance.applying import ApplyCounts
from cm_core.compliance.fact_lists import apply_facts, apply_opt_outs
from cm_core.compliance.messages import record_messages
from cm_core.compliance.preview import preview_dnc, preview_facts, preview_opt_outs
from cm_core.compliance.suppressions import apply_dnc, refresh_contact_status

__all__ = [
    "ApplyCounts", "apply_dnc", "apply_facts", "apply_opt_outs", "preview_dnc", "preview_facts", "preview_opt_outs",
    "record_messages", "refresh_contact_status",
]  # fmt: skip
