"""Extraction of tables of a legacy MySQL over a real connection, slice by slice, into the landing zone.

What becomes of a slice after it has landed is an import like any other and belongs to `cm_core.imports`.
"""

from cm_core.extract.engine import (
    check_pool,
    extracted,
    pending,
    plans,
    shortfall,
    shortfalls,
    slice_pool,
    tables,
    verified,
)
from cm_core.extract.plan import Plan, Slice, latest_plan, make_plan, plan_of
from cm_core.extract.slices import SliceResult, extract_slice, result_of, verify_slice
from cm_core.extract.source import ExtractFailed, Source, open_source

__all__ = [
    "ExtractFailed",
    "Plan",
    "Slice",
    "SliceResult",
    "Source",
    "check_pool",
    "extract_slice",
    "extracted",
    "latest_plan",
    "make_plan",
    "open_source",
    "pending",
    "plan_of",
    "plans",
    "result_of",
    "shortfall",
    "shortfalls",
    "slice_pool",
    "tables",
    "verified",
    "verify_slice",
]
