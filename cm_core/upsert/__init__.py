"""The atomic upsert: match keys, resolving rows to persons, applying an import in one transaction, taking apart."""

from cm_core.upsert.engine import ApplyResult, apply
from cm_core.upsert.split import split_persons

__all__ = ["ApplyResult", "apply", "split_persons"]
