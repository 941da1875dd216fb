"""The data-quality report: what every asset check last said, how it went before, and how the imports went by day.

Where evaluations come from is the graph's business (`cm_assets.quality`); here they become a report, and a page of it.
"""

from cm_core.quality.imports import ImportDay, import_days
from cm_core.quality.page import keep, page
from cm_core.quality.report import Check, Evaluation, Planned, Report, Section, check_of

__all__ = [
    "Check", "Evaluation", "ImportDay", "Planned", "Report", "Section", "check_of", "import_days", "keep",
    "page",
]  # fmt: skip
