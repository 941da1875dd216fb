"""Do-not-call lists: versions by area code in the lake, the listings of held numbers in MySQL, and scrubbing.

staged   what an import says        drafts   what that makes of each area code      apply   bringing it into force
files    the lake                   lists    what is in force, and who is on it     held    `dnc_registry`
"""

from cm_core.compliance.dnc.apply import apply_dnc
from cm_core.compliance.dnc.held import (
    count_unlisted,
    list_held_numbers,
    list_new_numbers,
    list_new_phones,
    report_numbers,
)
from cm_core.compliance.dnc.lists import Listed, listed
from cm_core.compliance.dnc.preview import preview_dnc
from cm_core.compliance.dnc.status import DncStatus, dnc_status

__all__ = [
    "DncStatus", "Listed", "apply_dnc", "count_unlisted", "dnc_status", "list_held_numbers", "list_new_numbers",
    "list_new_phones", "listed", "preview_dnc", "report_numbers",
]  # fmt: skip
