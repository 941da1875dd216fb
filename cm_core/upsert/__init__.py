"""The atomic upsert: match keys, resolving rows to persons, applying an import in one transaction, taking apart."""

from cm_core.upsert.engine import apply, apply_all
from cm_core.upsert.preview import preview
from cm_core.upsert.resolving import ApplyResult, define_match_classes
from cm_core.upsert.split import split_persons

__all__ = ["ApplyResult", "apply", "apply_all", "define_match_classes", "preview", "split_persons"]
